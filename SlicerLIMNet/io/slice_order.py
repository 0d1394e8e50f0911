"""Volumes whose slices lie along another array axis than the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry, Triple
from SlicerLIMNet.domain.plane import Plane


def slices_first(
    array: npt.NDArray[Any], geometry: Geometry, axis: int
) -> tuple[npt.NDArray[Any], Geometry]:
    """Return voxels and grid with an array axis in first place, never flipped.

    Every voxel keeps its place in the patient.

    Args:
        array: [z, y, x], or [z, y, x, 3].
        geometry: Its grid.
        axis: 0, 1 or 2; the new order is (z, y, x), (y, z, x) or (x, z, y).
    """
    plane = Plane(axis)
    if plane.axis == 0:
        return array, geometry
    colours = tuple(range(3, array.ndim))
    moved = np.ascontiguousarray(array.transpose(*plane.axes, *colours))
    third, second, first = (geometry.axis_direction_lps(old) for old in plane.axes[::-1])
    grid = Geometry(
        plane.from_zyx(geometry.shape_zyx),
        plane.from_zyx(geometry.spacing_zyx_mm),
        geometry.origin_lps,
        _matrix(third, second, first),
    )
    return moved, grid


def _matrix(x: Triple, y: Triple, z: Triple) -> tuple[Triple, Triple, Triple]:
    """Return a direction matrix from its columns."""
    rows = [(a, b, c) for a, b, c in zip(x, y, z, strict=True)]
    return rows[0], rows[1], rows[2]
