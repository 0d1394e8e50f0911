"""Sequences of frames, each in a file of its own, as one volume: time takes the place of z."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError

Rgb = tuple[int, int, int]
Labels = npt.NDArray[np.uint8]

FRAME_SUFFIXES = (".png", ".jpg", ".jpeg")

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def read_frames(paths: Sequence[Path], name: str = "") -> Volume:
    """Return frames as an RGB volume [t, y, x, 3]; frame and pixel distance are 1.

    Raises:
        ConfigError: A frame cannot be read, or they differ in size.
        VolumeError: They all show one and the same value.
    """
    frames = [_rgb(path) for path in paths]
    _check_sizes(frames, paths)
    voxels = np.stack(frames)
    return Volume(voxels, Geometry(voxels.shape[:3], (1.0, 1.0, 1.0)), "RGB", name)


def read_frame_labels(paths: Sequence[Path], colours: Mapping[int, Rgb]) -> Labels:
    """Return the label maps of frames, [t, y, x].

    Args:
        paths: Grey images hold label values; of those with a palette the place in it is the value.
        colours: The colour of each label value in RGB images; other colours are background.

    Raises:
        ConfigError: A file cannot be read, is RGB where no colours are given, or sizes differ.
    """
    maps = [read_label_map(path, colours) for path in paths]
    _check_sizes(maps, paths)
    stack = np.stack(maps)
    if stack.max() > 255:
        raise ConfigError(f"labels of {paths[0].name} must be 0 to 255, not up to {stack.max()}")
    return stack.astype(np.uint8)


def read_label_map(path: Path, colours: Mapping[int, Rgb]) -> npt.NDArray[Any]:
    """Return the label values of one image, (rows, columns); see `read_frame_labels`."""
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    if image.ndim == 2:
        return image
    palette = read_palette(path)
    if palette:
        colours = dict(reversed([*enumerate(palette)]))  # of equal colours the first counts
    elif not colours:
        raise ConfigError(f"{path} is a colour image; which colour is which label is not said")
    values = np.zeros(image.shape[:2], np.uint8)
    for value, (red, green, blue) in colours.items():
        values[(image[..., :3] == (blue, green, red)).all(axis=-1)] = value
    return values


def read_palette(path: Path) -> list[Rgb]:
    """Return the palette of a PNG; empty where it has none or is of another format.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(8) != _PNG_MAGIC:
                return []
            for kind, content in _chunks(file):
                if kind == b"PLTE":
                    return [(r, g, b) for r, g, b in struct.iter_unpack("BBB", content)]
                if kind == b"IDAT":
                    return []
    except (OSError, struct.error) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return []


def _chunks(file: Any) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of a PNG's chunks, up to the voxels."""
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT":
            yield kind, b""
            return
        yield kind, file.read(length)
        file.read(4)  # the checksum


def _rgb(path: Path) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(_decoded(path, cv2.IMREAD_COLOR)[..., ::-1])  # from BGR


def _decoded(path: Path, flag: int) -> npt.NDArray[Any]:
    try:
        stream = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(stream, flag)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except cv2.error:
        image = None
    if image is None:
        raise ConfigError(f"{path} is no image that can be read, or a damaged one")
    return np.asarray(image)


def _check_sizes(images: Sequence[npt.NDArray[Any]], paths: Sequence[Path]) -> None:
    for image, path in zip(images, paths, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            raise ConfigError(
                f"{path} has the size {image.shape[:2]}, and the first of its sequence "
                f"{images[0].shape[:2]}"
            )
