"""Cut a box out of a slice at a network's size, and bring the network's answer back.

A box is half-open (first row, end row, first column, end column) in whole pixels and may stick out
of the slice; what lies outside is 0. Pixel areas correspond, not pixel centres at the corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Box: TypeAlias = tuple[int, int, int, int]
FloatArray = npt.NDArray[np.float32]


class Pixels(Protocol):
    """An image of which parts are looked at: an array, or what makes them when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3)."""

    @property
    def ndim(self) -> int:
        """Numbers in the shape."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its parts."""

    def __getitem__(self, part: Any, /) -> npt.NDArray[Any]:
        """Return some rows and columns."""


def square_box(centre: tuple[float, float], side: float) -> Box:
    """Return the square of whole pixels around a (row, column), at least 2 wide."""
    length = max(2, round(side))
    row, column = round(centre[0] + 0.5 - length / 2), round(centre[1] + 0.5 - length / 2)
    return (row, row + length, column, column + length)


def bounding_box(mask: npt.NDArray[np.bool_]) -> Box | None:
    """Return the smallest box around a mask, None if it is empty."""
    if not mask.size:
        return None
    pixels = mask.astype(bool, copy=False).view(np.uint8)
    left, top, width, height = cv2.boundingRect(pixels)
    return (top, top + height, left, left + width) if width else None


def extent(mask: npt.NDArray[np.bool_]) -> int:
    """Return the longer side of a mask's box in pixels, 0 if it is empty."""
    found = bounding_box(mask)
    return 0 if found is None else max(found[1] - found[0], found[3] - found[2])


def cut(image: Pixels, box: Box, size: tuple[int, int]) -> FloatArray:
    """Return a box of an image resampled to a size: averaged if it shrinks, linear if it grows.

    Args:
        image: (H, W) or (H, W, 3), numbers or bool.
        box: In its pixels.
        size: (rows, columns) of the result.

    Returns:
        The size, and 3 channels if the image has them.
    """
    patch = _padded(image, box).astype(np.float32)
    return _resized(patch, size)


def cut_together(images: Sequence[Pixels], box: Box, size: tuple[int, int]) -> FloatArray:
    """Return the same box of images (H, W) as channels, (*size, images): `cut` in one step."""
    patches = [_padded(image, box).astype(np.float32) for image in images]
    return _resized(np.asarray(cv2.merge(patches), np.float32), size)


def paste(answer: FloatArray, box: Box, shape: tuple[int, int]) -> FloatArray:
    """Return an answer for a box as a map of the whole slice, 0 outside the box.

    Args:
        answer: Any size; averaged if it shrinks, linear if it grows.
        box: In pixels of the slice.
        shape: (H, W) of the slice.
    """
    patch = _resized(answer, (box[1] - box[0], box[3] - box[2]))
    if box == (0, shape[0], 0, shape[1]):
        return patch
    whole = np.zeros(shape, np.float32)
    inside, source = _overlap(box, shape)
    whole[inside] = patch[source]
    return whole


def to_box(
    points: Sequence[tuple[float, float]], box: Box, size: tuple[int, int]
) -> list[tuple[float, float]]:
    """Return (row, column) pixel centres of the slice as those of the resampled box."""
    scale = size[0] / (box[1] - box[0]), size[1] / (box[3] - box[2])
    return [
        ((row - box[0] + 0.5) * scale[0] - 0.5, (column - box[2] + 0.5) * scale[1] - 0.5)
        for row, column in points
    ]


def _resized(patch: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Each axis by itself: the area rule of OpenCV only holds while no axis grows."""
    rows, columns = min(patch.shape[0], size[0]), min(patch.shape[1], size[1])
    for shape, how in (((rows, columns), cv2.INTER_AREA), (size, cv2.INTER_LINEAR)):
        if patch.shape[:2] != shape:
            resized = cv2.resize(patch, (shape[1], shape[0]), interpolation=how)
            patch = np.asarray(resized, np.float32)
    return patch


def _padded(image: Pixels, box: Box) -> npt.NDArray[Any]:
    inside, source = _overlap(box, (image.shape[0], image.shape[1]))
    if source == (slice(0, box[1] - box[0]), slice(0, box[3] - box[2])):
        return image[inside]
    patch = np.zeros((box[1] - box[0], box[3] - box[2], *image.shape[2:]), image.dtype)
    patch[source] = image[inside]
    return patch


def _overlap(box: Box, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a box inside a slice: in the slice's pixels, and in the box's."""
    inside, source = [], []
    for first, end, length in ((box[0], box[1], shape[0]), (box[2], box[3], shape[1])):
        low, high = min(max(first, 0), length), min(max(end, 0), length)
        high = max(high, low)
        inside.append(slice(low, high))
        source.append(slice(low - first, high - first) if high > low else slice(0, 0))
    return (inside[0], inside[1]), (source[0], source[1])
