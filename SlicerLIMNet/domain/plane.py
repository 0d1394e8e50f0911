"""The plane that is clicked in: an array axis, or an oblique grid in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry, Points, Triple, triple
from SlicerLIMNet.errors import GeometryError

PLANE_NAMES = ("axial", "coronal", "sagittal")

_NORMAL_AXIS_LPS = {"axial": 2, "coronal": 1, "sagittal": 0}  # superior, anterior, right
_SAME_SPACING = 1e-3  # relative; closer spacings differ by rounding in a file only
_UNIT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Plane:
    """Slices along an array axis, never flipped: (slice, row, column) are array indices."""

    axis: int
    """0, 1 or 2: (slice, row, column) is (z, y, x), (y, z, x) or (x, z, y)."""

    def __post_init__(self) -> None:
        if isinstance(self.axis, bool) or self.axis not in (0, 1, 2):
            raise GeometryError(f"the axis of a plane is 0, 1 or 2, not {self.axis!r:.50}")
        object.__setattr__(self, "axis", int(self.axis))

    @property
    def axes(self) -> tuple[int, int, int]:
        """The array axes of slice, row and column."""
        return ((0, 1, 2), (1, 0, 2), (2, 0, 1))[self.axis]

    def from_zyx(self, values_zyx: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """Return what belongs to z, y, x in the order slice, row, column."""
        first, second, third = (values_zyx[axis] for axis in self.axes)
        return (first, second, third)

    def to_zyx(self, values: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """Return what belongs to slice, row, column in the order z, y, x."""
        z, y, x = (values[self.axes.index(axis)] for axis in (0, 1, 2))
        return (z, y, x)


@dataclass(frozen=True)
class ObliquePlane:
    """Slices of a grid of its own; a volume is resampled into it.

    The slices follow each other along column direction x row direction, so that this grid and
    `Plane(0)` agree where the directions do.
    """

    origin_lps: Triple
    """Centre of row 0, column 0 of slice 0, in mm."""
    row_direction_lps: Triple
    """Unit direction in which the row number grows."""
    column_direction_lps: Triple
    """Unit direction in which the column number grows."""
    spacing_mm: Triple
    """Distance of neighbouring slices, rows and columns."""
    shape: tuple[int, int, int]
    """Number of slices, rows and columns."""

    def __post_init__(self) -> None:
        for field in ("origin_lps", "row_direction_lps", "column_direction_lps", "spacing_mm"):
            object.__setattr__(self, field, triple(getattr(self, field), field))
        row, column = np.array(self.row_direction_lps), np.array(self.column_direction_lps)
        lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
        if np.abs(lengths - 1).max() > _UNIT_TOLERANCE or abs(row @ column) > _UNIT_TOLERANCE:
            raise GeometryError(
                "the directions of an oblique plane must have length 1 and be perpendicular"
            )
        object.__setattr__(self, "shape", self.geometry.shape_zyx)

    @cached_property
    def geometry(self) -> Geometry:
        """The grid of the plane: its z, y and x are slice, row and column."""
        row, column = np.array(self.row_direction_lps), np.array(self.column_direction_lps)
        normal = np.cross(column, row)
        direction = np.stack([column, row, normal / np.linalg.norm(normal)], axis=1)
        rows = tuple(tuple(values) for values in direction.tolist())
        return Geometry(self.shape, self.spacing_mm, self.origin_lps, rows)  # type: ignore[arg-type]


AnyPlane = Plane | ObliquePlane


def plane_from_name(name: str, geometry: Geometry) -> Plane:
    """Return the array axis that runs closest to a plane's normal; ties go to the lowest axis.

    Raises:
        GeometryError: The name is none of axial, coronal, sagittal.
    """
    if name not in _NORMAL_AXIS_LPS:
        raise GeometryError(f"unknown plane {name!r:.50}; expected one of {', '.join(PLANE_NAMES)}")
    along = [abs(geometry.axis_direction_lps(axis)[_NORMAL_AXIS_LPS[name]]) for axis in range(3)]
    return Plane(int(np.argmax(np.round(along, 6))))  # rounded: 45 degrees is a tie


def plane_name(plane: AnyPlane, geometry: Geometry) -> str:
    """Return axial, coronal, sagittal or oblique, or the axis number where no name leads here."""
    if isinstance(plane, ObliquePlane):
        return "oblique"
    fitting = (name for name in PLANE_NAMES if plane_from_name(name, geometry) == plane)
    return next(fitting, f"axis {plane.axis}")


def default_plane(geometry: Geometry) -> Plane:
    """Return the axis of the coarsest spacing; ties go to axis 0."""
    spacing = np.array(geometry.spacing_zyx_mm)
    return Plane(int(np.argmax(spacing >= spacing.max() * (1 - _SAME_SPACING))))


def covering_plane(
    geometry: Geometry,
    row_direction_lps: npt.ArrayLike,
    column_direction_lps: npt.ArrayLike,
    spacing_mm: Triple | None = None,
) -> ObliquePlane:
    """Return the oblique plane of these directions that reaches every voxel of a volume.

    Args:
        geometry: The grid of the volume.
        row_direction_lps: Direction in which rows follow each other; any length.
        column_direction_lps: Direction in which columns follow each other, perpendicular to it.
        spacing_mm: Of slices, rows and columns; the volume's finest spacing where None.

    Raises:
        GeometryError: The directions are not perpendicular, one has no length, or a spacing is 0.
    """
    row, column = _unit(row_direction_lps), _unit(column_direction_lps)
    steps = triple(spacing_mm or (min(geometry.spacing_zyx_mm),) * 3, "spacing")
    if min(steps) <= 0:
        raise GeometryError(f"the spacing of a plane must be above 0 mm, not {steps}")
    axes = np.stack([np.cross(column, row), row, column])  # slice, row, column
    corners = np.indices((2, 2, 2)).reshape(3, 8).T * (np.asarray(geometry.shape_zyx) - 1)
    along = geometry.index_zyx_to_lps(corners) @ axes.T  # (8, 3), mm
    low, extent = along.min(axis=0), np.ptp(along, axis=0)
    counts = np.maximum(1, np.ceil(extent / steps - 1e-6).astype(int) + 1)
    return ObliquePlane(
        triple(low @ axes, "origin"),
        triple(row, "direction"),
        triple(column, "direction"),
        steps,
        tuple(counts.tolist()),
    )


def plane_to_json(plane: AnyPlane) -> dict[str, Any]:
    """Return a plane as plain numbers; `plane_from_json` gives an equal one."""
    if isinstance(plane, Plane):
        return {"axis": plane.axis}
    return {
        "origin_lps": list(plane.origin_lps),
        "row_direction_lps": list(plane.row_direction_lps),
        "column_direction_lps": list(plane.column_direction_lps),
        "spacing_mm": list(plane.spacing_mm),
        "shape": list(plane.shape),
    }


def plane_from_json(numbers: Mapping[str, Any]) -> AnyPlane:
    """Return the plane that `plane_to_json` wrote.

    Raises:
        GeometryError: A number is missing or makes no plane.
    """
    try:
        if "axis" in numbers:
            return Plane(numbers["axis"])
        return ObliquePlane(
            tuple(numbers["origin_lps"]),
            tuple(numbers["row_direction_lps"]),
            tuple(numbers["column_direction_lps"]),
            tuple(numbers["spacing_mm"]),
            tuple(numbers["shape"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GeometryError(f"no plane can be read from {numbers!r:.200}") from error


def _unit(direction: npt.ArrayLike) -> Points:
    vector = np.array(triple(np.asarray(direction, np.float64), "direction"))
    length = np.linalg.norm(vector)
    if length == 0:
        raise GeometryError("a direction of a plane has no length")
    return vector / length
