"""The crop in which fusion compares two masks of a slice.

Source: LIM-Net (2024) leaves it open; this is a square around the union of both masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.imaging.resample import Pixels, bounding_box, cut, cut_together, square_box

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class JudgeCropConfig:
    """How the crop is laid."""

    size: int = 96
    """Rows and columns of the result."""
    expansion: float = 1.5
    """Side of the crop, as a multiple of the union's longer side."""
    least_side: int = 64
    """Smallest side in pixels of a slice of 512 pixels; scaled with the slice's longer side."""


class JudgeCrop(NamedTuple):
    """A slice and two of its masks, as the quality network sees them."""

    image: FloatArray
    """(size, size) or (size, size, 3), 0..1, 0 outside the slice."""
    mask_a: BoolArray
    """(size, size)."""
    mask_b: BoolArray
    """(size, size)."""


def judge_crop(
    image: Pixels, mask_a: BoolArray, mask_b: BoolArray, config: JudgeCropConfig
) -> JudgeCrop:
    """Return the crop around two masks.

    Args:
        image: (H, W) or (H, W, 3), 0..1.
        mask_a: (H, W).
        mask_b: (H, W), at least one of the masks not empty.
        config: How the crop is laid.

    Raises:
        ValueError: Both masks are empty.
    """
    box = bounding_box(mask_a | mask_b)
    if box is None:
        raise ValueError("both masks are empty, so there is nothing to compare")
    top, bottom, left, right = box
    least = max(8.0, config.least_side * max(mask_a.shape) / 512)
    side = max(config.expansion * max(bottom - top, right - left), least)
    square = square_box(((top + bottom - 1) / 2, (left + right - 1) / 2), side)
    size = (config.size, config.size)
    if image.ndim == 2:
        seen = cut_together([image, mask_a, mask_b], square, size)
        return JudgeCrop(seen[..., 0], seen[..., 1] > 0.5, seen[..., 2] > 0.5)
    masks = (cut(mask, square, size) > 0.5 for mask in (mask_a, mask_b))
    return JudgeCrop(cut(image, square, size), *masks)
