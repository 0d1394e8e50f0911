"""A grid of voxels in the scene: which index lies where in the frame of its node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

if TYPE_CHECKING:
    from SlicerLIMNet.domain.geometry import Geometry

Points = npt.NDArray[np.float64]
Triple = tuple[int, int, int]

_SAME_PLACE = 1e-3  # voxels; closer lattices differ by rounding only


@dataclass(frozen=True)
class ImageGrid:
    """Voxels [k, j, i] and where they lie, in mm, RAS, before parent transforms; hashable."""

    shape: Triple
    """Voxels along k, j and i."""
    first: Triple
    """VTK's index (i, j, k) of array voxel (0, 0, 0): where the extent begins."""
    ijkToRas: tuple[float, ...]
    """4x4, row by row, of VTK's index."""

    @classmethod
    def ofImage(cls, image: Any) -> ImageGrid:
        """Return the grid of a `vtkOrientedImageData`."""
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        return cls._of(image.GetExtent(), matrix)

    @classmethod
    def ofVolumeNode(cls, volume: Any) -> ImageGrid:
        """Return the grid of a volume node that has voxels."""
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        return cls._of(volume.GetImageData().GetExtent(), matrix)

    @classmethod
    def ofGeometry(cls, geometry: Geometry) -> ImageGrid:
        """Return the grid of the engine's geometry."""
        corner = geometry.index_zyx_to_ras((0, 0, 0))
        matrix = np.eye(4)
        matrix[:3, :3] = np.transpose(geometry.index_zyx_to_ras(np.eye(3)[::-1]) - corner)
        matrix[:3, 3] = corner
        return cls(geometry.shape_zyx, (0, 0, 0), tuple(matrix.ravel().tolist()))

    @classmethod
    def _of(cls, extent: Sequence[int], matrix: vtk.vtkMatrix4x4) -> ImageGrid:
        i0, i1, j0, j1, k0, k1 = extent
        numbers = tuple(matrix.GetElement(row, column) for row in range(4) for column in range(4))
        return cls((k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1), (i0, j0, k0), numbers)

    @cached_property
    def _matrix(self) -> Points:
        return np.array(self.ijkToRas).reshape(4, 4)

    @cached_property
    def _inverse(self) -> Points:
        return np.linalg.inv(self._matrix)

    def rasOf(self, indexZyx: npt.ArrayLike) -> Points:
        """Return where array indices (N, 3) or (3,) lie: in mm, RAS; fractions are allowed."""
        ijk = np.asarray(indexZyx, np.float64)[..., ::-1] + self.first
        return ijk @ self._matrix[:3, :3].T + self._matrix[:3, 3]

    def indexOf(self, ras: npt.ArrayLike) -> Points:
        """Return the fractional array indices z, y, x of points (N, 3) or (3,) in mm, RAS."""
        ijk = np.asarray(ras, np.float64) @ self._inverse[:3, :3].T + self._inverse[:3, 3]
        return (ijk - self.first)[..., ::-1]

    def voxelAt(self, ras: npt.ArrayLike) -> Triple | None:
        """Return the array index of the voxel that holds a point; None outside of the grid."""
        nearest = np.floor(self.indexOf(ras) + 0.5)  # towards 0 would let clicks outside in
        if not (np.isfinite(nearest).all() and (nearest >= 0).all()):
            return None
        k, j, i = (int(index) for index in nearest)
        return (k, j, i) if (nearest < self.shape).all() else None

    def offsetIn(self, other: ImageGrid) -> Triple | None:
        """Return the voxel of another grid at which this one begins; None if none fits exactly.

        It may lie outside of the other grid.
        """
        corners = np.indices((2, 2, 2)).reshape(3, 8).T * np.maximum(np.array(self.shape) - 1, 1)
        found = other.indexOf(self.rasOf(corners)) - corners
        offset = np.round(found[0])
        if not np.abs(found - offset).max() <= _SAME_PLACE:
            return None
        k, j, i = (int(index) for index in offset)
        return (k, j, i)

    def geometry(self) -> Geometry:
        """Return the grid as the engine's geometry, LPS."""
        from SlicerLIMNet.domain.geometry import Geometry, flip_lps_ras

        axes = flip_lps_ras(self._matrix[:3, :3].T)  # rows: steps along i, j and k
        lengths = np.linalg.norm(axes, axis=1)
        direction = (axes / lengths[:, np.newaxis]).T
        return Geometry(
            self.shape,
            tuple(lengths[::-1].tolist()),
            tuple(flip_lps_ras(self.rasOf((0, 0, 0))).tolist()),
            tuple(tuple(row) for row in direction.tolist()),
        )

    def placeImage(self, image: Any, corner: Sequence[int], shape: Sequence[int]) -> None:
        """Let a `vtkOrientedImageData` lie in a part of the grid.

        Args:
            image: Its scalars are no longer valid.
            corner: First voxel of the part, an array index.
            shape: Voxels of the part along k, j and i.
        """
        extent: list[int] = []
        for axis in range(3):  # i, j, k
            start = self.first[axis] + int(corner[2 - axis])
            extent += [start, start + int(shape[2 - axis]) - 1]
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(self.ijkToRas)
        image.SetExtent(*extent)
        image.SetGeometryFromImageToWorldMatrix(matrix)

    def labelmap(self, corner: Sequence[int], part: npt.NDArray[np.bool_]) -> Any:
        """Return a mask [k, j, i] in a part of the grid as a `vtkOrientedImageData` of its size."""
        image = slicer.vtkOrientedImageData()
        self.placeImage(image, corner, part.shape)
        voxels = np.ascontiguousarray(part, np.uint8).ravel()
        image.GetPointData().SetScalars(numpy_to_vtk(voxels, deep=True))
        return image
