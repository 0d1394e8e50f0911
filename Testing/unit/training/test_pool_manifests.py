"""Training from what `limnet manifest` writes."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.catalogue import READERS
from SlicerLIMNet.io.datasets.survey import write_manifest
from SlicerLIMNet.training.eight_bits import eight_bits
from SlicerLIMNet.training.pool import load_pool
from Testing.unit.io.dataset_folders import (
    KITS,
    ramp_image,
    write_json,
    write_nifti,
    write_palette_png,
    write_png,
)

ROWS_COLUMNS = (48, 60)


def listed(dataset, folder):
    write_manifest(READERS[dataset](folder), folder / "manifest.json")
    return folder / "manifest.json"


def ball():
    """A made CT of 12 axial slices, brighter in the object, and labels."""
    z, y, x = np.ogrid[:12, :48, :60]
    labels = (((z - 6) * 3) ** 2 + (y - 24) ** 2 + (x - 30) ** 2 < 14**2).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 10, labels.shape)
    return (labels * 200 - 50 + noise).astype(np.int16), labels


def test_a_kits19_folder_and_an_ishape_folder_train_together(tmp_path):
    voxels, labels = ball()
    for name, array in (("imaging", voxels), ("segmentation", labels)):
        path = tmp_path / "kits" / "case_00000" / f"{name}.nii.gz"
        write_nifti(path, array.transpose(2, 1, 0).copy(), (3.0, 0.8, 0.8), KITS)
    image = ramp_image(*ROWS_COLUMNS)
    instances = np.zeros(ROWS_COLUMNS, np.uint16)
    instances[5:20, 8:30] = 500
    write_png(tmp_path / "ishape" / "wire" / "train" / "image" / "0.png", image)
    write_png(tmp_path / "ishape" / "wire" / "train" / "instance_map" / "0.png", instances)
    pool = load_pool(
        listed("kits19", tmp_path / "kits"),
        listed("ishape", tmp_path / "ishape"),
        tmp_path / "kept",
    )
    (target,) = pool.real["CT"]
    volume = target.volume
    np.testing.assert_array_equal(volume.labels, labels.transpose(0, 2, 1))
    assert volume.spacing_zyx_mm[0] == pytest.approx(3.0)
    low, high = volume.window
    assert (low, high) == (-300, 500)
    restored = volume.voxels / 255 * (high - low) + low
    np.testing.assert_allclose(restored, voxels.transpose(0, 2, 1), atol=(high - low) / 255)
    ((picture,),) = pool.images.values()
    np.testing.assert_array_equal(picture.pixels, image)
    np.testing.assert_array_equal(picture.labels, instances == 500)


def test_a_sequence_of_colour_frames_is_a_grey_volume(tmp_path):
    for frame in range(5):
        name = f"480p/bear/{frame:05d}"
        write_png(tmp_path / "JPEGImages" / f"{name}.jpg", ramp_image(*ROWS_COLUMNS))
        mask = np.zeros(ROWS_COLUMNS, np.uint8)
        mask[10:20, frame : frame + 12] = 1
        palette = [(0, 0, 0), (128, 0, 0)]
        write_palette_png(tmp_path / "Annotations" / f"{name}.png", mask, palette)
    manifest = listed("davis", tmp_path)
    pool = load_pool(manifest, None, tmp_path / "kept", held_out=("bear",), only_held_out=True)
    (target,) = pool.real["RGB"]
    assert target.volume.voxels.shape == (5, *ROWS_COLUMNS)
    assert target.volume.voxels.dtype == np.uint8
    assert [len(slices) for slices in target.slices] == [5, 10, 16]


def test_colours_become_their_luminance():
    rgb = np.zeros((1, 2, 2, 3), np.uint8)
    rgb[0, 0, 0], rgb[0, 0, 1], rgb[0, 1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    voxels, window = eight_bits(Volume(rgb, Geometry((1, 2, 2), (1, 1, 1))))
    assert voxels.ravel().tolist() == [76, 150, 29, 0]
    assert window == (0, 255)


@pytest.mark.parametrize(
    ("modality", "window"), [("CT", (-1000, 1000)), ("MR", (-3000, 3000)), (None, (-3000, 3000))]
)
def test_a_ct_keeps_no_more_than_two_thousand_units(modality, window):
    values = np.linspace(-3000, 3000, 1000).reshape(10, 10, 10)
    _, kept = eight_bits(Volume(values, Geometry((10, 10, 10), (1, 1, 1)), modality))
    assert kept == pytest.approx(window, abs=20)


@pytest.mark.parametrize(
    ("modality", "given", "kept"),
    [("CT", (-79, 304), (-300, 500)), ("CT", (-1000, 400), (-1000, 500)), ("MR", (5, 80), (5, 80))],
)
def test_the_window_of_a_data_set_is_kept(modality, given, kept):
    values = np.linspace(-3000, 3000, 1000).reshape(10, 10, 10)
    volume = Volume(values, Geometry((10, 10, 10), (1, 1, 1)), modality, window=given)
    assert eight_bits(volume)[1] == kept


def test_a_volume_that_cannot_be_read_is_a_sentence(tmp_path):
    entry = {"name": "a", "image": "a.nii.gz", "labels": "b.nii.gz", "modality": "CT",
             "targets": {"x": 1}}  # fmt: skip
    write_json(tmp_path / "m.json", {"format": 1, "volumes": [entry]})
    with pytest.raises(ConfigError, match="no volume to train on"):
        load_pool(tmp_path / "m.json", None, tmp_path / "kept")
    del entry["image"]
    write_json(tmp_path / "m.json", {"format": 1, "volumes": [entry]})
    with pytest.raises(ConfigError, match="lacks a name, files or targets"):
        load_pool(tmp_path / "m.json", None, tmp_path / "kept")
