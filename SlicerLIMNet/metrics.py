"""How good a mask is: overlap, surface agreement, and what a curve over rounds amounts to.

Masks are bool arrays of one shape. Empty masks are defined everywhere: two empty ones agree fully
(1), an empty and a non-empty one not at all (0).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

TOLERANCE_MM = 2.0
"""Surfaces this close count as equal."""
LEAST_DICE_FOR_SURFACE = 0.2
"""The challenge of 2025 counts a surface Dice as 0 where Dice does not exceed this."""


def dice(truth: BoolArray, predicted: BoolArray) -> float:
    """Return the Dice coefficient of two masks: 1 if both are empty, 0 if one of them is."""
    both = int(np.count_nonzero(truth & predicted))
    total = int(np.count_nonzero(truth) + np.count_nonzero(predicted))
    return 2 * both / total if total else 1.0


def dice_by_slice(truth: BoolArray, predicted: BoolArray) -> FloatArray:
    """Return the Dice of every slice along the first axis, (slices,), with the rules of `dice`."""
    within = tuple(range(1, truth.ndim))
    both = np.count_nonzero(truth & predicted, axis=within)
    total = np.count_nonzero(truth, axis=within) + np.count_nonzero(predicted, axis=within)
    return np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0)


def surface_dice(
    truth: BoolArray,
    predicted: BoolArray,
    spacing_zyx_mm: Sequence[float],
    tolerance_mm: float = TOLERANCE_MM,
) -> float:
    """Return the share of both surfaces that lies within a tolerance of the other (NSD).

    Args:
        truth: [z, y, x].
        predicted: [z, y, x].
        spacing_zyx_mm: Distance of neighbouring voxels along z, y, x.
        tolerance_mm: Surfaces this close count as equal.

    Returns:
        0 to 1; 1 if both masks are empty, 0 if one of them is.

    Raises:
        ConfigError: The library surface-distance is not installed.

    Source: Nikolov et al., 2018 (arXiv 1809.04430), by their own library.
    """
    if not truth.any() or not predicted.any():
        return float(truth.any() == predicted.any())
    library = _surface_distance()
    with warnings.catch_warnings():
        # The library calls SciPy by a name that is to go; its figures are right.
        warnings.simplefilter("ignore", DeprecationWarning)
        distances = library.compute_surface_distances(truth, predicted, list(spacing_zyx_mm))
    return float(library.compute_surface_dice_at_tolerance(distances, tolerance_mm))


def slices_worsened(
    truth: BoolArray, before: BoolArray, after: BoolArray, margin: float = 0.01
) -> float:
    """Return the share of slices whose Dice fell by more than `margin` from one mask to the next.

    Slices along the first axis count if the object or either mask is on them; 0 if none is.
    """
    within = tuple(range(1, truth.ndim))
    used = (truth | before | after).any(axis=within)
    fell = dice_by_slice(truth, before) - dice_by_slice(truth, after) > margin
    return float(fell[used].mean()) if used.any() else 0.0


def area_under_curve(scores: Sequence[float]) -> float:
    """Return the area under scores at clicks 1, 2, ... by the trapezoid rule: n - 1 at most."""
    return float(sum(a + b for a, b in pairwise(scores)) / 2)


def clicks_to_reach(scores: Sequence[float], target: float, most: int = 20) -> int:
    """Return the number of the first click whose score reaches the target; `most` if none does."""
    reached = (number for number, score in enumerate(scores, start=1) if score >= target)
    return min(next(reached, most), most)


def challenge_scores(
    dice_scores: Sequence[float], surface_scores: Sequence[float], clicks: int = 5
) -> dict[str, float]:
    """Return the four figures of the interactive challenge of 2025.

    Args:
        dice_scores: Dice after clicks 1, 2, ...
        surface_scores: NSD at 2 mm after the same clicks; it counts 0 where Dice is 0.2 or less.
        clicks: Only so many count, from the first.

    Returns:
        `area_dice` and `area_nsd`, each `clicks` - 1 at most; `final_dice` and `final_nsd`.
    """
    pairs = list(zip(dice_scores, surface_scores, strict=True))[:clicks]
    gated = [nsd if overlap > LEAST_DICE_FOR_SURFACE else 0.0 for overlap, nsd in pairs]
    overlaps = [overlap for overlap, _ in pairs]
    return {
        "area_dice": area_under_curve(overlaps),
        "area_nsd": area_under_curve(gated),
        "final_dice": overlaps[-1],
        "final_nsd": gated[-1],
    }


def _surface_distance() -> Any:
    """Import the library where it is needed: the engine installs and runs without it."""
    try:
        import surface_distance
    except ImportError as error:
        raise ConfigError(
            "the surface Dice needs the library surface-distance, which is not installed; "
            "run: pip install 'SlicerLIMNet[evaluate]'"
        ) from error
    return surface_distance
