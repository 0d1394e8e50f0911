"""Where in a slice a propagation network looks: a square around the object, at its input size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.resample import Box, Pixels, cut, paste

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Shape = tuple[int, int]

_SIZE_STEP = 64
SPECK = 0.05  # of the largest part's area: smaller parts of a mask do not move a region


@dataclass(frozen=True)
class RegionConfig:
    """How regions are laid.

    Raises:
        ConfigError: A number is out of range.
    """

    size: int = 192
    """Rows and columns of the network's input, at most; a multiple of 16."""
    least_size: int | None = None
    """At least; in between a region keeps the slice's own resolution. `None`: always `size`."""
    fill: float = 0.5
    """Share of the side that the object takes up in a new region."""
    least_side: int = 32
    """Smallest side, in pixels of the slice."""
    grid: int = 8
    """Regions start and end at multiples of this many pixels where the slice allows it."""
    margin: float = 0.08
    """Share of the side that an object keeps from the region's edge."""
    largest_fill: float = 0.7
    """Share of the side from which on a region is too tight."""
    growth: float = 1.5
    """How much a region that is too tight grows."""

    def __post_init__(self) -> None:
        for size in (self.size, self.size if self.least_size is None else self.least_size):
            if size < 16 or size % 16 or size > self.size:
                raise ConfigError(f"region size is {size}; give multiples of 16, the least first")
        if not 0 < self.fill < self.largest_fill < 1:
            raise ConfigError(
                f"region fill is {self.fill} and largest_fill {self.largest_fill}; give"
                " 0 < fill < largest_fill < 1"
            )
        if self.least_side < 1 or self.grid < 1 or self.growth <= 1 or not 0 <= self.margin < 0.5:
            raise ConfigError(
                f"region least_side {self.least_side}, grid {self.grid}, growth {self.growth},"
                f" margin {self.margin}; give 1 or more, 1 or more, over 1, and 0 to 0.5"
            )

    def size_for(self, side: int) -> int:
        """Return at which size a region is seen; few sizes, as each wants preparations."""
        if self.least_size is None:
            return self.size
        return min(max(_round_up(side, _SIZE_STEP), self.least_size), self.size)


@dataclass(frozen=True)
class Region:
    """A square of a slice and the size at which the network sees it."""

    box: Box
    """First row, end row, first column, end column: half-open, may stick out of the slice."""
    size: int
    """Rows and columns after resampling."""

    @property
    def side(self) -> int:
        """Rows and columns in pixels of the slice."""
        return self.box[1] - self.box[0]

    def inside(self, shape: Shape) -> Box:
        """Return the part of the box that lies on a slice of this shape."""
        top, bottom, left, right = self.box
        return (max(top, 0), min(bottom, shape[0]), max(left, 0), min(right, shape[1]))

    def cut_image(self, image: Pixels) -> FloatArray:
        """Return (size, size, 1 or 3) from (H, W) or (H, W, 3); 0 outside the slice."""
        patch = cut(image, self.box, (self.size, self.size))
        return patch if patch.ndim == 3 else patch[:, :, None]

    def cut_mask(self, mask: BoolArray) -> BoolArray:
        """Return (size, size) from (H, W); what is there does not vanish by shrinking."""
        share = cut(mask, self.box, (self.size, self.size))
        return share > min(0.5, 0.5 * float(share.max()))

    def restore(self, answer: FloatArray, shape: Shape) -> tuple[FloatArray, Box]:
        """Return an answer (size, size) in pixels of the slice, and the box that it fills."""
        inside = self.inside(shape)
        top, bottom, left, right = inside
        box = (self.box[0] - top, self.box[1] - top, self.box[2] - left, self.box[3] - left)
        return paste(answer, box, (bottom - top, right - left)), inside


def choose_region(
    masks: Iterable[BoolArray], shape: Shape, config: RegionConfig, in_use: Region | None = None
) -> Region:
    """Return a region for an object seen on some slices; the one in use while it still suits.

    Args:
        masks: (H, W) each; the region lies around all of them. Empty ones count for nothing; with
            nothing else the region in use is kept, or the whole slice is taken.
        shape: (H, W) of the slices.
        config: How regions are laid.
        in_use: Features are cached for it, so it is worth keeping.
    """
    box = _union([found for mask in masks if (found := object_box(mask)) is not None])
    if box is None:
        whole = (0, shape[0], 0, shape[1])
        return in_use if in_use is not None else _square(whole, max(shape), shape, config)
    extent = _extent(box)
    if in_use is not None and _suits(in_use, box, shape, config):
        return in_use
    return _square(box, extent / config.fill, shape, config)


def follow(region: Region, mask_box: Box | None, shape: Shape, config: RegionConfig) -> Region:
    """Return the region for the next slice: the same, or one recentred on an object at its edge.

    Args:
        region: In which the last slice was seen.
        mask_box: Around the mask of the last slice; `None` if that was empty.
        shape: (H, W) of the slices.
        config: How regions are laid.

    Returns:
        Never a smaller region; a larger one if the object takes up too much of it.
    """
    if mask_box is None or not is_near_edge(region, mask_box, shape, config):
        return region
    side = float(region.side)
    while _extent(mask_box) > config.largest_fill * side:
        side *= config.growth
    return _square(mask_box, side, shape, config, at_least=region.side)


def object_box(mask: BoolArray) -> Box | None:
    """Return the box around a mask without its specks; `None` if it is empty.

    A false pixel far away must not widen a region for the rest of the way.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = stats[1:]
    if not len(parts):
        return None
    areas = parts[:, cv2.CC_STAT_AREA]
    left, top, width, height = parts[areas >= SPECK * areas.max(), :4].T
    return (
        int(top.min()),
        int((top + height).max()),
        int(left.min()),
        int((left + width).max()),
    )


def resample_between(grid: Tensor, old: Region, new: Region) -> Tensor:
    """Return maps over one region as maps over another one, 0 where the old one did not reach.

    Args:
        grid: (B, C, h, w), any grid that covers the old region.
        old: Where the maps were made.
        new: Where they are wanted.

    Returns:
        (B, C, h', w'), linearly resampled; as much larger or smaller as the new one is seen.
    """
    size = [side * new.size // old.size for side in grid.shape[-2:]]
    scale = new.side / old.side
    rows, columns = (
        (new.box[i] + new.box[i + 1] - old.box[i] - old.box[i + 1]) / old.side for i in (0, 2)
    )
    theta = torch.tensor([[scale, 0.0, columns], [0.0, scale, rows]], device=grid.device)
    places = functional.affine_grid(
        theta.expand(len(grid), 2, 3), [*grid.shape[:2], *size], align_corners=False
    )
    return functional.grid_sample(grid.float(), places, align_corners=False).to(grid.dtype)


def _square(box: Box, side: float, shape: Shape, config: RegionConfig, at_least: int = 0) -> Region:
    """Return a square around the middle of a box, inside the slice as far as it fits."""
    largest = _round_up(max(*shape, config.least_side), config.grid)
    length = _round_up(max(side, config.least_side), config.grid)
    length = max(min(length, largest), at_least)
    top = _start((box[0] + box[1]) / 2, length, shape[0], config.grid)
    left = _start((box[2] + box[3]) / 2, length, shape[1], config.grid)
    return Region((top, top + length, left, left + length), config.size_for(length))


def _start(middle: float, length: int, available: int, grid: int) -> int:
    if length >= available:
        return -((length - available) // 2)
    start = round((middle - length / 2) / grid) * grid
    return min(max(start, 0), available - length)


def _round_up(number: float, step: int) -> int:
    return int(-(-number // step)) * step


def _suits(region: Region, box: Box, shape: Shape, config: RegionConfig) -> bool:
    extent = _extent(box)
    is_tight = extent > config.largest_fill * region.side and region.side < max(shape)
    is_wide = extent < 0.5 * config.fill * region.side and region.side > config.least_side
    return not (is_tight or is_wide or is_near_edge(region, box, shape, config))


def is_near_edge(region: Region, box: Box | None, shape: Shape, config: RegionConfig) -> bool:
    """Whether a box comes near an edge of the region beyond which the slice goes on."""
    if box is None:
        return False
    margin = config.margin * region.side
    top, bottom, left, right = region.box
    return (
        (top > 0 and box[0] < top + margin)
        or (bottom < shape[0] and box[1] > bottom - margin)
        or (left > 0 and box[2] < left + margin)
        or (right < shape[1] and box[3] > right - margin)
    )


def _extent(box: Box) -> int:
    return max(box[1] - box[0], box[3] - box[2])


def _union(boxes: list[Box]) -> Box | None:
    if not boxes:
        return None
    tops, bottoms, lefts, rights = zip(*boxes, strict=True)
    return (min(tops), max(bottoms), min(lefts), max(rights))
