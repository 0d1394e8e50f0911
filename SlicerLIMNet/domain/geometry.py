"""Where voxels lie in the patient: the one place that converts between index, LPS and RAS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import GeometryError

Points = npt.NDArray[np.float64]
Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

_SMALLEST_DETERMINANT = 1e-6  # of unit columns: below this, two axes are one
_FARTHEST_INDEX = 2**53  # far outside any volume; beyond it a cast would wrap around
_LONGEST_AXIS_ERROR = 1e-3  # how far a direction column may be from unit length


@dataclass(frozen=True)
class Geometry:
    """The grid of a volume: sizes, spacing, origin and direction, as ITK has them.

    Flipped, left-handed, oblique and sheared directions are all allowed.
    """

    shape_zyx: tuple[int, int, int]
    """Voxels along z, y and x."""
    spacing_zyx_mm: Triple
    """Distance of neighbouring voxels along z, y and x."""
    origin_lps: Triple = (0.0, 0.0, 0.0)
    """Centre of voxel (0, 0, 0) in mm."""
    direction_lps: Matrix = IDENTITY
    """3x3; its columns are the directions of the index axes x, y and z."""

    def __post_init__(self) -> None:
        _check_shape(self.shape_zyx)
        object.__setattr__(self, "shape_zyx", tuple(int(n) for n in self.shape_zyx))
        object.__setattr__(self, "spacing_zyx_mm", triple(self.spacing_zyx_mm, "spacing"))
        object.__setattr__(self, "origin_lps", triple(self.origin_lps, "origin"))
        rows = tuple(triple(row, "direction") for row in self.direction_lps)
        object.__setattr__(self, "direction_lps", rows)
        _check_spacing(self.spacing_zyx_mm)
        _check_direction(rows)

    @cached_property
    def _index_xyz_to_lps(self) -> Points:
        return np.asarray(self.direction_lps) * np.asarray(self.spacing_zyx_mm[::-1])

    @cached_property
    def _lps_to_index_xyz(self) -> Points:
        return np.asarray(np.linalg.inv(self._index_xyz_to_lps), np.float64)

    @property
    def voxel_volume_mm3(self) -> float:
        """The volume of one voxel."""
        return abs(float(np.linalg.det(self._index_xyz_to_lps)))

    def axis_direction_lps(self, axis: int) -> Triple:
        """Return the unit direction of an array axis (0 is z, 1 is y, 2 is x)."""
        x, y, z = (row[2 - axis] for row in self.direction_lps)
        return (x, y, z)

    def index_zyx_to_lps(self, points: npt.ArrayLike) -> Points:
        """Return patient positions in mm of array indices.

        Args:
            points: (N, 3) or (3,), indices z, y, x; fractions lie between voxel centres.

        Returns:
            The same shape, LPS.
        """
        index_xyz = np.asarray(points, np.float64)[..., ::-1]
        return index_xyz @ self._index_xyz_to_lps.T + np.asarray(self.origin_lps)

    def lps_to_index_zyx(self, points: npt.ArrayLike) -> Points:
        """Return fractional array indices (N, 3) or (3,) of patient positions in mm, LPS."""
        offsets = np.asarray(points, np.float64) - np.asarray(self.origin_lps)
        return (offsets @ self._lps_to_index_xyz.T)[..., ::-1]

    def index_zyx_to_ras(self, points: npt.ArrayLike) -> Points:
        """Return patient positions in mm, RAS as in Slicer, of array indices."""
        return flip_lps_ras(self.index_zyx_to_lps(points))

    def ras_to_index_zyx(self, points: npt.ArrayLike) -> Points:
        """Return fractional array indices of patient positions in mm, RAS as in Slicer."""
        return self.lps_to_index_zyx(flip_lps_ras(points))

    def is_close(self, other: Geometry, tolerance_voxels: float = 0.05) -> bool:
        """Whether both grids have the same size and no voxel is off by more than a tolerance."""
        if self.shape_zyx != other.shape_zyx:
            return False
        corners = np.indices((2, 2, 2)).reshape(3, 8).T * (np.asarray(self.shape_zyx) - 1)
        mapped = self.lps_to_index_zyx(other.index_zyx_to_lps(corners))
        return bool(np.abs(mapped - corners).max() <= tolerance_voxels)

    def to_json(self) -> dict[str, Any]:
        """Return the grid as plain numbers; `from_json` gives an equal grid."""
        return {
            "shape_zyx": list(self.shape_zyx),
            "spacing_zyx_mm": list(self.spacing_zyx_mm),
            "origin_lps": list(self.origin_lps),
            "direction_lps": [list(row) for row in self.direction_lps],
        }

    @classmethod
    def from_json(cls, numbers: Mapping[str, Any]) -> Geometry:
        """Return the grid that `to_json` wrote.

        Raises:
            GeometryError: A number is missing or makes no grid.
        """
        try:
            return cls(
                tuple(numbers["shape_zyx"]),
                tuple(numbers["spacing_zyx_mm"]),
                tuple(numbers["origin_lps"]),
                tuple(tuple(row) for row in numbers["direction_lps"]),  # type: ignore[arg-type]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise GeometryError(f"no grid of a volume can be read from {numbers!r:.200}") from error


def flip_lps_ras(points: npt.ArrayLike) -> Points:
    """Return points (N, 3) or (3,) in RAS for LPS, and in LPS for RAS."""
    return np.asarray(points, np.float64) * np.array([-1.0, -1.0, 1.0])


def nearest_index(points: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the whole index nearest to each fractional one; halves go up, below zero too."""
    nearest = np.floor(np.asarray(points, np.float64) + 0.5)
    return np.clip(nearest, -_FARTHEST_INDEX, _FARTHEST_INDEX).astype(np.int64)


def triple(values: object, what: str) -> Triple:
    """Return three finite floats.

    Raises:
        GeometryError: There are not three, or one is not a finite number.
    """
    try:
        numbers = tuple(float(value) for value in values)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError) as error:
        raise GeometryError(f"{what} must be three numbers, not {values!r:.100}") from error
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        raise GeometryError(f"{what} must be three finite numbers, not {values!r:.100}")
    return numbers


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or any(int(n) != n or n < 1 for n in shape):
        raise GeometryError(
            f"a grid needs three sizes of at least one voxel (z, y, x), not {shape}"
        )


def _check_spacing(spacing_mm: Triple) -> None:
    if min(spacing_mm) <= 0:
        raise GeometryError(f"voxel spacing must be above 0 mm, not {spacing_mm}")


def _check_direction(direction: tuple[Triple, ...]) -> None:
    matrix = np.asarray(direction)
    if matrix.shape != (3, 3):
        raise GeometryError(f"a direction must be a 3x3 matrix, not of shape {matrix.shape}")
    lengths = np.linalg.norm(matrix, axis=0)
    if np.abs(lengths - 1).max() > _LONGEST_AXIS_ERROR:
        raise GeometryError("the columns of a direction must have length 1")
    if abs(np.linalg.det(matrix)) < _SMALLEST_DETERMINANT:
        raise GeometryError("two axes of the direction point the same way")
