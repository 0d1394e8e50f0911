"""Where a slice lies on its way: what tells how likely an object has ended there.

Neither XMem nor LIM-Net knows distances. An object seen from its reference slice rarely reaches
further than about its own extent, and surely not past a slice where somebody said that it is gone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SCALES = (0.25, 0.5, 1.0, 2.0)
"""Extents of the object, over which a number falls to 1/e."""
PLACE_NUMBERS = 3 * len(SCALES)


@dataclass(frozen=True)
class Place:
    """Distances of a slice to the references around it, in extents of the object.

    The extent is the longer side of the object's box on the reference that is followed.
    """

    behind: float
    """To the reference that the slice is followed from."""
    ahead: float | None = None
    """To the next reference on the way; None if there is none."""
    ends_ahead: bool = False
    """Whether the next reference is empty."""

    def numbers(self) -> list[float]:
        """Return what a network is given: `PLACE_NUMBERS` in 0..1, all 0 for what is unknown."""
        nothing = [0.0] * len(SCALES)
        behind, ahead = _fall(self.behind), nothing if self.ahead is None else _fall(self.ahead)
        goes_on, ends = (nothing, ahead) if self.ends_ahead else (ahead, nothing)
        return [*behind, *goes_on, *ends]


UNKNOWN_PLACE = [0.0] * PLACE_NUMBERS


def _fall(distance: float) -> list[float]:
    return [math.exp(-distance / scale) for scale in SCALES]
