"""Other slices of the object that help to read a click."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Guide:
    """A slice that holds the object, as seen from a slice that was clicked."""

    image: FloatArray
    """(rows, columns) or (rows, columns, 3), 0..1."""
    mask: FloatArray
    """(rows, columns), probabilities of the object."""
    nearness: float
    """1 on the clicked slice itself, falling to 1/e at a distance of one extent of the object."""


class Guides(NamedTuple):
    """What the prompt network is told of other slices; None where there is no such slice."""

    reference: Guide | None = None
    """The nearest slice whose mask a user vouches for."""
    nearest: Guide | None = None
    """The nearest slice with the object, whoever says so; it may be the same one."""


NO_GUIDES = Guides()


def nearness(pixels: float, extent: float) -> float:
    """Return how near a slice is.

    Args:
        pixels: Between the two slices.
        extent: Of the object on the other slice, in pixels.
    """
    return math.exp(-pixels / max(extent, 1.0))
