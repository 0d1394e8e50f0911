"""iShape: `antenna/train/image` and `instance_map` of each of six kinds of objects.

An instance map is a 16-bit PNG whose values are the objects. Where it is missing, the run lengths
of `coco_format-mask_encoding=rle-instances_*.json` beside it are drawn.

Source: ishape.github.io.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.cases import Found, PictureCase, Skipped, visible_files
from SlicerLIMNet.io.datasets.coco_lvis import draw_objects
from SlicerLIMNet.io.datasets.coco_masks import read_mask
from SlicerLIMNet.io.frames import FRAME_SUFFIXES, read_label_map
from SlicerLIMNet.io.large_json import read_large_json

Drawn = tuple[npt.NDArray[np.uint16], Mapping[int, str]]


def read_ishape(folder: Path) -> Iterator[Found]:
    """Yield the images of all kinds and splits below a folder.

    Raises:
        ConfigError: There are no folders `image`, or annotations are damaged.
    """
    images = [path for path in sorted(folder.rglob("image")) if path.is_dir()]
    if not images:
        raise ConfigError(f"{folder} holds no iShape images: expected antenna/train/image, ...")
    for path in images:
        yield from _split(path.parent, folder)


def _split(split: Path, folder: Path) -> Iterator[Found]:
    parts = split.relative_to(folder).parts or (folder.name,)
    kind, prefix = parts[0], "/".join(parts)
    maps = {path.stem: path for path in visible_files(split / "instance_map", "*.png")}
    drawn = {} if maps else _annotations(split)
    for image in visible_files(split / "image", "*"):
        if image.suffix.lower() not in FRAME_SUFFIXES:
            continue
        name = f"{prefix}/{image.name}"
        if image.stem in maps:
            yield PictureCase(name, image, partial(_from_map, maps[image.stem], kind))
        elif image.stem in drawn:
            yield PictureCase(name, image, partial(_from_runs, drawn[image.stem], kind))
        else:
            yield Skipped(name, "it has no instance map and no annotations")


def _from_map(path: Path, kind: str) -> Drawn:
    """Return a map whose objects are numbered from 1 without gaps."""
    instances = read_label_map(path, {})
    values, places = np.unique(instances, return_inverse=True)
    numbers = np.cumsum(values != 0) * (values != 0)
    labels = numbers[places].reshape(instances.shape).astype(np.uint16)
    return labels, {int(n): f"{kind} {n}" for n in numbers if n}


def _annotations(split: Path) -> dict[str, tuple[int, int, Sequence[Any]]]:
    """Return rows, columns and the segmentations of each image, by its name without ending."""
    found: dict[str, tuple[int, int, list[Any]]] = {}
    for file in visible_files(split, "coco*.json"):
        content = read_large_json(file, "the annotations")
        try:
            stems = {}
            for image in content["images"]:
                stems[image["id"]] = stem = Path(str(image["file_name"])).stem
                found.setdefault(stem, (int(image["height"]), int(image["width"]), []))
            for entry in content["annotations"]:
                found[stems[entry["image_id"]]][2].append(entry["segmentation"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{file} is no annotation file as of COCO ({error})") from error
    return dict(found)


def _from_runs(annotation: tuple[int, int, Sequence[Any]], kind: str) -> Drawn:
    rows, columns, segmentations = annotation
    masks = [read_mask(segmentation, rows, columns) for segmentation in segmentations]
    return draw_objects(masks, [kind] * len(masks), (rows, columns))
