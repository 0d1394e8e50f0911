import json

import cv2
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.errors import ConfigError, VolumeError
from SlicerLIMNet.io.encoded_images import write_pack
from SlicerLIMNet.io.itk_images import to_image
from SlicerLIMNet.io.manifest import load_case, read_manifest, read_pack, read_pack_manifest

SHAPE = (3, 24, 32)
GRID = Geometry(SHAPE, (3.0, 0.7, 0.5))
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[:, 5:9, 5:9] = 2


@pytest.fixture
def save(tmp_path):
    def write(entries, key="volumes", **more):
        path = tmp_path / "set.json"
        path.write_text(json.dumps({"format": 1, key: entries, **more}))
        return path

    return write


@pytest.fixture
def pair(tmp_path):
    voxels = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    sitk.WriteImage(to_image(voxels, GRID), str(tmp_path / "a.nii.gz"))
    sitk.WriteImage(to_image(LABELS, GRID), str(tmp_path / "a_labels.nii.gz"))
    return {
        "name": "a",
        "image": "a.nii.gz",
        "labels": "a_labels.nii.gz",
        "modality": "CT",
        "targets": {"liver": 2},
    }


def encoded(images, ending):
    streams = [cv2.imencode(ending, image)[1].ravel() for image in images]
    offsets = np.cumsum([0, *(stream.size for stream in streams)])
    return np.concatenate(streams), offsets.astype(np.int64)


@pytest.fixture
def lossy(tmp_path):
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8) * 8, SHAPE)
    slices, offsets = encoded(ramp, ".png")
    arrays = {
        "slices": slices,
        "offsets": offsets,
        "labels": LABELS,
        "spacing": np.array([3.0, 0.7, 0.5]),
        "window": np.array([-1000.0, 1000.0]),
        "names": json.dumps({"2": "liver"}),
    }

    def write(**changes):
        np.savez(tmp_path / "b.npz", **{**arrays, **changes})
        return {"name": "b", "image": "b.npz", "modality": "CT", "targets": {"liver": 2}}

    return write


def test_a_pair_of_files_is_a_case(save, pair):
    (entry,) = read_manifest(save([pair]))
    volume, labels = load_case(entry)
    assert (entry.name, entry.modality, entry.targets) == ("a", "CT", {"liver": 2})
    assert volume.geometry.is_close(GRID)
    assert volume.modality == "CT"
    np.testing.assert_array_equal(labels, LABELS)
    assert labels.dtype == np.uint8


def test_lossy_slices_become_voxel_values_again(save, lossy):
    (entry,) = read_manifest(save([lossy()]))
    volume, labels = load_case(entry)
    expected = np.arange(32) * 8 / 255 * 2000 - 1000
    np.testing.assert_allclose(volume.array, np.broadcast_to(expected, SHAPE), atol=1e-3)
    assert volume.array.dtype == np.float32
    assert volume.geometry == GRID
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": LABELS[:2]},
        {"labels": LABELS[:, :20]},
        {"labels": LABELS.astype(np.int32)},
        {"offsets": np.array([0, 5, 3, 9])},
        {"offsets": np.array([0, 5, 9, 10**9])},
        {"offsets": np.array([0, 5, 9, 20])},
        {"window": np.array([1.0, 1.0])},
        {"spacing": np.array([1.0, 0.0, 1.0])},
        {"spacing": np.array([1.0, 1.0])},
        {"slices": np.zeros(0, np.uint8)},
    ],
)
def test_damaged_lossy_volumes_are_refused(save, lossy, changes):
    (entry,) = read_manifest(save([lossy(**changes)]))
    with pytest.raises(ConfigError, match=r"b\.npz"):
        load_case(entry)


def test_labels_on_another_grid_are_refused(save, pair, tmp_path):
    for grid, labels, text in [
        (Geometry(SHAPE, (3.0, 0.7, 0.6)), LABELS, "different grids"),
        (Geometry((3, 24, 31), (3.0, 0.7, 0.5)), LABELS[:, :, 1:], "different grids"),
        (GRID, LABELS.astype(np.int16) * 200, "must be 0 to 255"),
        (GRID, LABELS.astype(np.int16) * -1, "must be 0 to 255"),
    ]:
        sitk.WriteImage(to_image(labels, grid), str(tmp_path / "a_labels.nii.gz"))
        with pytest.raises(ConfigError, match=text):
            load_case(read_manifest(save([pair]))[0])


def test_missing_files_are_named(save, pair, tmp_path):
    entry = read_manifest(save([{**pair, "image": "gone.nii.gz"}]))[0]
    with pytest.raises(VolumeError, match="there is no file"):
        load_case(entry)
    entry = read_manifest(save([{**pair, "image": "gone.npz"}]))[0]
    with pytest.raises(ConfigError, match="cannot be read"):
        load_case(entry)


@pytest.mark.parametrize("name", ["../a.nii.gz", "/a.nii.gz", "x/../../a.nii.gz", "C:\\a.nii.gz"])
def test_paths_never_leave_the_folder_of_the_manifest(save, pair, name):
    for field in ("image", "labels"):
        with pytest.raises(ConfigError, match="leaves the folder"):
            read_manifest(save([{**pair, field: name}]))


@pytest.mark.parametrize(
    "change", [{"name": None}, {"image": None}, {"labels": None}, {"targets": None}, {"targets": 3}]
)
def test_an_entry_that_lacks_something_is_named(save, pair, change):
    entry = {key: value for key, value in {**pair, **change}.items() if value is not None}
    with pytest.raises(ConfigError, match="lacks a name, files or targets"):
        read_manifest(save([entry]))


def test_what_is_no_manifest_is_refused(save, pair, tmp_path):
    for entries, version, text in [
        ([pair], 2, '"format": 1'),
        ([], 1, "lists no volumes"),
        ([pair, pair], 1, "the same name"),
        (["a"], 1, "lacks a name"),
    ]:
        with pytest.raises(ConfigError, match=text):
            read_manifest(save(entries, format=version))
    with pytest.raises(ConfigError, match="lists no packs"):
        read_pack_manifest(save([pair]))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_manifest(tmp_path / "gone.json")


@pytest.mark.parametrize("colour", [False, True])
def test_a_pack_holds_images_in_rgb_and_their_labels(save, tmp_path, colour):
    grey = [np.full((20, 30), 50, np.uint8), np.full((10, 12), 90, np.uint8)]
    bgr = [np.stack([g, g + 1, g + 2], axis=-1) for g in grey]
    labels = [np.eye(20, 30, dtype=np.uint16) * 300, np.eye(10, 12, dtype=np.uint16)]
    images, offsets = encoded(bgr if colour else grey, ".png")
    maps, map_offsets = encoded(labels, ".png")
    arrays = {
        "images": images,
        "offsets": offsets,
        "labels": maps,
        "label_offsets": map_offsets,
        "names": json.dumps(["x", "y"]),
        "colour": colour,
    }
    np.savez(tmp_path / "p.npz", **arrays)
    (entry,) = read_pack_manifest(save([{"name": "p", "file": "p.npz", "kind": "k"}], "packs"))
    pack = read_pack(entry.file)
    assert pack.names == ("x", "y")
    np.testing.assert_array_equal(pack.labels[0], labels[0])
    assert pack.images[1].shape == ((10, 12, 3) if colour else (10, 12))
    assert pack.images[0][0, 0].tolist() == ([52, 51, 50] if colour else 50)
    for change in ({"names": "[]"}, {"label_offsets": offsets}, {"labels": images * 0}):
        np.savez(tmp_path / "p.npz", **{**arrays, **change})
        with pytest.raises(ConfigError, match=r"p\.npz"):
            read_pack(entry.file)


@pytest.mark.parametrize(
    "change",
    [
        {"slice_axis": 3},
        {"slice_axis": "z"},
        {"window": [1]},
        {"window": "wide"},
        {"frames": ["a.png"], "masks": []},
        {"frames": [], "masks": []},
        {"frames": ["a.png"], "masks": ["a.png"], "colours": {"1": [0, 0]}},
        {"pack": "p.npz"},
    ],
)
def test_an_option_that_makes_no_sense_is_named(save, pair, change):
    with pytest.raises(ConfigError, match="lacks a name, files or targets"):
        read_manifest(save([{**pair, **change}]))


def test_a_window_without_width_is_refused(save, pair):
    with pytest.raises(ConfigError, match="a low below a high"):
        read_manifest(save([{**pair, "window": [3, 1]}]))


def test_paths_of_frames_and_packs_never_leave_the_folder(save, pair):
    for change in (
        {"frames": ["../a.png"], "masks": ["a.png"]},
        {"frames": ["a.png"], "masks": ["/a.png"]},
        {"pack": "../p.npz", "index": 0},
    ):
        with pytest.raises(ConfigError, match="leaves the folder"):
            read_manifest(save([{**pair, **change}]))


@pytest.mark.parametrize(("axis", "order"), [(0, (0, 1, 2)), (1, (1, 0, 2)), (2, (2, 0, 1))])
def test_the_slice_axis_comes_first_and_every_voxel_keeps_its_place(save, pair, axis, order):
    (plain,) = read_manifest(save([pair]))
    (entry,) = read_manifest(save([{**pair, "slice_axis": axis, "window": [-10, 20]}]))
    before, volume = load_case(plain)[0], load_case(entry)[0]
    np.testing.assert_array_equal(volume.array, before.array.transpose(order))
    np.testing.assert_array_equal(load_case(entry)[1], LABELS.transpose(order))
    assert volume.window == (-10, 20)
    assert before.window is None
    index = np.array([[0, 0, 0], [1, 2, 3], [2, 1, 0]])
    np.testing.assert_allclose(
        volume.geometry.index_zyx_to_lps(index),
        before.geometry.index_zyx_to_lps(index[:, np.argsort(order)]),
        atol=1e-9,
    )


def test_an_image_of_a_pack_is_a_volume_of_one_slice(save, tmp_path):
    grey = np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)
    stream = cv2.imencode(".png", grey)[1].tobytes()
    labels = np.eye(20, 30, dtype=np.uint16)
    write_pack(tmp_path / "p.npz", [stream, stream], [labels, labels * 300], ["x", "y"])
    entry = {"name": "x", "pack": "p.npz", "index": 0, "targets": {"a": 1}}
    volume, loaded = load_case(read_manifest(save([entry]))[0])
    assert volume.shape_zyx == (1, 20, 30)
    np.testing.assert_array_equal(volume.array[0], np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(loaded[0], labels)
    for index, text in ((1, "must be 0 to 255"), (2, "no image 2; it holds 2")):
        with pytest.raises(ConfigError, match=text):
            load_case(read_manifest(save([{**entry, "index": index}]))[0])


def test_frames_and_masks_of_different_sizes_are_refused(save, tmp_path):
    for name, shape in (("a", (4, 5)), ("b", (4, 5)), ("c", (3, 5))):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), np.eye(*shape, dtype=np.uint8) * 2)
    entry = {"name": "v", "targets": {"x": 2}}
    good = {**entry, "frames": ["a.png", "b.png"], "masks": ["b.png", "a.png"]}
    volume, labels = load_case(read_manifest(save([good]))[0])
    assert (volume.shape_zyx, volume.modality, labels.max()) == ((2, 4, 5), "RGB", 2)
    for frames, masks in ((["a.png", "c.png"], ["a.png", "b.png"]), (["c.png"], ["a.png"])):
        with pytest.raises(ConfigError, match="size"):
            load_case(read_manifest(save([{**entry, "frames": frames, "masks": masks}]))[0])
