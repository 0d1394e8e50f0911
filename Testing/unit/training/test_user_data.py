"""A user's volumes and segmentations, in every way that they may lie in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.training.user_data import labelled, pool_of_cases, read_cases, split
from Testing.unit.training.tiny_data import SHAPE, tiny_labels, tiny_voxels, write_volumes


def write(path: Path, voxels: np.ndarray, spacing: float = 2.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.0, 1.0, spacing))
    sitk.WriteImage(image, str(path))


def write_pair(image: Path, labels: Path) -> None:
    write(image, tiny_voxels(3).astype(np.int16) * 4 - 300)
    write(labels, tiny_labels())


LAYOUTS = {
    "{name}.nii.gz": "{name}_labels.nii.gz",
    "{name}.nrrd": "{name}-seg.nrrd",
    "{name}.mha": "{name}.seg.nrrd",
    "images/{name}.nii.gz": "labels/{name}.nii.gz",
    "imagesTr/{name}_0000.nii.gz": "labelsTr/{name}.nii.gz",
}


@pytest.mark.parametrize("image", LAYOUTS)
def test_pairs_are_found_by_their_names(tmp_path, image):
    for name in ("b", "a"):
        write_pair(tmp_path / image.format(name=name), tmp_path / LAYOUTS[image].format(name=name))
    cases = read_cases(tmp_path)
    assert [case.volume.name for case in cases] == ["a", "b"]
    assert cases[0].targets == {"label 1": 1, "label 3": 3}
    assert cases[0].labels.shape == SHAPE


def test_a_training_manifest_will_do_and_names_choose_among_its_volumes(tmp_path):
    manifest = write_volumes(tmp_path)
    assert len(read_cases(manifest)) == 3
    (case,) = read_cases(manifest, "^other")
    assert case.volume.name == "other_mr"
    assert case.targets == {"ball": 1, "bar": 3}


def test_voxels_become_bytes_within_a_window_and_labels_stay(tmp_path):
    write_pair(tmp_path / "a.nii.gz", tmp_path / "a_seg.nii.gz")
    (case,) = read_cases(tmp_path)
    volume = labelled(case)
    assert volume.voxels.dtype == np.uint8
    low, high = volume.window
    original = volume.voxels / 255 * (high - low) + low
    inside = (case.volume.array > low) & (case.volume.array < high)
    assert np.abs(original - case.volume.array)[inside].max() <= (high - low) / 255
    np.testing.assert_array_equal(volume.labels, tiny_labels())


def test_a_pool_of_cases_holds_nothing_else(tmp_path):
    pool = pool_of_cases(read_cases(write_volumes(tmp_path)))
    assert {name: len(targets) for name, targets in pool.real.items()} == {"ball": 3, "bar": 3}
    assert [pool.pseudo, pool.images, pool.superpixels] == [[], {}, []]


def test_cases_are_split_the_same_way_every_time_and_never_shared(tmp_path):
    cases = read_cases(write_volumes(tmp_path))
    learned, measured = split(cases, 0.3, 1)
    assert (len(learned), len(measured)) == (2, 1)
    assert {c.volume.name for c in learned}.isdisjoint(c.volume.name for c in measured)
    assert [c.volume.name for c in split(cases, 0.3, 1)[1]] == [c.volume.name for c in measured]
    assert len(split(cases, 0.99, 1)[0]) == 1
    with pytest.raises(ConfigError, match="one volume is too few"):
        split(cases[:1], 0.3, 1)


def empty_labels(folder: Path) -> None:
    write_pair(folder / "a.nii.gz", folder / "a_seg.nii.gz")
    write(folder / "a_seg.nii.gz", np.zeros(SHAPE, np.uint8))


def other_grid(folder: Path) -> None:
    write_pair(folder / "a.nii.gz", folder / "a_seg.nii.gz")
    write(folder / "a_seg.nii.gz", tiny_labels(), spacing=5.0)


FAULTS = {
    "no pairs of volume and segmentation": lambda f: write(f / "a.nii.gz", tiny_voxels(1)),
    "no volume for the segmentation b_labels.nrrd": lambda f: (
        write_pair(f / "a.nrrd", f / "a_labels.nrrd"),
        write(f / "b_labels.nrrd", tiny_labels()),
    ),
    "has an object of 3 slices": empty_labels,
    "lie on different grids": other_grid,
}


@pytest.mark.parametrize("sentence", FAULTS)
def test_what_cannot_be_used_is_one_sentence(tmp_path, sentence):
    FAULTS[sentence](tmp_path)
    with pytest.raises(ConfigError, match=sentence):
        read_cases(tmp_path)


@pytest.mark.parametrize(
    ("name", "only", "sentence"),
    [
        ("nowhere", None, "is not there"),
        ("train.json", "zebra", "no volume"),
        ("train.json", "(", "no pattern"),
    ],
)
def test_what_is_asked_for_must_be_there(tmp_path, name, only, sentence):
    write_volumes(tmp_path)
    with pytest.raises(ConfigError, match=sentence):
        read_cases(tmp_path / name, only)
