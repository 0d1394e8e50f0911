"""The rules of fusion: who is kept, how sure that is, and which slice a user should look at.

Source: LIM-Net (2024), multi-round result fusion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.rounds import SliceResult

HALF = 128
"""Bytes from here on are foreground."""


def keeps_previous(preference: float, margin: float = 0.0) -> bool:
    """Whether the previous mask stays.

    Args:
        preference: Probability that the previous mask is the better one.
        margin: How much above one half it must be.
    """
    return preference > 0.5 + margin


def foreground_certainty(probability: SparseProbability) -> float:
    """Return how sure a slice's mask is: 0 (every pixel near one half) to 1.

    The mean of 2p - 1 over the foreground; of an empty mask 1 - 2p where it came nearest to having
    a foreground.
    """
    values = probability.values
    foreground = values[values >= HALF]
    if foreground.size:
        return float(2 * foreground.mean() / 255 - 1)
    nearest = float(values.max()) if values.size else 0.0
    return max(0.0, 1 - 2 * nearest / 255)


def slice_score(probability: SparseProbability, preference: float | None = None) -> float:
    """Return the score kept for the user, 0..1: certainty, times p of the side taken if judged.

    Args:
        probability: Of the mask taken.
        preference: Probability that the previous mask is the better one; None if nothing judged.
    """
    certainty = foreground_certainty(probability)
    return certainty if preference is None else certainty * max(preference, 1 - preference)


def next_slice_to_check(results: Iterable[SliceResult], skip: Collection[int] = ()) -> int | None:
    """Return the slice with the lowest score, the first if equal.

    Args:
        results: Slices with their scores; those without a score are left out.
        skip: Slices that the user has prompted or locked.

    Returns:
        None if no slice is left.
    """
    scored = [
        (result.score, result.slice_index)
        for result in results
        if result.score is not None and result.slice_index not in skip
    ]
    return min(scored)[1] if scored else None
