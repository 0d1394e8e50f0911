"""Resampling between a volume and an oblique grid, linear, in both directions.

A grid-to-grid map is `index_in = matrix @ index_out + offset`, indices in array order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Voxels = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GridMap:
    """Where the indices of one grid lie in another."""

    matrix: Floats
    """(3, 3)."""
    offset: Floats
    """(3,), where index (0, 0, 0) lies."""

    def __call__(self, points: npt.ArrayLike) -> Floats:
        """Return (N, 3) indices of the other grid."""
        return np.asarray(points, np.float64) @ self.matrix.T + self.offset

    def inverse(self) -> GridMap:
        """Return the map back."""
        matrix = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return GridMap(matrix, -matrix @ self.offset)

    def from_corner(self, corner: tuple[int, int, int]) -> GridMap:
        """Return the map whose index (0, 0, 0) is this map's index `corner`."""
        return GridMap(self.matrix, self(corner))

    def to_corner(self, corner: tuple[int, int, int]) -> GridMap:
        """Return the map into the part of the other grid that starts at `corner`."""
        return GridMap(self.matrix, self.offset - np.asarray(corner, np.float64))


def reslice(
    voxels: Voxels, grid_map: GridMap, shape: tuple[int, int, int], fill: float = 0.0
) -> npt.NDArray[np.float32]:
    """Return voxels at the places of another grid, linearly interpolated.

    Args:
        voxels: (n0, n1, n2), any real type; not copied.
        grid_map: From indices of the result to indices of `voxels`.
        shape: Of the result.
        fill: Value that surrounds the voxels; at their edge it blends in over one voxel.
    """
    result = np.empty(shape, np.float32)
    ndimage.affine_transform(
        voxels,
        grid_map.matrix,
        grid_map.offset,
        output=result,
        order=1,
        mode="grid-constant",
        cval=fill,
        prefilter=False,
    )
    return result


def reslice_slice(
    voxels: Voxels,
    grid_map: GridMap,
    index: int,
    rows_columns: tuple[int, int],
    fill: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Return one slice of the other grid: (rows, columns), or (rows, columns, 3) for RGB voxels."""
    moved = grid_map.from_corner((index, 0, 0))
    shape = (1, *rows_columns)
    if voxels.ndim == 3:
        return reslice(voxels, moved, shape, fill)[0]
    channels = [reslice(voxels[..., c], moved, shape, fill)[0] for c in range(voxels.shape[3])]
    return np.stack(channels, axis=-1)


def reach_of_box(
    grid_map: GridMap,
    low: tuple[int, int, int],
    high: tuple[int, int, int],
    shape: tuple[int, int, int],
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the half-open box of the other grid that a box, and one index around it, can touch.

    Args:
        grid_map: From the box's grid to the other one.
        low: First index of the box.
        high: End of the box, half-open.
        shape: Of the other grid; the result is cut to it and may be empty.
    """
    low_in, high_in = np.asarray(low) - 1, np.asarray(high)  # where interpolation falls to 0
    corners = low_in + np.indices((2, 2, 2)).reshape(3, 8).T * (high_in - low_in)
    reached = grid_map(corners)
    first = np.clip(np.floor(reached.min(axis=0)), 0, shape).astype(int)
    end = np.clip(np.ceil(reached.max(axis=0)) + 1, first, shape).astype(int)
    return tuple(first.tolist()), tuple(end.tolist())
