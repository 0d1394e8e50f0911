"""The slices of objects where users click first, and how far slices lie apart."""

from __future__ import annotations

import numpy as np

from SlicerLIMNet.training.pool import Target


class LargestSlices:
    """Finds the slice with the most of an object, once an object and axis."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int], int] = {}

    def of(self, target: Target, axis: int) -> int:
        """Return its index along the axis, the first of several."""
        key = (target.volume.name, target.value, axis)
        if key not in self._found:
            slices = target.slices[axis]
            inside = np.take(target.volume.labels, slices, axis) == target.value
            areas = np.count_nonzero(np.moveaxis(inside, axis, 0), axis=(1, 2))
            self._found[key] = int(slices[int(np.argmax(areas))])
        return self._found[key]


def slice_step(spacing_zyx_mm: tuple[float, float, float], axis: int) -> float:
    """Return the distance of neighbouring slices along an axis in pixels of a slice."""
    others = [spacing for other, spacing in enumerate(spacing_zyx_mm) if other != axis]
    return 2 * spacing_zyx_mm[axis] / sum(others)
