"""Masks laid over the slice views: a round as it comes, or what the last one changed.

They are segments of a segmentation of their own, which users neither see in lists nor save: so
every view draws them, also those that cut the slices across, and the user's stays untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from .ImageGrid import ImageGrid, Triple
from .MaskBox import MaskBox
from .ViewPlane import sliceGrid

if TYPE_CHECKING:
    from SlicerLIMNet.domain.plane import AnyPlane

BoolArray = npt.NDArray[np.bool_]
Colour = tuple[float, float, float]

COMING: Colour = (1.00, 0.85, 0.10)
GAINED: Colour = (0.10, 0.75, 1.00)  # blue and orange: also for those who do not see red and green
LOST: Colour = (1.00, 0.45, 0.05)

_NAME = "LIMNet preview"
_FILL, _OUTLINE = 0.35, 1.0
_MARGIN = 16  # voxels: a round grows by a few pixels a slice


class SlicePreview:
    """The overlay; there is a node in the scene only while something is shown."""

    def __init__(self) -> None:
        self._node: Any = None
        self._round: _Layer | None = None

    def showSlice(
        self,
        segmentation: Any,
        grid: ImageGrid,
        plane: AnyPlane,
        sliceIndex: int,
        mask: BoolArray,
    ) -> bool:
        """Lay a mask (rows, columns) over a slice; those of other slices of the plane stay.

        Returns:
            Whether the overlay is new, and so lies over whatever else is drawn.
        """
        slices, axis = sliceGrid(plane, grid)
        isNew = self._round is None or self._round.grid != slices or not self._isIn(segmentation)
        if isNew:
            self._begin(segmentation)
            self._round = _Layer(self._node, "coming", COMING, slices)
        assert self._round is not None
        self._round.laySlice(axis, sliceIndex, mask)
        return isNew

    def showChange(
        self, segmentation: Any, grid: ImageGrid, gained: MaskBox, lost: MaskBox
    ) -> None:
        """Show what was gained and what was lost, and nothing else."""
        self._begin(segmentation)
        for mask, name, colour in ((gained, "gained", GAINED), (lost, "lost", LOST)):
            if not mask.isEmpty:
                _Layer(self._node, name, colour, grid).lay(mask.corner, mask.part())

    def clear(self) -> None:
        """Show nothing; nothing stays in the scene."""
        node, self._node, self._round = self._node, None, None
        scene = node.GetScene() if node is not None else None
        if scene is not None:
            display = node.GetDisplayNode()
            scene.RemoveNode(node)
            if display is not None and display.GetScene() is not None:
                scene.RemoveNode(display)

    def _isIn(self, segmentation: Any) -> bool:
        return self._node is not None and self._node.GetScene() is segmentation.GetScene()

    def _begin(self, segmentation: Any) -> None:
        """Have an empty overlay that moves with the segmentation's transform."""
        self.clear()
        self._node = _newNode(segmentation.GetScene())
        self._node.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())


class _Layer:
    """One mask of the overlay; its label map grows with what is laid on it."""

    def __init__(self, node: Any, name: str, colour: Colour, grid: ImageGrid) -> None:
        self.grid = grid
        self._node, self._name, self._colour = node, name, colour
        self._image = slicer.vtkOrientedImageData()
        self._corner: Triple = (0, 0, 0)
        self._voxels = np.zeros((0, 0, 0), np.uint8)

    def laySlice(self, axis: int, index: int, mask: BoolArray) -> None:
        """Take a mask (rows, columns) as the content of a slice."""
        within = index - self._corner[axis]
        if 0 <= within < self._voxels.shape[axis]:
            np.moveaxis(self._voxels, axis, 0)[within] = 0
        filled = MaskBox.fromArray(np.expand_dims(mask, axis))
        if not filled.isEmpty:
            corner = list(filled.corner)
            corner[axis] = index
            self._put(corner, filled.part())
        self._tell()

    def lay(self, corner: Sequence[int], part: BoolArray) -> None:
        """Add a part of the grid."""
        self._put(corner, part)
        self._tell()

    def _put(self, corner: Sequence[int], part: BoolArray) -> None:
        self._makeRoom(np.array(corner), np.add(corner, part.shape))
        first = np.subtract(corner, self._corner)
        inside = tuple(slice(a, a + n) for a, n in zip(first, part.shape, strict=True))
        self._voxels[inside] |= part

    def _makeRoom(self, low: npt.NDArray[Any], high: npt.NDArray[Any]) -> None:
        """Let the label map reach at least from one voxel to before another."""
        corner, shape = self._corner, self._voxels.shape
        if self._voxels.size:
            if (low >= corner).all() and (high <= np.add(corner, shape)).all():
                return
            low = np.minimum(low, corner)
            high = np.maximum(high, np.add(corner, shape))
        low = np.maximum(low - _MARGIN, 0)
        high = np.minimum(high + _MARGIN, self.grid.shape)
        before = self._voxels.copy()
        self.grid.placeImage(self._image, low, high - low)
        self._image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        voxels = vtk_to_numpy(self._image.GetPointData().GetScalars())
        self._voxels = voxels.reshape(tuple(high - low))
        self._voxels[:] = 0
        first = np.subtract(corner, low)
        if before.size:
            inside = tuple(slice(a, a + n) for a, n in zip(first, shape, strict=True))
            self._voxels[inside] = before
        self._corner = (int(low[0]), int(low[1]), int(low[2]))

    def _tell(self) -> None:
        """Have the views draw the label map as it is now."""
        segments = self._node.GetSegmentation()
        if segments.GetSegment(self._name) is not None:
            self._image.GetPointData().GetScalars().Modified()
            self._image.Modified()
        elif self._voxels.size:
            segment = slicer.vtkSegment()
            segment.SetName(self._name)
            segment.SetColor(*self._colour)
            name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
            segment.AddRepresentation(name, self._image)
            segments.AddSegment(segment, self._name)


def _newNode(scene: Any) -> Any:
    node = scene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(_NAME)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSaveWithScene(False)
    display.SetVisibility3D(False)
    display.SetOpacity2DFill(_FILL)
    display.SetOpacity2DOutline(_OUTLINE)
    return node
