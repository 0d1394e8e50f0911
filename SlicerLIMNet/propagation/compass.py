"""Where a slice lies between the references of a way."""

from __future__ import annotations

from collections.abc import Mapping

from SlicerLIMNet.imaging.resample import extent
from SlicerLIMNet.networks.place import Place
from SlicerLIMNet.propagation.region import BoolArray
from SlicerLIMNet.propagation.schedule import Direction


class Compass:
    """Tells the place of the slices of a way, followed from its last filled reference."""

    def __init__(
        self,
        references: Mapping[int, BoolArray],
        direction: Direction,
        start: int,
        slice_step: float | None,
    ) -> None:
        """Start at a reference.

        Args:
            references: Prompt masks (H, W) by slice, the start's among them.
            direction: Of the way.
            start: Slice index.
            slice_step: From slice to slice, in pixels; without it no place is known.
        """
        self._references = references
        self._ahead = sorted(references, reverse=direction is Direction.BACKWARD)
        self._direction = direction
        self._step = slice_step
        self._origin = start
        self._extent = extent(references[start])

    def pass_reference(self, index: int) -> None:
        """Follow from a reference on the way, if the object is there."""
        found = extent(self._references[index])
        if found:
            self._origin, self._extent = index, found

    def place(self, index: int) -> Place | None:
        """Return where a slice lies; None if distances or the object's extent are unknown."""
        if self._step is None or not self._extent:
            return None
        unit = self._step / self._extent
        sign = self._direction.value
        following = [i for i in self._ahead if (i - index) * sign > 0]
        if not following:
            return Place(abs(index - self._origin) * unit)
        ahead = following[0]
        return Place(
            abs(index - self._origin) * unit,
            abs(ahead - index) * unit,
            ends_ahead=not self._references[ahead].any(),
        )
