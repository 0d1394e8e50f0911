"""COCO 2017 with LVIS: `train2017`, `val2017` and their JSON annotations.

Annotation files are found by name in the folder or its `annotations`: `instances_val2017.json` of
COCO and `lvis_v1_val.json` of LVIS; what both label of an image is joined. LVIS draws its own
lines between training and validation, so an image's folder is read from its `coco_url`.

Source: cocodataset.org, lvisdataset.org. RITM's COCO+LVIS keeps objects and their parts in layers;
here the smaller of two objects lies on top in one label map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.cases import Found, PictureCase, Skipped
from SlicerLIMNet.io.datasets.coco_masks import read_mask
from SlicerLIMNet.io.large_json import read_large_json

BoolArray = npt.NDArray[np.bool_]

SAME_OBJECT_IOU = 0.5
"""A COCO object that overlaps one of LVIS by more is the same and left out."""

_FILES = ("lvis_v1_train.json", "lvis_v1_val.json", "instances_train2017.json",
          "instances_val2017.json")  # fmt: skip
_FOLDERS = ("train2017", "val2017")


@dataclass
class _Labelled:
    """An image and the annotations of it."""

    rows: int
    columns: int
    objects: dict[bool, list[tuple[str, Any]]] = field(
        default_factory=lambda: {True: [], False: []}
    )
    """By whether they are of LVIS: name and segmentation."""


def read_coco_lvis(folder: Path) -> Iterator[Found]:
    """Yield all images with objects, in the order of their names.

    Crowds are left out.

    Raises:
        ConfigError: There are no annotation files, or one is damaged.
    """
    files = [place / name for place in (folder, folder / "annotations") for name in _FILES]
    files = [file for file in files if file.is_file()]
    if not files:
        raise ConfigError(
            f"{folder} holds no annotations of COCO or LVIS: expected "
            "annotations/instances_val2017.json or lvis_v1_val.json"
        )
    images: dict[str, _Labelled] = {}
    for file in files:
        _add(file, images)
    for name in sorted(images):
        labelled = images[name]
        if not (folder / name).is_file():
            yield Skipped(name, "the image is not there")
        elif any(labelled.objects.values()):
            yield PictureCase(name, folder / name, partial(_draw, labelled))


def draw_objects(
    masks: Sequence[BoolArray], names: Sequence[str], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.uint16], dict[int, str]]:
    """Return a label map of objects, the smaller ones on top, and the name of each value."""
    labels = np.zeros(shape, np.uint16)
    areas = [int(mask.sum()) for mask in masks]
    for place in sorted(range(len(masks)), key=lambda i: -areas[i]):
        labels[masks[place]] = place + 1
    seen = set(np.unique(labels).tolist()) - {0}
    return labels, {value: f"{names[value - 1]} {value}" for value in sorted(seen)}


def image_place(image: Mapping[str, Any], file: Path) -> str:
    """Return the path of an image from the folder of the data set, such as val2017/0001.jpg."""
    address = PurePosixPath(str(image.get("coco_url") or ""))
    if address.parent.name in _FOLDERS:
        return f"{address.parent.name}/{address.name}"
    split = next((f for f in _FOLDERS if f in file.name), _FOLDERS["val" in file.name])
    return f"{split}/{PurePosixPath(str(image['file_name'])).name}"


def _add(file: Path, images: dict[str, _Labelled]) -> None:
    content = read_large_json(file, "the annotations")
    try:
        categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
        places = {}
        for image in content["images"]:
            places[image["id"]] = place = image_place(image, file)
            images.setdefault(place, _Labelled(int(image["height"]), int(image["width"])))
        for entry in content["annotations"]:
            if not entry.get("iscrowd"):
                objects = images[places[entry["image_id"]]].objects[file.name.startswith("lvis")]
                objects.append((categories[entry["category_id"]], entry["segmentation"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file} is no annotation file of COCO or LVIS ({error})") from error


def _draw(labelled: _Labelled) -> tuple[npt.NDArray[np.uint16], Mapping[int, str]]:
    shape = (labelled.rows, labelled.columns)
    kept: list[BoolArray] = []
    names: list[str] = []
    for of_lvis in (True, False):
        lvis = tuple(kept) if not of_lvis else ()
        for name, segmentation in labelled.objects[of_lvis]:
            mask = read_mask(segmentation, *shape)
            if not any(_iou(mask, other) > SAME_OBJECT_IOU for other in lvis):
                kept.append(mask)
                names.append(name)
    return draw_objects(kept, names, shape)


def _iou(a: BoolArray, b: BoolArray) -> float:
    return int((a & b).sum()) / max(1, int((a | b).sum()))
