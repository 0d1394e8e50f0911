"""Images encoded one after the other in an `.npz`: lossy volumes and packs of single images."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.errors import ConfigError, GeometryError
from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.io.write_aside import write_aside

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LossyVolume:
    """A volume as it was stored."""

    voxels: Image
    """[z, y, x]."""
    labels: Labels
    """[z, y, x]."""
    geometry: Geometry
    """The grid; files of this kind know no origin and no direction."""
    window: tuple[float, float]
    """The voxel values that became 0 and 255."""


@dataclass(frozen=True)
class Pack:
    """The images of a pack."""

    images: tuple[Image, ...]
    """(rows, columns), or (rows, columns, 3) in RGB."""
    labels: tuple[npt.NDArray[np.integer], ...]
    """(rows, columns) each: 0 is background, every other value an object."""
    names: tuple[str, ...]
    """Of the source files."""


def read_lossy_volume(path: Path) -> LossyVolume:
    """Return a volume of lossy slices.

    Raises:
        ConfigError: The file cannot be read or is damaged.
    """
    arrays = _arrays(path, ("slices", "offsets", "labels", "spacing", "window"))
    slices = _decoded(arrays["slices"], arrays["offsets"], cv2.IMREAD_GRAYSCALE, path)
    labels, window, spacing = arrays["labels"], arrays["window"], arrays["spacing"]
    shapes = {image.shape for image in slices}
    fits = labels.dtype == np.uint8 and labels.ndim == 3 and len(slices) == len(labels)
    if not fits or shapes != {labels.shape[1:]}:
        raise ConfigError(f"slices and labels of {path} differ in number, size or type")
    if window.shape != (2,) or not window[0] < window[1] or not np.isfinite(window).all():
        raise ConfigError(f"the window of {path} must be a low and a high value")
    try:
        geometry = Geometry(labels.shape, tuple(spacing.tolist()))
    except GeometryError as error:
        raise ConfigError(f"the grid of {path} cannot be used: {error}") from error
    low, high = window.tolist()
    return LossyVolume(np.stack(slices), labels, geometry, (low, high))


def read_pack(path: Path | str) -> Pack:
    """Return the images of a pack.

    Raises:
        ConfigError: The file cannot be read or is damaged.
    """
    path = Path(path)
    names = ("images", "offsets", "labels", "label_offsets", "names", "colour")
    arrays = _arrays(path, names)
    is_colour = bool(arrays["colour"])
    flag = cv2.IMREAD_COLOR if is_colour else cv2.IMREAD_GRAYSCALE
    images = _decoded(arrays["images"], arrays["offsets"], flag, path)
    if is_colour:
        images = [np.ascontiguousarray(image[..., ::-1]) for image in images]  # from BGR
    labels = _decoded(arrays["labels"], arrays["label_offsets"], cv2.IMREAD_UNCHANGED, path)
    sources = json.loads(str(arrays["names"]))
    if not len(images) == len(labels) == len(sources):
        raise ConfigError(f"{path} holds {len(images)} images and {len(labels)} label maps")
    if any(i.shape[:2] != m.shape for i, m in zip(images, labels, strict=True)):
        raise ConfigError(f"images and label maps of {path} differ in size")
    return Pack(tuple(images), tuple(labels), tuple(str(source) for source in sources))


def write_pack(
    path: Path, streams: Sequence[bytes], labels: Sequence[npt.NDArray[Any]], names: Sequence[str]
) -> None:
    """Write a pack of colour images.

    Args:
        path: An `.npz`.
        streams: The images' files as they are: JPEG, PNG or WebP; grey ones become RGB when read.
        labels: (rows, columns) each, 0..65535.
        names: Of the source files.

    Raises:
        OutputError: It could not be written; an old file is as it was.
    """
    maps = [cv2.imencode(".png", label.astype(np.uint16))[1].tobytes() for label in labels]
    with write_aside(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            images=np.frombuffer(b"".join(streams), np.uint8),
            offsets=np.cumsum([0, *map(len, streams)], dtype=np.int64),
            labels=np.frombuffer(b"".join(maps), np.uint8),
            label_offsets=np.cumsum([0, *map(len, maps)], dtype=np.int64),
            names=np.array(json.dumps(list(names))),
            colour=np.array(True),
        )


def _arrays(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    try:
        return read_arrays(path, names)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: {error}") from error


def _decoded(
    stream: npt.NDArray[Any], offsets: npt.NDArray[Any], flag: int, path: Path
) -> list[Image]:
    """Return the images of joined encoded streams."""
    edges = offsets.tolist()
    pieces = list(itertools.pairwise(edges))
    if stream.dtype != np.uint8 or any(not 0 <= a < b <= stream.size for a, b in pieces):
        raise ConfigError(f"the offsets of {path} do not fit its images")
    images = [cv2.imdecode(stream[a:b], flag) for a, b in pieces]
    if any(image is None for image in images):
        raise ConfigError(f"an image of {path} does not decode")
    return [np.asarray(image) for image in images if image is not None]
