"""Means over targets with their 95% bootstrap intervals, the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.evaluation.robot_user import SEED

RESAMPLES = 2000
"""Times that targets are drawn anew, as many as there are, with replacement."""


@dataclass(frozen=True)
class Mean:
    """A mean over targets."""

    mean: float
    """Over the targets that have the figure."""
    low: float
    """2.5% of the resampled means lie below."""
    high: float
    """2.5% of the resampled means lie above."""
    n: int
    """Targets that have the figure."""

    def to_json(self) -> dict[str, Any]:
        """Return all as plain values."""
        return asdict(self)


def mean_of(values: Iterable[float | None]) -> Mean | None:
    """Return the mean of what is there, with its interval; None if nothing is.

    The percentile bootstrap over targets, with 2000 resamples drawn from the seed of all figures.
    """
    found = np.array([value for value in values if value is not None], dtype=np.float64)
    if found.size == 0:
        return None
    means = found[_resamples(found.size)].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Mean(float(found.mean()), float(low), float(high), int(found.size))


def means_by_round(curves: Sequence[Sequence[float | None]]) -> list[Mean | None]:
    """Return the mean of every round over targets; all curves have the same length."""
    return [mean_of(values) for values in zip(*curves, strict=True)]


@lru_cache(maxsize=8)
def _resamples(n: int) -> npt.NDArray[np.int32]:
    """Return which of n targets every resample draws: (RESAMPLES, n)."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    return generator.integers(n, size=(RESAMPLES, n), dtype=np.int32)
