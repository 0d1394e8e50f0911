"""How a mask goes wrong between clicked slices, each way as a figure.

Masks are bool [z, y, x]; slices lie along the first axis. "Its slices" are those that show the
object.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.metrics import dice_by_slice

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

DISTANCES = ((0, 0), (1, 2), (3, 5), (6, 10), (11, 20), (21, None))
"""Groups of slices by their distance to the nearest clicked slice, both ends included."""


class FalsePositives(NamedTuple):
    """What is marked on slices without the object."""

    slices: float
    """Share of the slices without the object that hold any mask; 0 if the object is on all."""
    voxels: float
    """Voxels marked on such slices, over the voxels of the object."""


def false_positives(truth: BoolArray, mask: BoolArray) -> FalsePositives:
    """Return what is marked on slices without the object, which must not be empty."""
    free = ~truth.any(axis=(1, 2))
    marked = np.count_nonzero(mask[free], axis=(1, 2))
    share = float((marked > 0).mean()) if free.any() else 0.0
    return FalsePositives(share, float(marked.sum() / np.count_nonzero(truth)))


def flooding(truth: BoolArray, mask: BoolArray, clicked: int) -> float | None:
    """Return how much of the mask spills over the object where a round began.

    Args:
        truth: [z, y, x], the object.
        mask: [z, y, x], after the round.
        clicked: The slice that the round began on.

    Returns:
        Of all that is marked on the clicked slice and its two neighbours, as far as they show the
        object, the share outside the object: 0 to 1, and 0 where nothing is marked. None where
        none of the three shows the object: what is marked there counts as going on past its end.
    """
    near = slice(max(0, clicked - 1), clicked + 2)
    shown = truth[near].any(axis=(1, 2))
    if not shown.any():
        return None
    object_there, marked = truth[near][shown], mask[near][shown]
    total = np.count_nonzero(marked)
    return float(np.count_nonzero(marked & ~object_there) / total) if total else 0.0


def overrun(truth: BoolArray, mask: BoolArray) -> float | None:
    """Return by how many slices the mask goes on past the ends of the object.

    Returns:
        At each end the number of slices in a row, the first directly past the object's last slice,
        that hold any mask; the mean of both ends. An end at the border of the volume does not
        count; None if neither counts.
    """
    slices = np.flatnonzero(truth.any(axis=(1, 2)))
    marked: BoolArray = np.asarray(mask.any(axis=(1, 2)))
    ways = [marked[: slices[0]][::-1], marked[slices[-1] + 1 :]]
    lengths = [int(np.append(way, False).argmin()) for way in ways if way.size]
    return float(np.mean(lengths)) if lengths else None


def decay(truth: BoolArray, mask: BoolArray, clicked: Collection[int]) -> float | None:
    """Return how fast a mask gets worse with the distance from the nearest clicked slice.

    Args:
        truth: [z, y, x], the object.
        mask: [z, y, x].
        clicked: All slices clicked so far.

    Returns:
        The Dice lost in ten slices: minus ten times the slope of the straight line fitted (least
        squares) to Dice over distance, on the object's slices that were not clicked. Negative
        where far slices are better. None where they all lie at one distance, or there are none.
    """
    slices, distances = _distances(truth, clicked)
    far = distances > 0
    if np.unique(distances[far]).size < 2:
        return None
    scores = dice_by_slice(truth[slices[far]], mask[slices[far]])
    x = distances[far] - distances[far].mean()
    return float(0.0 - 10 * (x * scores).sum() / (x**2).sum())


def dice_at_distances(
    truth: BoolArray, mask: BoolArray, clicked: Collection[int]
) -> list[float | None]:
    """Return the mean Dice of the object's slices in each group of `DISTANCES`; None for none."""
    slices, distances = _distances(truth, clicked)
    scores = dice_by_slice(truth[slices], mask[slices])
    means: list[float | None] = []
    for low, high in DISTANCES:
        within = (distances >= low) & (distances <= (np.inf if high is None else high))
        means.append(float(scores[within].mean()) if within.any() else None)
    return means


def _distances(truth: BoolArray, clicked: Collection[int]) -> tuple[IntArray, IntArray]:
    """Return the object's slices and how far each lies from the nearest clicked one."""
    slices = np.flatnonzero(truth.any(axis=(1, 2)))
    prompts = np.array(sorted(clicked), dtype=np.int64)
    return slices, np.abs(slices[:, None] - prompts[None, :]).min(axis=1)
