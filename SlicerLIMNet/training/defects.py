"""Defective masks: what a previous mask looks like when it is wrong in a believable way.

A mask is corrupted by one of six operations, drawn from a table. Every size follows the object:
D is the diameter of the disc of its area, u = min(1, D / 150) shrinks the pixel counts that were
published for large objects, I is the largest distance inside the object to its edge.

Source: LIM-Net (2024), training with defective masks. The paper names the corruptions and their
six probabilities; how large they are, their scaling and the redraws are decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Bits = npt.NDArray[np.uint8]  # 0 or 1, as cv2 wants a mask
Points = npt.NDArray[np.float64]  # (n, 2): column, row

REFERENCE_DIAMETER = 150.0  # px; the published pixel counts fit objects from this size on
SMALL_AREA = 8  # px; below it only operations that cannot erase the object are drawn
LEAST_IOU = 0.2
REDRAWS = 5
SUBPIXEL_BITS = 4  # cv2 draws polygons in fixed point: sixteenths of a pixel


@dataclass(frozen=True)
class MaskedObject:
    """A mask cropped around its object, with the sizes that scale every operation.

    All operations take it with a generator and return a new crop of the same shape.
    """

    bits: Bits  # (h, w), 0 or 1
    diameter: float  # D, px

    @property
    def shrink(self) -> float:
        """Factor u on the published pixel counts, in (0, 1]."""
        return min(1.0, self.diameter / REFERENCE_DIAMETER)

    def scaled(self, count: float) -> int:
        """Return a published pixel or iteration count for an object of this size, at least 1."""
        return max(1, round(count * self.shrink))

    def inscribed(self) -> float:
        """Return I, the largest distance of a pixel of the object to its edge, in px."""
        padded = cv2.copyMakeBorder(self.bits, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        return float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())

    def contours(self) -> list[Points]:
        """Return outer contours and those of holes at full resolution, each (n, 2)."""
        found, _ = cv2.findContours(self.bits, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        return [contour[:, 0, :].astype(np.float64) for contour in found]


Operation = Callable[[MaskedObject, np.random.Generator], Bits]
DefectTable = Sequence[tuple[float, Operation]]  # (probability, operation)


def defective_mask(mask: Mask, rng: np.random.Generator, table: DefectTable | None = None) -> Mask:
    """Return a wrong version of a mask, of the same shape.

    The result has an IoU of at least 0.2 with the mask and differs from it; a draw that does not is
    repeated, kind and all. After five repetitions the mask comes back lightly smoothed instead (or
    unchanged where smoothing would erase it).

    Args:
        mask: (H, W), bool, with at least one pixel.
        rng: The only source of chance.
        table: Operations and their probabilities; `TEXT_ORDER` if not given.

    Raises:
        ValueError: The mask is empty or not two-dimensional.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask of shape {mask.shape} came, expected (H, W); pass one slice")
    bits = np.ascontiguousarray(mask, bool).view(np.uint8)
    if not (area := cv2.countNonZero(bits)):
        raise ValueError("an empty mask came, expected an object; leave out slices without it")
    diameter = 2.0 * float(np.sqrt(area / np.pi))
    box = _box_around(bits, diameter)
    crop = _corrupt(MaskedObject(bits[box].copy(), diameter), area, rng, table or TEXT_ORDER)
    result = np.zeros(mask.shape, bool)
    result[box] = crop.view(bool)
    return result


def add_shapes(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Unite the object with 1 to 3 shapes at its edge or anywhere near it."""
    left, top, width, height = cv2.boundingRect(item.bits)
    edge = np.concatenate(item.contours())
    result = item.bits.copy()
    for _ in range(rng.integers(1, 4)):
        size = rng.uniform(0.2, 0.7) * item.diameter
        if rng.random() < 0.5:
            centre = edge[rng.integers(len(edge))] + rng.uniform(-0.5, 0.5, 2) * size
        else:
            middle = (left + (width - 1) / 2, top + (height - 1) / 2)
            centre = middle + rng.uniform(-0.75, 0.75, 2) * (width, height)
        _fill(result, [_random_shape(centre, size, rng)], 1)
    return result


def dilate_or_erode(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Grow or shrink the object by some pixels, with equal chance."""
    return (dilate if rng.random() < 0.5 else erode)(item, rng)


def dilate(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Grow the object by 10 to 30 pixels, scaled."""
    return _bits(cv2.dilate(item.bits, _square(item.scaled(int(rng.integers(10, 31))))))


def erode(item: MaskedObject, rng: np.random.Generator) -> Bits:  # noqa: ARG001 - an Operation
    """Shrink the object by 10 pixels, scaled, and at most by half of its inscribed distance."""
    steps = min(item.scaled(10), max(1, int(0.5 * item.inscribed())))
    return _bits(cv2.erode(item.bits, _square(steps)))


def displace_boundary(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Move the points of the contours at random; an object without a long contour gets shapes."""
    reach = max(1.0, min(item.scaled(int(rng.integers(10, 31))), 0.8 * item.inscribed() + 1.0))
    step = item.scaled(rng.uniform(2.0, 8.0))
    contours = [contour for contour in item.contours() if len(contour) >= 8]
    if not contours:
        return add_shapes(item, rng)
    moved = []
    for contour in contours:
        kept = contour[:: min(step, len(contour) // 4)]  # an island keeps four points at least
        moved.append(kept + rng.uniform(-reach, reach, kept.shape))
    result = np.zeros_like(item.bits)
    _fill(result, moved, 1)
    return result


def smooth(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Blur the object and cut it at a random level, which also grows or shrinks it."""
    sigma = max(1.0, rng.uniform(0.05, 0.2) * item.diameter)
    return _blurred_above(item.bits, sigma, rng.uniform(0.3, 0.7))


def remove_parts(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Take one connected part away, or cut 1 to 3 shapes out of the object."""
    count, labels = cv2.connectedComponents(item.bits)
    if count > 2 and rng.random() < 0.5:
        return _bits(labels != rng.integers(1, count)) * item.bits
    rows, columns = np.nonzero(item.bits)
    result = item.bits.copy()
    for _ in range(rng.integers(1, 4)):
        pixel = rng.integers(len(rows))
        centre = np.array([columns[pixel], rows[pixel]], np.float64)
        _fill(result, [_random_shape(centre, rng.uniform(0.25, 0.6) * item.diameter, rng)], 0)
    return result


def merge_shapes(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Unite the object with 2 to 5 shapes on its edge and close the gaps between them."""
    edge = np.concatenate(item.contours())
    result = item.bits.copy()
    for _ in range(rng.integers(2, 6)):
        size = rng.uniform(0.15, 0.5) * item.diameter
        centre = edge[rng.integers(len(edge))] + rng.uniform(-0.25, 0.25, 2) * size
        _fill(result, [_random_shape(centre, size, rng)], 1)
    kernel = _square(max(1, round(0.04 * item.diameter)))
    return _bits(cv2.morphologyEx(result, cv2.MORPH_CLOSE, kernel)) | item.bits


def remove_or_merge(item: MaskedObject, rng: np.random.Generator) -> Bits:
    """Remove parts or merge shapes, with equal chance."""
    return (remove_parts if rng.random() < 0.5 else merge_shapes)(item, rng)


# The paper gives six probabilities and names the corruptions in a text without numbers. The first
# table pairs them in the order of the text; the second makes adding shapes the main corruption.
TEXT_ORDER: DefectTable = (
    (0.1, add_shapes),
    (0.1, dilate_or_erode),
    (0.3, displace_boundary),
    (0.2, smooth),
    (0.1, remove_parts),
    (0.2, merge_shapes),
)
ADD_MOST: DefectTable = (
    (0.1, dilate),
    (0.1, erode),
    (0.3, add_shapes),
    (0.2, displace_boundary),
    (0.1, smooth),
    (0.2, remove_or_merge),
)
_FIT_FOR_SMALL: frozenset[Operation] = frozenset({add_shapes, smooth, merge_shapes})


def _corrupt(item: MaskedObject, area: int, rng: np.random.Generator, table: DefectTable) -> Bits:
    """Draw and redraw until a corruption is neither too weak nor too strong."""
    if area < SMALL_AREA:
        table = [entry for entry in table if entry[1] in _FIT_FOR_SMALL] or [(1.0, add_shapes)]
    levels = np.cumsum([weight for weight, _ in table])
    for _ in range(1 + REDRAWS):
        kind = int(np.searchsorted(levels, rng.random() * levels[-1], side="right"))
        result = table[kind][1](item, rng)
        if LEAST_IOU <= _iou(item.bits, result) < 1.0:
            return result
    smoothed = _blurred_above(item.bits, 1.0, 0.5)
    return smoothed if smoothed.any() else item.bits


def _iou(one: Bits, other: Bits) -> float:
    return cv2.countNonZero(one & other) / cv2.countNonZero(one | other)


def _box_around(bits: Bits, diameter: float) -> tuple[slice, slice]:
    """Return the part of the image that a corruption of the object can reach."""
    left, top, width, height = cv2.boundingRect(bits)
    # An added shape reaches 0.56 D from its centre, which lies up to 0.35 D from the edge or
    # a quarter of the bounding box outside of it; no other operation reaches as far.
    pad = int(max(0.92 * diameter, 0.25 * max(width, height) + 0.57 * diameter)) + 4
    rows = slice(max(0, top - pad), top + height + pad)
    columns = slice(max(0, left - pad), left + width + pad)
    return rows, columns


def _square(reach: int) -> Bits:
    """Return the kernel of `reach` passes with a full 3x3 kernel."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _blurred_above(bits: Bits, sigma: float, level: float) -> Bits:
    """Blur with a Gaussian and threshold; wide Gaussians run on a smaller copy, for speed."""
    height, width = bits.shape
    factor = max(1, int(sigma / 4.0))
    small = bits * np.uint8(255)
    if factor > 1:
        sizes = (-(-width // factor), -(-height // factor))
        small = _bits(cv2.resize(small, sizes, interpolation=cv2.INTER_AREA))
    reach = int(np.ceil(3.0 * sigma / factor))
    blurred = cv2.GaussianBlur(small, (2 * reach + 1, 2 * reach + 1), sigma / factor)
    if factor > 1:
        blurred = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return _bits(blurred > 255.0 * level)


def _bits(array: npt.ArrayLike) -> Bits:
    return np.asarray(array, np.uint8)


def _fill(bits: Bits, polygons: list[Points], value: int) -> None:
    """Fill polygons by the even-odd rule, in place."""
    scale = 1 << SUBPIXEL_BITS
    fixed = [np.rint(polygon * scale).astype(np.int32) for polygon in polygons]
    cv2.fillPoly(bits, fixed, value, shift=SUBPIXEL_BITS)


def _random_shape(centre: Points, size: float, rng: np.random.Generator) -> Points:
    """Return a rectangle, triangle or polygon, turned at random.

    Args:
        centre: (2,), column and row.
        size: Root of the area of the bounding rectangle before turning, px; 2 at least.
        rng: The source of chance.
    """
    kind = rng.integers(3)
    stretch = np.exp(0.5 * rng.uniform(-np.log(2.0), np.log(2.0)))
    half_sides = 0.5 * max(size, 2.0) * np.array([stretch, 1.0 / stretch])
    if kind == 0:
        points = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    else:
        corners = 3 if kind == 1 else int(rng.integers(5, 10))
        places = np.arange(corners) + rng.uniform(-0.35, 0.35, corners)
        angles = 2.0 * np.pi / corners * places
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        if kind == 2:
            points *= rng.uniform(0.6, 1.0, (corners, 1))
    turn = rng.uniform(0.0, 2.0 * np.pi)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    turned: Points = (points * half_sides) @ axes
    return turned + centre
