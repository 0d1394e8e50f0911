"""Slice views and the engine's planes: in which plane a view cuts, and which slice it shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .ImageGrid import ImageGrid
from .NodeFrames import NodeFrames

if TYPE_CHECKING:
    from SlicerLIMNet.domain.geometry import Geometry
    from SlicerLIMNet.domain.plane import AnyPlane, ObliquePlane

Points = npt.NDArray[np.float64]

_ALONG_AXIS = np.cos(np.radians(3.0))  # of the normals; a view below it is oblique to the voxels
_SAME_PLANE = np.cos(np.radians(0.1))  # half a voxel at the edge of a large volume
_KEPT = 8


class ViewPlane:
    """What a slice view shows of a grid in the frame of a segmentation, at one point of it."""

    def __init__(
        self, sliceNode: Any, segmentation: Any, grid: ImageGrid, worldRas: Any = None
    ) -> None:
        """Look at a view.

        Args:
            sliceNode: Of the view.
            segmentation: Node whose frame counts.
            grid: In that frame.
            worldRas: A point of the view; its middle if not given.
        """
        sliceToRas = sliceNode.GetSliceToRAS()
        column = [[sliceToRas.GetElement(row, axis) for row in range(3)] for axis in (0, 1, 3)]
        point = column[2] if worldRas is None else worldRas
        frames = NodeFrames(None, segmentation)
        self.pointRas = frames.point(point)
        """The point, in the frame of the segmentation."""
        self._isLinear = frames.isLinear
        self._right = _unit(frames.direction(point, column[0]))
        up = frames.direction(point, column[1])
        self._down = -_unit(up - (up @ self._right) * self._right)
        self._grid = grid

    @property
    def normal(self) -> Points:
        """Unit normal of the view in the frame of the segmentation; RAS."""
        return np.cross(self._right, self._down)

    def axis(self) -> int | None:
        """Return the array axis that the view looks along; None where it is oblique to all.

        Under a transform that bends planes it is the axis that comes closest.
        """
        along = [abs(normal @ self.normal) for normal in _sliceNormals(self._grid)]
        best = int(np.argmax(along))
        return best if along[best] >= _ALONG_AXIS or not self._isLinear else None

    def shows(self, plane: AnyPlane) -> bool:
        """Whether the view shows slices of a plane, turned in themselves or not."""
        axis = getattr(plane, "axis", None)
        if axis is not None:
            return self.axis() == axis
        (normal, _, _) = _sliceNormals(ImageGrid.ofGeometry(plane.geometry))
        return bool(abs(normal @ self.normal) >= _SAME_PLANE) and self.axis() is None

    def obliquePlane(self) -> ObliquePlane:
        """Return the plane of the view, with a slice through its point.

        Its slices are as far apart as the volume's would be along this normal, its pixels as large
        as the volume's finest spacing.
        """
        from SlicerLIMNet.domain.geometry import flip_lps_ras
        from SlicerLIMNet.domain.plane import covering_plane

        geometry = self._grid.geometry()
        finest = min(geometry.spacing_zyx_mm)
        step = float(_spacingAlong(geometry, flip_lps_ras(self.normal)))
        row, column = np.round(flip_lps_ras([self._down, self._right]), 9)
        plane = covering_plane(geometry, row, column, (step, finest, finest))
        return _through(plane, flip_lps_ras(self.pointRas))


class ObliquePlanes:
    """Oblique planes that were clicked in: a view that cuts like one of them belongs to it."""

    def __init__(self) -> None:
        self._known: list[tuple[ImageGrid, ObliquePlane]] = []

    def remember(self, grid: ImageGrid, plane: AnyPlane | None) -> None:
        """Keep the plane of a session, if it is oblique."""
        if plane is None or hasattr(plane, "axis") or (grid, plane) in self._known:
            return
        self._known = [*self._known[1 - _KEPT :], (grid, plane)]

    def planeOf(self, view: ViewPlane, grid: ImageGrid) -> AnyPlane:
        """Return the plane that a view cuts in."""
        from SlicerLIMNet.domain.plane import Plane

        axis = view.axis()
        if axis is not None:
            return Plane(axis)
        for known, plane in reversed(self._known):
            if known == grid and view.shows(plane):
                return plane
        plane = view.obliquePlane()
        self.remember(grid, plane)
        return plane


def sliceGrid(plane: AnyPlane, grid: ImageGrid) -> tuple[ImageGrid, int]:
    """Return the grid that a plane counts its slices on, and the array axis they follow."""
    axis = getattr(plane, "axis", None)
    return (grid, axis) if axis is not None else (ImageGrid.ofGeometry(plane.geometry), 0)


def _sliceNormals(grid: ImageGrid) -> list[Points]:
    """Return the unit normals of slices across each array axis, which a shear tilts off it."""
    steps = grid.rasOf(np.eye(3)) - grid.rasOf((0, 0, 0))
    return [_unit(np.cross(steps[(axis + 1) % 3], steps[(axis + 2) % 3])) for axis in range(3)]


def _spacingAlong(geometry: Geometry, normalLps: Points) -> float:
    """Return a spacing between those of the axes: each counts as it lies along the normal."""
    parts = [(np.array(geometry.axis_direction_lps(axis)) @ normalLps) ** 2 for axis in range(3)]
    return np.average(geometry.spacing_zyx_mm, weights=parts)


def _through(plane: ObliquePlane, pointLps: Points) -> ObliquePlane:
    """Return a plane moved by less than a slice, so that one goes through a point."""
    place = float(plane.geometry.lps_to_index_zyx(pointLps)[0])
    shift = place - np.ceil(place)  # back, so that the far end stays covered with one slice more
    origin = plane.geometry.index_zyx_to_lps((shift, 0, 0))
    slices, rows, columns = plane.shape
    return replace(
        plane, origin_lps=tuple(origin.tolist()), shape=(slices + int(shift < 0), rows, columns)
    )


def _unit(vector: Points) -> Points:
    return vector / np.linalg.norm(vector)
