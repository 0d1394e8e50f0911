"""Voxels of one grid brought to another: plain arrays, any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .ImageGrid import ImageGrid, Triple

Voxels = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_SAME_VOXEL = 1e-3  # closer lattices differ by rounding only


@dataclass(frozen=True)
class VoxelFit:
    """How voxels of a source come to a grid; what lies outside of them has their minimum."""

    sourceGrid: ImageGrid
    """Of the voxels given."""
    matrix: tuple[float, ...]
    """4x4, row by row: from the target's frame to the source's, in mm."""
    targetGrid: ImageGrid
    """Of the voxels wanted."""

    def __call__(self, voxels: Voxels) -> Voxels:
        """Return voxels [k, j, i] or [k, j, i, 3] on the target's grid.

        The very array that was given, where both grids are one; unchanged values where each voxel
        falls on one; else linearly interpolated.
        """
        matrix, offset = self._indexMap()
        corners = np.indices((2, 2, 2)).reshape(3, 8).T * np.array(self.targetGrid.shape)
        steps = corners @ (matrix - np.eye(3)).T + offset
        whole = np.round(offset)
        if np.abs(steps - whole).max() > _SAME_VOXEL:
            return self._interpolated(voxels, matrix, offset)
        first = tuple(int(index) for index in whole)
        if first == (0, 0, 0) and voxels.shape[:3] == self.targetGrid.shape:
            return voxels
        return self._cut(voxels, first)

    def _indexMap(self) -> tuple[Floats, Floats]:
        """Return matrix and offset from array indices of the target to those of the source."""
        toSource = np.array(self.matrix).reshape(4, 4)
        points = np.concatenate([np.zeros((1, 3)), np.eye(3)])
        ras = self.targetGrid.rasOf(points) @ toSource[:3, :3].T + toSource[:3, 3]
        found = self.sourceGrid.indexOf(ras)
        return (found[1:] - found[0]).T, found[0]

    def _empty(self, voxels: Voxels) -> Voxels:
        shape = (*self.targetGrid.shape, *voxels.shape[3:])
        return np.full(shape, voxels.min(), voxels.dtype)

    def _cut(self, voxels: Voxels, first: Triple) -> Voxels:
        """Return what is there from a voxel on."""
        result = self._empty(voxels)
        inResult, inSource = [], []
        for start, wanted, there in zip(first, self.targetGrid.shape, voxels.shape, strict=False):
            low, high = max(start, 0), min(start + wanted, there)
            if low >= high:
                return result
            inSource.append(slice(low, high))
            inResult.append(slice(low - start, high - start))
        result[tuple(inResult)] = voxels[tuple(inSource)]
        return result

    def _interpolated(self, voxels: Voxels, matrix: Floats, offset: Floats) -> Voxels:
        """Return interpolated voxels; slice by slice, as the coordinates are larger than these."""
        result = self._empty(voxels)
        slices, rows, columns = self.targetGrid.shape
        inSlice = np.indices((1, rows, columns)).reshape(3, -1).astype(np.float64)
        low, high = -0.5, np.array(voxels.shape[:3])[:, np.newaxis] - 0.5
        for index in range(slices):
            inSlice[0] = index
            places = matrix @ inSlice + offset[:, np.newaxis]
            inside = ((places >= low) & (places < high)).all(axis=0)
            if inside.any():
                flat = result[index].reshape(rows * columns, -1)
                flat[inside] = _sampled(voxels, places[:, inside])
        return result


def _sampled(voxels: Voxels, places: Floats) -> Voxels:
    """Return values (N, channels) at fractional indices (3, N), with the type of the voxels."""
    from scipy import ndimage

    channels = voxels[..., np.newaxis] if voxels.ndim == 3 else voxels
    found = [
        ndimage.map_coordinates(channels[..., c], places, order=1, mode="nearest")
        for c in range(channels.shape[3])
    ]
    return np.stack(found, axis=1)
