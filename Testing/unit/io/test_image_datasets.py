import json

import cv2
import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.catalogue import READERS
from SlicerLIMNet.io.datasets.survey import write_manifest
from SlicerLIMNet.io.frames import read_label_map
from SlicerLIMNet.io.manifest import load_case, read_manifest, read_pack, read_pack_manifest
from Testing.unit.io.dataset_folders import ramp_image, write_json, write_palette_png, write_png

PALETTE = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (0, 0, 0)]  # the last is a copy of the first
LEGEND = [
    {"name": "background-tissue", "color": [0, 0, 0], "classid": 0},
    {"name": "instrument-shaft", "color": [0, 255, 0], "classid": 1},
    {"name": "suturing-needle", "color": [255, 255, 125], "classid": 8},
]
IMAGE = ramp_image()


def cases_of(dataset, folder):
    path = folder / "manifest.json"
    survey = write_manifest(READERS[dataset](folder), path)
    skipped = {case.name: case.reason for case in survey.skipped}
    return {entry.name: entry for entry in read_manifest(path)}, skipped


def marks(frames=3):
    """Label maps of values 1 and 2; the second is on the last frame only."""
    labels = np.zeros((frames, 10, 12), np.uint8)
    labels[:, 2:4, 5:9] = 1
    labels[-1, 7, 1:3] = 2
    return labels


def test_davis_is_a_stack_of_frames_and_its_palette_gives_the_objects(tmp_path):
    labels = marks()
    for frame, label in enumerate(labels):
        place = tmp_path / "JPEGImages" / "480p" / "bear" / f"{frame:05d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        bgr = IMAGE[..., ::-1] // 2 + 40 * frame
        assert cv2.imwrite(str(place), bgr, [cv2.IMWRITE_JPEG_QUALITY, 100])
        write_palette_png(
            tmp_path / "Annotations" / "480p" / "bear" / f"{frame:05d}.png", label, PALETTE
        )
    (tmp_path / "JPEGImages" / "480p" / "swan").mkdir()
    cases, skipped = cases_of("davis", tmp_path)
    entry = cases["davis_bear"]
    assert entry.targets == {"object 1": 1, "object 2": 2}
    assert skipped == {"davis_swan": "it has no annotations"}
    volume, loaded = load_case(entry)
    np.testing.assert_array_equal(loaded, labels)
    assert volume.shape_zyx == labels.shape
    assert volume.is_colour
    for frame in range(3):
        expected = IMAGE.astype(int) // 2 + 40 * frame
        np.testing.assert_allclose(volume.array[frame].astype(int), expected, atol=12)
    assert len(entry.files) == 6


def test_masks_of_davis_2016_are_grey_with_one_object(tmp_path):
    for frame, label in enumerate(marks(2)):
        name = f"480p/cow/{frame:05d}"
        write_png(tmp_path / "JPEGImages" / f"{name}.jpg", IMAGE)
        write_png(tmp_path / "Annotations" / f"{name}.png", (label == 1) * np.uint8(255))
    cases, _ = cases_of("davis", tmp_path)
    assert cases["davis_cow"].targets == {"object": 255}
    np.testing.assert_array_equal(load_case(cases["davis_cow"])[1] == 255, marks(2) == 1)


@pytest.fixture
def endovis(tmp_path):
    """Two releases; an alpha channel and a colour without a name are ordinary."""
    colours = {0: (0, 0, 0, 255), 1: (0, 255, 0, 255), 2: (255, 255, 125, 255)}
    for release, sequence in (("release_1", "seq_1"), ("release_2", "seq_5")):
        root = tmp_path / release
        write_json(root / "labels.json", LEGEND)
        for frame, label in enumerate(marks()):
            write_png(root / sequence / "left_frames" / f"frame{frame:03d}.png", IMAGE + frame)
            rgba = np.zeros((10, 12, 4), np.uint8)
            for value, colour in colours.items():
                rgba[label == value] = colour
            rgba[0, 0] = (9, 9, 9, 255)
            path = root / sequence / "labels" / f"frame{frame:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), rgba[..., [2, 1, 0, 3]])
    write_png(tmp_path / "release_2" / "seq_5" / "left_frames" / "frame003.png", IMAGE)
    write_png(tmp_path / "release_2" / "seq_6" / "left_frames" / "frame000.png", IMAGE)
    return tmp_path


def test_endovis_frames_are_a_sequence_and_colours_become_classes(endovis):
    cases, skipped = cases_of("endovis18", endovis)
    assert list(cases) == ["endovis18_seq_1", "endovis18_seq_5"]
    assert skipped == {
        "endovis18_seq_5": "1 frames or masks have no partner",
        "endovis18_seq_6": "it has no folder of labels",
    }
    entry = cases["endovis18_seq_5"]
    assert entry.targets == {"instrument-shaft": 1, "suturing-needle": 8}
    volume, loaded = load_case(entry)
    expected = np.where(marks() == 2, 8, marks())
    np.testing.assert_array_equal(loaded, expected)
    np.testing.assert_array_equal(volume.array[2], IMAGE + 2)
    assert volume.geometry.spacing_zyx_mm == (1, 1, 1)


def test_endovis_without_a_legend_is_refused(endovis):
    for path in endovis.glob("*/labels.json"):
        path.write_text(json.dumps([{"name": "x"}]))
    with pytest.raises(ConfigError, match="name, color and classid"):
        list(READERS["endovis18"](endovis))
    for path in endovis.glob("*/labels.json"):
        path.unlink()
    with pytest.raises(ConfigError, match=r"has no labels\.json"):
        list(READERS["endovis18"](endovis))


def test_frames_and_masks_of_different_sizes_are_skipped(endovis):
    write_png(endovis / "release_1" / "seq_1" / "labels" / "frame000.png", IMAGE[:5])
    cases, skipped = cases_of("endovis18", endovis)
    assert list(cases) == ["endovis18_seq_5"]
    assert "(10, 12)" in skipped["endovis18_seq_1"]


def test_a_colour_mask_without_palette_or_colours_is_refused(tmp_path):
    write_png(tmp_path / "a.png", IMAGE)
    with pytest.raises(ConfigError, match="which colour is which label"):
        read_label_map(tmp_path / "a.png", {})
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(ConfigError, match="no image that can be read"):
        read_label_map(tmp_path / "a.png", {})


def square(row, column, size):
    right, bottom = column + size, row + size
    return [column, row, right, row, right, bottom, column, bottom]


@pytest.fixture
def coco(tmp_path):
    """Two images: one of both data sets, and one that LVIS counts as validation only."""
    for place in ("train2017/000000000001.jpg", "train2017/000000000002.jpg"):
        write_png(tmp_path / place, IMAGE)
    size = {"height": 10, "width": 12}
    images = [{"id": 1, "file_name": "000000000001.jpg", **size},
              {"id": 9, "file_name": "000000000009.jpg", **size}]  # fmt: skip
    person = {"image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [square(1, 1, 8)]}
    same = {"image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [square(2, 3, 2)]}
    crowd = {"image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": {"counts": [120]}}
    write_json(
        tmp_path / "annotations" / "instances_train2017.json",
        {
            "images": images,
            "categories": [{"id": 1, "name": "person"}],
            "annotations": [person, same, crowd],
        },
    )
    address = "http://images.cocodataset.org/train2017/00000000000{}.jpg"
    for split, number in (("train", 1), ("val", 2)):
        write_json(
            tmp_path / f"lvis_v1_{split}.json",
            {
                "images": [{"id": 1, "coco_url": address.format(number), **size}],
                "categories": [{"id": 5, "name": "button"}],
                "annotations": [
                    {"image_id": 1, "category_id": 5, "segmentation": [square(2, 3, 2)]}
                ],
            },
        )
    return tmp_path


def test_coco_and_lvis_are_joined_with_the_smaller_object_on_top(coco):
    cases, skipped = cases_of("coco-lvis", coco)
    first, second = cases.values()
    assert skipped == {"train2017/000000000009.jpg": "the image is not there"}
    assert first.name == "train2017/000000000001.jpg"
    assert first.targets == {"button 1": 1, "person 2": 2}  # the same button of COCO is left out
    assert second.targets == {"button 1": 1}
    volume, labels = load_case(first)
    assert volume.shape_zyx == labels.shape == (1, 10, 12)
    expected = np.zeros((10, 12))
    expected[1:9, 1:9] = 2
    expected[2:4, 3:5] = 1
    np.testing.assert_array_equal(labels[0], expected)
    assert abs(volume.array[0].astype(int) - IMAGE).mean() < 12  # JPEG


def test_packs_of_images_serve_for_training(coco):
    cases_of("coco-lvis", coco)
    (entry,) = read_pack_manifest(coco / "manifest.json")
    pack = read_pack(entry.file)
    assert pack.names == ("train2017/000000000001.jpg", "train2017/000000000002.jpg")
    assert [image.shape for image in pack.images] == [(10, 12, 3)] * 2
    assert pack.labels[1].max() == 1


@pytest.mark.parametrize("missing", ["images", "annotations", "categories"])
def test_a_damaged_annotation_file_is_named(coco, missing):
    path = coco / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    del content[missing]
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="instances_train2017"):
        list(READERS["coco-lvis"](coco))


@pytest.fixture
def ishape(tmp_path):
    """Instance maps of 16 bits for one kind, run lengths for another."""
    labels = marks(1)[0].astype(np.uint16) * 1000
    labels[7, 1:3] = 7
    write_png(tmp_path / "wire" / "train" / "image" / "0.png", IMAGE)
    write_png(tmp_path / "wire" / "train" / "instance_map" / "0.png", labels)
    split = tmp_path / "fence" / "val"
    write_png(split / "image" / "3.jpg", IMAGE)
    write_png(split / "image" / "4.jpg", IMAGE)
    runs = [[20, 3, 97], [60, 30, 30]]
    annotations = [
        {"image_id": 1, "category_id": 1, "segmentation": {"size": [10, 12], "counts": counts}}
        for counts in runs
    ]
    images = [{"id": 1, "file_name": "3.jpg", "height": 10, "width": 12}]
    name = "coco_format-mask_encoding=rle-instances_2017.json"
    write_json(split / name, {"images": images, "annotations": annotations})
    return tmp_path


def test_ishape_reads_instance_maps_or_run_lengths(ishape):
    cases, skipped = cases_of("ishape", ishape)
    assert skipped == {"fence/val/4.jpg": "it has no instance map and no annotations"}
    wire, fence = cases["wire/train/0.png"], cases["fence/val/3.jpg"]
    assert wire.targets == {"wire 1": 1, "wire 2": 2}
    labels = load_case(wire)[1][0]
    np.testing.assert_array_equal(labels[7], [0, 1, 1] + [0] * 9)  # 7 comes before 1000
    assert (labels == 2).sum() == 8
    assert fence.targets == {"fence 1": 1, "fence 2": 2}
    drawn = load_case(fence)[1][0]
    np.testing.assert_array_equal(np.argwhere(drawn == 1), [[0, 2], [1, 2], [2, 2]])
    assert (drawn[:, 6:9] == 2).all()


def test_an_image_of_another_size_than_its_labels_is_skipped(ishape):
    write_png(ishape / "wire" / "train" / "image" / "0.png", IMAGE[:4])
    cases, skipped = cases_of("ishape", ishape)
    assert list(cases) == ["fence/val/3.jpg"]
    assert "(4, 12)" in skipped["wire/train/0.png"]


def test_an_image_with_more_objects_than_bytes_count_is_for_training_only(tmp_path):
    labels = np.arange(300, dtype=np.uint16).reshape(15, 20)
    write_png(tmp_path / "log" / "val" / "image" / "0.png", ramp_image(15, 20))
    write_png(tmp_path / "log" / "val" / "instance_map" / "0.png", labels)
    path = tmp_path / "manifest.json"
    survey = write_manifest(READERS["ishape"](tmp_path), path)
    assert not survey.volumes
    assert "299 objects" in survey.skipped[0].reason
    (entry,) = read_pack_manifest(path)
    assert read_pack(entry.file).labels[0].max() == 299
