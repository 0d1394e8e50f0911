import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import Cancelled, ConfigError
from SlicerLIMNet.io.datasets.pairs import read_pairs
from SlicerLIMNet.io.datasets.survey import check_place, write_manifest
from SlicerLIMNet.io.itk_images import read_grid, to_image
from SlicerLIMNet.io.labelmaps import write_segments
from SlicerLIMNet.io.manifest import load_case, read_manifest
from SlicerLIMNet.io.segment_names import read_names
from SlicerLIMNet.io.segments import Segment
from Testing.unit.io.dataset_folders import stack, write_nifti

VOXELS, LABELS = stack()
SPACING_XYZ = (0.7, 0.8, 5.0)
GRID = Geometry(VOXELS.shape, SPACING_XYZ[::-1], (10.0, -20.0, 30.0))


@pytest.fixture
def put(tmp_path):
    """Write files by their names: labels hold both values, a mask is 1 where 2 is."""

    def write(*names):
        for name in names:
            kinds = [word for word in ("label", "seg", "mask") if word in name.lower()]
            array = VOXELS if not kinds else LABELS == 2 if kinds == ["mask"] else LABELS
            write_nifti(tmp_path / name, array.astype(VOXELS.dtype), SPACING_XYZ)
        return tmp_path

    return write


def paired(folder, **options):
    path = folder / "manifest.json"
    survey = write_manifest(read_pairs(folder, **options), path)
    entries = {entry.name: entry for entry in read_manifest(path)}
    return entries, {case.name: case.reason for case in survey.skipped}


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("ct1.nii.gz", "ct1_labels.nii.gz"),
        ("ct1.nii.gz", "ct1-seg.nrrd"),
        ("images/ct1.nrrd", "labels/ct1.nrrd"),
        ("imagesTr/liver_001_0000.nii.gz", "labelsTr/liver_001.nii.gz"),
        ("img/img0007.nii.gz", "label/label0007.nii.gz"),
        ("case_3/imaging.nii.gz", "case_3/segmentation.nii.gz"),
        ("a/b/Volume.mha", "a/b/Volume Segmentation.mha"),
    ],
)
def test_names_that_differ_in_kind_only_are_a_pair(put, image, labels):
    folder = put(image, labels)
    entries, skipped = paired(folder)
    (entry,) = entries.values()
    assert (entry.image, entry.labels) == (folder / image, folder / labels)
    assert entry.targets == {"label 1": 1, "label 2": 2}
    assert not skipped
    volume, loaded = load_case(entry)
    np.testing.assert_array_equal(volume.array, VOXELS)
    np.testing.assert_array_equal(loaded, LABELS)


def test_further_words_of_a_name_are_the_object(put):
    folder = put("ct1.nii.gz", "ct1_liver_mask.nii.gz", "ct1_left_lung_mask.nii.gz", "ct10.nii.gz")
    entries, skipped = paired(folder, modality="CT")
    assert {name: entry.targets for name, entry in entries.items()} == {
        "ct1 liver": {"liver": 1},
        "ct1 left lung": {"left lung": 1},
    }
    assert entries["ct1 liver"].modality == "CT"
    assert skipped == {"ct10": "it has no segmentation"}


def test_masks_below_the_only_volume_of_a_folder_belong_to_it(put):
    folder = put(
        "s1/ct.nii.gz", "s1/masks/liver.nii.gz", "s1/masks/spleen.nii.gz", "s2/ct.nii.gz",
        "s2/masks/liver.nii.gz",
    )  # fmt: skip
    entries, skipped = paired(folder)
    assert {entry.labels.parent.parent.name for entry in entries.values()} == {"s1", "s2"}
    assert set(entries) == {"s1/ct liver", "s1/ct spleen", "s2/ct liver"}
    assert entries["s1/ct spleen"].targets == {"spleen": 1}
    assert not skipped


def test_what_may_belong_to_two_volumes_or_none_is_skipped(put):
    folder = put("a/x.nii.gz", "a/y.nii.gz", "a/z_seg.nii.gz", "b/x.nii.gz", "b/x.nrrd",
                 "b/x_seg.nii.gz", "c/seg.nii.gz", "d/e.nii.gz", "d/e_seg.nii.gz")  # fmt: skip
    entries, skipped = paired(folder)
    assert set(entries) == {"d/e"}
    assert "2 volumes" in skipped["a/z_seg"]
    assert "2 volumes" in skipped["b/x_seg"]
    assert "no volume" in skipped["c/seg"]


def test_segments_of_a_seg_nrrd_name_the_objects(put, tmp_path):
    put("ct1.nii.gz", "ct2.nii.gz")
    volume = Volume(VOXELS, GRID)
    apart = [Segment("liver", LABELS == 1), Segment("tumour", LABELS == 2)]
    write_segments(tmp_path / "ct1.seg.nrrd", apart, volume)
    write_segments(tmp_path / "ct2.seg.nrrd", [*apart, Segment("all", LABELS > 0)], volume)
    entries, skipped = paired(tmp_path)
    assert entries["ct1"].targets == {"liver": 1, "tumour": 2}
    assert "overlap" in skipped["ct2"]
    np.testing.assert_array_equal(load_case(entries["ct1"])[1], LABELS)


@pytest.mark.parametrize(
    "content",
    [{"1": "liver", "0": "background"}, {"liver": 1, "background": 0}, {"labels": {"1": "liver"}}],
)
def test_names_may_come_from_json(put, tmp_path, content):
    (tmp_path / "names.json").write_text(json.dumps(content))
    folder = put("ct1.nii.gz", "ct1_seg.nii.gz")
    entries, _ = paired(folder, names=read_names(tmp_path / "names.json"))
    assert entries["ct1"].targets == {"liver": 1}  # value 2 has no name and is left out


@pytest.mark.parametrize("content", [[], {}, {"0": "background"}, {"liver": "one"}, {"a": True}])
def test_json_without_names_is_refused(tmp_path, content):
    (tmp_path / "names.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"names\.json"):
        read_names(tmp_path / "names.json")


def test_other_slices_may_come_first(put):
    folder = put("ct1.nii.gz", "ct1_seg.nii.gz")
    entries, _ = paired(folder, slices="sagittal")
    volume, labels = load_case(entries["ct1"])
    np.testing.assert_array_equal(volume.array, VOXELS.transpose(2, 0, 1))
    np.testing.assert_array_equal(labels, LABELS.transpose(2, 0, 1))
    assert volume.geometry.spacing_zyx_mm == pytest.approx((0.7, 5.0, 0.8))
    for place in np.argwhere(labels):
        index, old = place.tolist(), [place[1], place[2], place[0]]
        np.testing.assert_allclose(
            volume.geometry.index_zyx_to_lps(index), GRID.index_zyx_to_lps(old), atol=1e-4
        )


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (LABELS[:2], "(4, 6, 8) voxels against (2, 6, 8)"),
        (LABELS * 0, "empty"),
        (LABELS.astype(np.int16) * 300, "300 to 600"),
        (LABELS * np.float32(0.5), "fractions"),
    ],
)
def test_labels_that_cannot_serve_are_skipped_with_the_reason(put, labels, reason):
    folder = put("ct1.nii.gz", "ct2.nii.gz", "ct2_seg.nii.gz")
    write_nifti(folder / "ct1_seg.nii.gz", labels, SPACING_XYZ)
    entries, skipped = paired(folder)
    assert set(entries) == {"ct2"}
    assert reason in skipped["ct1"]


def test_a_folder_without_anything_to_list_is_refused(put, tmp_path):
    with pytest.raises(ConfigError, match="no image files"):
        list(read_pairs(tmp_path))
    put("ct1.nii.gz", "ct2.nii.gz")
    with pytest.raises(ConfigError, match=r"ct1: it has no segmentation \(2 are skipped\)"):
        paired(tmp_path)
    assert not (tmp_path / "manifest.json").exists()


def test_a_manifest_lies_in_the_folder_or_above_it(tmp_path):
    (tmp_path / "data").mkdir()
    check_place(tmp_path / "data", tmp_path / "data" / "m.json")
    check_place(tmp_path / "data", tmp_path / "m.json")
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match="a folder above it"):
        check_place(tmp_path / "data", tmp_path / "other" / "m.json")
    with pytest.raises(ConfigError, match="there is no folder"):
        check_place(tmp_path / "gone", tmp_path / "m.json")


def test_a_limit_progress_and_a_wish_to_stop(put, tmp_path):
    folder = put("a.nii.gz", "a_seg.nii.gz", "b.nii.gz", "b_seg.nii.gz")
    seen = []
    survey = write_manifest(read_pairs(folder), tmp_path / "m.json", 1, seen.append)
    assert [entry["name"] for entry in survey.volumes] == ["a"]
    assert survey.targets == 2
    assert [(step.done, step.total) for step in seen] == [(1, 1)]
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        write_manifest(read_pairs(folder), tmp_path / "n.json", cancel=token)
    assert not (tmp_path / "n.json").exists()


def test_a_grid_is_read_from_the_header_alone(tmp_path):
    for name in ("a.nii.gz", "a.nrrd", "a.mha"):
        sitk.WriteImage(to_image(VOXELS, GRID), str(tmp_path / name))
        assert read_grid(tmp_path / name).is_close(GRID)
    sitk.WriteImage(to_image(VOXELS, GRID)[..., 0], str(tmp_path / "flat.nrrd"))
    assert read_grid(tmp_path / "flat.nrrd").shape_zyx == (1, 6, 8)
