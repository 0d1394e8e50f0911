import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.cases import Skipped
from SlicerLIMNet.io.datasets.catalogue import READERS
from SlicerLIMNet.io.datasets.survey import write_manifest
from SlicerLIMNet.io.manifest import load_case, read_manifest
from Testing.unit.io.dataset_folders import KITS, stack, write_json, write_nifti

SPACING_XYZ = (0.7, 0.8, 5.0)


def cases_of(dataset, folder):
    """The manifest's volumes by name, and what was skipped, of a small data set."""
    path = folder / "manifest.json"
    survey = write_manifest(READERS[dataset](folder), path)
    skipped = {case.name: case.reason for case in survey.skipped}
    return {entry.name: entry for entry in read_manifest(path)}, skipped


def assert_slices_come_first(entry, labels):
    """Every axial slice shows its number, in slices along the first axis, 5 mm apart."""
    volume, loaded = load_case(entry)
    np.testing.assert_array_equal(volume.array[:, 1, 1], [0, 100, 200, 300])
    assert volume.geometry.spacing_zyx_mm[0] == pytest.approx(5.0)
    assert loaded.shape == volume.shape_zyx
    assert sorted(np.argwhere(loaded == 1)[:, 0]) == [1, 1, 1]
    assert (loaded == 2).sum() == (labels == 2).sum()
    return volume, loaded


@pytest.fixture
def msd(tmp_path):
    def write(task="Lung", modality="CT", labels=("background", "cancer")):
        root = tmp_path / f"Task06_{task}"
        voxels, truth = stack()
        for part, array in (("imagesTr", voxels), ("labelsTr", np.minimum(truth, len(labels) - 1))):
            write_nifti(root / part / "case_001.nii.gz", array, SPACING_XYZ)
            (root / part / "._case_001.nii.gz").write_bytes(b"a Mac's")
        files = {"image": "./imagesTr/case_001.nii.gz", "label": "./labelsTr/case_001.nii.gz"}
        gone = {"image": "./imagesTr/gone.nii.gz", "label": "./labelsTr/gone.nii.gz"}
        content = {
            "name": task,
            "tensorImageSize": "3D",
            "modality": {"0": modality},
            "labels": {str(value): name for value, name in enumerate(labels)},
            "training": [files, gone],
            "test": ["./imagesTs/case_002.nii.gz"],
        }
        write_json(root / "dataset.json", content)
        return root

    return write


@pytest.mark.parametrize(
    ("task", "window"),
    [("Lung", (-1000, 400)), ("Colon", (-160, 240)), ("Pancreas", (-160, 240)), ("Liver", None)],
)
def test_a_decathlon_task_has_the_windows_of_the_protocol(msd, task, window):
    cases, skipped = cases_of("msd", msd(task))
    entry = cases["msd_case_001"]
    assert (entry.modality, entry.targets, entry.window) == ("CT", {"cancer": 1}, window)
    assert entry.slice_axis == 0
    assert "gone.nii.gz" in skipped["msd_gone"]
    volume, _ = load_case(entry)
    assert volume.window == window
    np.testing.assert_array_equal(volume.array, stack()[0])


def test_all_tasks_of_the_decathlon_are_read_from_the_folder_above(msd, tmp_path):
    msd("Pancreas", labels=("background", "pancreas", "cancer"))
    msd("Hippocampus", "MRI", ("background", "Anterior"))
    found = [case for case in READERS["msd"](tmp_path) if not isinstance(case, Skipped)]
    assert [(case.modality, case.names) for case in found] == [
        ("MR", {1: "Anterior"}),
        ("CT", {1: "pancreas", 2: "cancer"}),
    ]


def test_a_case_of_several_channels_is_skipped_with_its_reason(msd):
    root = msd("Brain", "FLAIR")
    voxels = np.stack([stack()[0]] * 2)
    write_nifti_4d(root / "imagesTr" / "case_001.nii.gz", voxels)
    with pytest.raises(ConfigError, match=r"msd_gone.*\(2 are skipped\)"):
        cases_of("msd", root)


def write_nifti_4d(path, array):
    import SimpleITK as sitk  # noqa: N813

    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(a) for a in array]), str(path))


def test_slices_of_kits19_are_the_first_axis_of_its_files(tmp_path):
    voxels, labels = stack()
    # [columns, rows, slices] as SimpleITK sees a file of (slices, rows, columns)
    for name, array in (("imaging", voxels), ("segmentation", labels)):
        path = tmp_path / "data" / "case_00007" / f"{name}.nii.gz"
        write_nifti(path, array.transpose(2, 1, 0).copy(), (5.0, 0.8, 0.7), KITS)
    write_nifti(tmp_path / "data" / "case_00210" / "imaging.nii.gz", voxels, SPACING_XYZ)
    cases, skipped = cases_of("kits19", tmp_path)
    entry = cases["kits19_case_00007"]
    assert (entry.targets, entry.window) == ({"kidney": 1, "tumour": 2}, (-79, 304))
    assert entry.slice_axis == 2
    assert skipped == {"case_00210": "it has no segmentation"}
    volume, loaded = assert_slices_come_first(entry, labels)
    np.testing.assert_array_equal(volume.array, voxels.transpose(0, 2, 1))
    assert volume.geometry.spacing_zyx_mm == pytest.approx((5.0, 0.7, 0.8))
    # a voxel lies where the file's own header puts it: origin + 5 mm down + 3 columns to the left
    place = np.argwhere(loaded == 2)[0]
    assert place.tolist() == [1, 3, 4]
    lps = volume.geometry.index_zyx_to_lps(place)
    np.testing.assert_allclose(lps, [10 + 3 * 0.7, -20 + 4 * 0.8, 30 - 5.0], atol=1e-4)


def test_kits19_that_was_stored_anew_with_axial_slices_is_right_as_well(tmp_path):
    voxels, labels = stack()
    for name, array in (("imaging", voxels), ("segmentation", labels)):
        write_nifti(tmp_path / "case_00001" / f"{name}.nii.gz", array, SPACING_XYZ)
    cases, _ = cases_of("kits19", tmp_path)
    volume, _ = assert_slices_come_first(cases["kits19_case_00001"], labels)
    np.testing.assert_array_equal(volume.array, voxels)


@pytest.mark.parametrize("described", [True, False])
def test_amos_tells_ct_from_mr_by_the_number_of_the_case(tmp_path, described):
    voxels, labels = stack()
    for part, name in (("Tr", "amos_0001"), ("Tr", "amos_0507"), ("Va", "amos_0008")):
        write_nifti(tmp_path / f"images{part}" / f"{name}.nii.gz", voxels, SPACING_XYZ)
        write_nifti(tmp_path / f"labels{part}" / f"{name}.nii.gz", labels, SPACING_XYZ)
    write_nifti(tmp_path / "labelsVa" / "amos_0013.nii.gz", labels, SPACING_XYZ)
    if described:
        names = {"0": "background", "1": "spleen", "2": "right kidney"}
        write_json(tmp_path / "dataset.json", {"labels": names, "training": []})
    cases, skipped = cases_of("amos", tmp_path)
    assert [(n, c.modality, c.window) for n, c in cases.items()] == [
        ("amos_0001", "CT", (-160, 240)),
        ("amos_0507", "MR", None),
        ("amos_0008", "CT", (-160, 240)),
    ]
    assert cases["amos_0001"].targets == {"spleen": 1, "right kidney": 2}
    assert skipped == {"amos_0013": "its image is not there"}
    assert_slices_come_first(cases["amos_0507"], labels)


@pytest.mark.parametrize("place", ["", "RawData/Training"])
def test_btcv_pairs_img_and_label_by_number(tmp_path, place):
    voxels, labels = stack()
    root = tmp_path / place
    write_nifti(root / "img" / "img0001.nii.gz", voxels, SPACING_XYZ)
    write_nifti(root / "img" / "img0002.nii.gz", voxels, SPACING_XYZ)
    write_nifti(root / "label" / "label0001.nii.gz", labels * 4, SPACING_XYZ)
    cases, skipped = cases_of("btcv", tmp_path)
    entry = cases["btcv_0001"]
    assert entry.targets == {"gallbladder": 4, "aorta": 8}
    assert (entry.modality, entry.window) == ("CT", (-160, 240))
    assert skipped == {"btcv_0002": "label0002.nii.gz is not there"}


@pytest.mark.parametrize("dataset", ["msd", "kits19", "amos", "btcv", "endovis18", "davis",
                                     "coco-lvis", "ishape"])  # fmt: skip
def test_another_folder_is_refused_with_what_was_expected(tmp_path, dataset):
    with pytest.raises(ConfigError, match=r"expected|dataset\.json"):
        list(READERS[dataset](tmp_path))


@pytest.mark.parametrize("content", [[], {"labels": [1]}, {}, {"labels": {"0": "background"}}])
def test_a_damaged_description_is_refused(tmp_path, content):
    write_json(tmp_path / "dataset.json", content)
    with pytest.raises(ConfigError, match=r"dataset\.json"):
        list(READERS["msd"](tmp_path))


def test_a_description_never_leads_out_of_its_folder(tmp_path):
    files = {"image": "../a.nii.gz", "label": "labelsTr/a.nii.gz"}
    write_json(tmp_path / "dataset.json", {"labels": {"1": "a"}, "training": [files]})
    with pytest.raises(ConfigError, match="leaves its folder"):
        list(READERS["msd"](tmp_path))


def test_an_image_on_another_grid_is_skipped_with_the_difference(tmp_path):
    voxels, labels = stack()
    write_nifti(tmp_path / "img" / "img0001.nii.gz", voxels, SPACING_XYZ)
    write_nifti(tmp_path / "label" / "label0001.nii.gz", labels, SPACING_XYZ)
    write_nifti(tmp_path / "img" / "img0002.nii.gz", voxels, (0.9, 0.9, 5.0))
    write_nifti(tmp_path / "label" / "label0002.nii.gz", labels, SPACING_XYZ)
    write_nifti(tmp_path / "img" / "img0003.nii.gz", voxels[1:], SPACING_XYZ)
    write_nifti(tmp_path / "label" / "label0003.nii.gz", labels, SPACING_XYZ)
    write_nifti(tmp_path / "img" / "img0004.nii.gz", voxels, SPACING_XYZ)
    write_nifti(tmp_path / "label" / "label0004.nii.gz", labels * 0, SPACING_XYZ)
    cases, skipped = cases_of("btcv", tmp_path)
    assert list(cases) == ["btcv_0001"]
    assert "spacing" in skipped["btcv_0002"]
    assert "(3, 6, 8) voxels" in skipped["btcv_0003"]
    assert skipped["btcv_0004"] == "its labels are empty"
