"""Zoom-in: a prompt network looks at a crop around the object once it roughly knows the object.

Crops are half-open boxes of whole pixels. Nothing here changes state: `next_crop` takes the crop in
use and returns the one to use now.

Source: Sofiiuk et al., "Reviving Iterative Training with Mask Guidance" (2022), inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import BoolArray, PixelClick


@dataclass(frozen=True)
class ZoomConfig:
    """When to look closer, and how close."""

    target_size: int | tuple[int, int] = 400
    """Pixels of the resized crop's longer side; a pair (rows, columns) gives up its aspect."""
    skip_clicks: int = 1
    """Up to this many clicks there is no zoom; below 0 even an unknown object is resized."""
    expansion: float = 1.4
    """Sides of the crop relative to those of the object's box."""
    minimum_crop: float = 200
    """Smallest side of a crop in pixels, before it is clipped to the image."""
    overlap_threshold: float = 0.5
    """A crop in use is kept while the one wanted now overlaps it at least this much."""
    probability_threshold: float = 0.5
    """Above it a pixel belongs to the object that is looked at."""

    def __post_init__(self) -> None:
        if np.min(self.target_size) < 1:
            raise ConfigError(f"The zoom target is {self.target_size}; give at least one pixel")
        if self.expansion <= 0 or self.minimum_crop < 0:
            raise ConfigError(
                f"The zoom has expansion {self.expansion} and minimum crop {self.minimum_crop};"
                " the first must be positive, the second not negative"
            )

    @staticmethod
    def medical(rows_cols: tuple[int, int], target_size: int | tuple[int, int] = 384) -> ZoomConfig:
        """Return settings for slices of a volume: zoom from the first click on, and closer.

        Args:
            rows_cols: Size of the slices; the smallest crop is 96 pixels where the longer is 512.
            target_size: Pixels of the resized crop: 384 suits h32, 256 suits h18s.
        """
        return ZoomConfig(target_size, skip_clicks=0, minimum_crop=96 * max(rows_cols) / 512)


class Crop(NamedTuple):
    """A half-open box of pixels."""

    row_start: int
    row_stop: int
    column_start: int
    column_stop: int

    @staticmethod
    def whole(rows_cols: tuple[int, int]) -> Crop:
        """Return the crop that is the whole image."""
        return Crop(0, rows_cols[0], 0, rows_cols[1])

    @property
    def rows_cols(self) -> tuple[int, int]:
        """Size of the crop."""
        return self.row_stop - self.row_start, self.column_stop - self.column_start

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the crop in an image."""
        return slice(self.row_start, self.row_stop), slice(self.column_start, self.column_stop)

    def holds(self, click: PixelClick) -> bool:
        """Tell whether a click lies inside; the last row and column count as outside."""
        return (
            self.row_start <= click.row < self.row_stop - 1
            and self.column_start <= click.column < self.column_stop - 1
        )


@dataclass(frozen=True)
class ZoomState:
    """What a prediction leaves for the next one."""

    crop: Crop | None = None
    """The crop in use; None while the whole image is looked at."""


def next_crop(
    in_use: Crop | None,
    probability: npt.NDArray[np.floating],
    clicks: Sequence[PixelClick],
    config: ZoomConfig,
) -> Crop | None:
    """Return the crop for the next prediction.

    Args:
        in_use: The crop of the last prediction.
        probability: (H, W), the last known probabilities of the object, zeros if there are none.
        clicks: All clicks so far.
        config: When to look closer.

    Returns:
        A crop inside the image; None for the whole image at its own size.

    Differs from the source: where there is no zoom, the crop in use is given up. There it stays,
    and the prediction of the whole image is squeezed into it.
    """
    if len(clicks) <= config.skip_clicks:
        return None
    candidate = _candidate(probability, clicks, config)
    if candidate is None or in_use is None:
        return candidate
    shown = all(in_use.holds(click) for click in clicks if click.positive)
    if shown and overlap(candidate, in_use) >= config.overlap_threshold:
        return in_use
    return candidate


def deserves_second_look(
    in_use: Crop | None, probability: npt.NDArray[np.floating], config: ZoomConfig
) -> bool:
    """Tell whether a prediction without zoom found an object that is worth a closer look at once.

    Args:
        in_use: The crop of this prediction.
        probability: (H, W), what it found.
        config: When to look closer.
    """
    if config.skip_clicks > 0 or in_use is not None:
        return False
    mask = np.asarray(probability > config.probability_threshold)
    if not mask.any():
        return False
    whole = Crop.whole((mask.shape[0], mask.shape[1]))
    return overlap(object_crop(mask, (), config), whole) < config.overlap_threshold


def object_crop(mask: BoolArray, clicks: Sequence[PixelClick], config: ZoomConfig) -> Crop:
    """Return the crop around a mask and the positive clicks.

    Args:
        mask: (H, W), not empty.
        clicks: Positive ones lie inside the image; others have no effect.
        config: Expansion and smallest size.

    Returns:
        The crop, clipped to the image. Before that, a side of s pixels becomes about s + 1, because
        both ends are rounded to pixels that belong to it.
    """
    rows = np.flatnonzero(mask.any(axis=1)).tolist()
    columns = np.flatnonzero(mask.any(axis=0)).tolist()
    rows += [int(click.row) for click in clicks if click.positive]
    columns += [int(click.column) for click in clicks if click.positive]
    return Crop(
        *_widened(min(rows), max(rows), mask.shape[0], config),
        *_widened(min(columns), max(columns), mask.shape[1], config),
    )


def overlap(a: Crop, b: Crop) -> float:
    """Return the overlap of two crops: IoU of their rows times IoU of their columns."""
    return _overlap_of_ranges(a[:2], b[:2]) * _overlap_of_ranges(a[2:], b[2:])


def resized_shape(crop: Crop, target_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns that a crop is resized to, see `ZoomConfig.target_size`."""
    if isinstance(target_size, tuple):
        return target_size
    rows, columns = crop.rows_cols
    scale = target_size / max(rows, columns)
    return max(1, round(rows * scale)), max(1, round(columns * scale))


def clicks_in_crop(
    clicks: Sequence[PixelClick], crop: Crop, rows_cols: tuple[int, int]
) -> list[PixelClick]:
    """Return clicks in the pixels of the resized crop; those outside it stay outside.

    Args:
        clicks: In the pixels of the image.
        crop: What is looked at.
        rows_cols: Its size after resizing.
    """
    row_scale, column_scale = (
        new / old for new, old in zip(rows_cols, crop.rows_cols, strict=True)
    )
    return [
        PixelClick(
            row_scale * (click.row - crop.row_start),
            column_scale * (click.column - crop.column_start),
            click.positive,
        )
        for click in clicks
    ]


def _candidate(
    probability: npt.NDArray[np.floating], clicks: Sequence[PixelClick], config: ZoomConfig
) -> Crop | None:
    mask = np.asarray(probability > config.probability_threshold)
    if mask.any():
        return object_crop(mask, clicks, config)
    return Crop.whole((mask.shape[0], mask.shape[1])) if config.skip_clicks < 0 else None


def _widened(first: int, last: int, limit: int, config: ZoomConfig) -> tuple[int, int]:
    """Return the start and stop of the widened range of pixels first..last, clipped to 0..limit."""
    size = max(config.expansion * (last - first + 1), config.minimum_crop)
    centre = 0.5 * (first + last)
    return max(0, round(centre - 0.5 * size)), min(limit, round(centre + 0.5 * size) + 1)


def _overlap_of_ranges(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    common = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return common / (max(a[1], b[1]) - min(a[0], b[0]))
