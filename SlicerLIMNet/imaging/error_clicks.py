"""Where a user would click next on a wrong mask: shared by the robot user and by training.

Shapes: (H, W) = rows and columns of a slice. A label holds 1 (object), 0, and -1 (ignored).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

TRAINING_THRESHOLD = 0.49
"""Probability above which training, like the published evaluation, counts a pixel as predicted."""


class PixelClick(NamedTuple):
    """A click on one slice; a fractional place lies between pixel centres."""

    row: float
    column: float
    positive: bool


class ClickCandidates(NamedTuple):
    """Pixels from which the next training click is drawn."""

    rows_columns: npt.NDArray[np.int64]  # (pixels, 2), in raster order
    positive: bool


def depth_map(mask: BoolArray) -> FloatArray:
    """Return how deep every pixel lies in a mask.

    Args:
        mask: (H, W); what lies beyond its edge counts as outside.

    Returns:
        (H, W), exact Euclidean distance in pixels to the nearest pixel outside, 0 outside.
    """
    padded = np.pad(mask, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(depth[1:-1, 1:-1], np.float32)


def next_click(
    label: npt.NDArray[Any], predicted: BoolArray, clicked: Sequence[PixelClick] = ()
) -> PixelClick | None:
    """Return the click of the evaluation robot: the deepest pixel of the larger error.

    Args:
        label: (H, W), the truth.
        predicted: (H, W), the mask to correct.
        clicked: Earlier clicks of either sign at whole pixels; these pixels are not clicked again.

    Returns:
        The first deepest pixel in raster order; positive if what is missed is strictly deeper than
        what is too much. None if nothing is wrong, or every wrong pixel was clicked.

    Source: RITM (Sofiiuk et al., 2022), evaluation. Differs: it clicks at (0, 0) where we stop.
    """
    missed = depth_map((label == 1) & ~predicted)
    surplus = depth_map((label == 0) & predicted)
    for click in clicked:
        missed[int(click.row), int(click.column)] = 0
        surplus[int(click.row), int(click.column)] = 0
    positive = bool(missed.max() > surplus.max())
    depth = missed if positive else surplus
    if depth.max() == 0:
        return None
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return PixelClick(int(row), int(column), positive)


def training_candidates(
    label: npt.NDArray[Any],
    probability: npt.NDArray[Any],
    threshold: float = TRAINING_THRESHOLD,
) -> ClickCandidates | None:
    """Return the pixels from which training draws the next click, all equally likely.

    Args:
        label: (H, W), the truth.
        probability: (H, W), the current prediction; a mask serves as 0 and 1.
        threshold: Above it a pixel is predicted, below it it is not.

    Returns:
        The pixels of the deeper error (the surplus if equal) that lie deeper than half of its
        largest depth; None if there is no error.

    Source: RITM (Sofiiuk et al., 2022), iterative training. Differs: exact distances.
    """
    missed = depth_map((label == 1) & (probability < threshold))
    surplus = depth_map((label == 0) & (probability > threshold))
    positive = bool(missed.max() > surplus.max())
    depth = missed if positive else surplus
    deepest = depth.max()
    if deepest == 0:
        return None
    return ClickCandidates(np.argwhere(depth > deepest / 2), positive)
