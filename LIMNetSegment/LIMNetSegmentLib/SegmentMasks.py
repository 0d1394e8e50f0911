"""Segments as masks: read within their own extent, written through the editor's own path.

So editable area, intensity range, overwrite mode and other segments are respected, and what a
segment holds after writing may not be what was asked for: read it again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from .ImageGrid import ImageGrid, Triple
from .MaskBox import MaskBox

Labels = npt.NDArray[Any]

_SLICER_MODES = getattr(slicer, "qSlicerSegmentEditorAbstractEffect", None)  # not without its GUI
ADD = getattr(_SLICER_MODES, "ModificationModeAdd", 1)
REMOVE = getattr(_SLICER_MODES, "ModificationModeRemove", 2)


class SegmentMasks:
    """Reads and writes segments; what has not changed is not read again."""

    def __init__(self, effect: Any) -> None:
        """Take the `scriptedEffect`."""
        self._effect = effect
        self._read: dict[Hashable, tuple[Hashable, MaskBox]] = {}

    def mask(self, segmentation: Any, segmentId: str, grid: ImageGrid) -> MaskBox:
        """Return a segment on a grid; voxels outside of the grid are left out."""
        image = segmentation.GetBinaryLabelmapInternalRepresentation(segmentId)
        if image is None or image.IsEmpty():
            return MaskBox.empty(grid.shape)
        label = segmentation.GetSegmentation().GetSegment(segmentId).GetLabelValue()
        place, stamp = (segmentation.GetID(), segmentId), (image.GetMTime(), label, grid)
        if self._read.get(place, (None,))[0] != stamp:
            mask = _readMask(segmentation, segmentId, image, label, grid)
            self._read[place] = (stamp, mask)
        return self._read[place][1]

    def change(
        self,
        segmentation: Any,
        segmentId: str,
        grid: ImageGrid,
        add: MaskBox,
        remove: MaskBox,
        isUndoable: bool = True,
    ) -> bool:
        """Remove voxels from a segment and add others to it; only this segment loses any.

        Args:
            segmentation: The node that the editor edits.
            segmentId: Of the segment, which need not be the selected one.
            grid: Of the masks; the reference geometry of the segmentation.
            add: Voxels to add.
            remove: Voxels to remove.
            isUndoable: Save an undo state first.

        Returns:
            Whether anything was asked for; if not, nothing is written and no undo state saved.
        """
        parts = [(mask, mode) for mask, mode in ((remove, REMOVE), (add, ADD)) if not mask.isEmpty]
        if parts and isUndoable:
            self._effect.saveStateForUndo()
        for mask, mode in parts:
            labelmap = grid.labelmap(mask.corner, mask.part())
            self._effect.modifySegmentByLabelmap(segmentation, segmentId, labelmap, mode)
        return bool(parts)

    def forget(self) -> None:
        """Drop what was read."""
        self._read.clear()


def segmentTag(segment: Any, name: str) -> str:
    """Return the text of a segment's tag; empty where there is none."""
    text = vtk.mutable("")
    return str(text) if segment.GetTag(name, text) else ""


def setSegmentTag(segment: Any, name: str, text: str) -> None:
    """Set the text of a segment's tag, which is JSON: in files `|` would end it."""
    segment.SetTag(name, text.replace("|", "\\u007c"))


def labelledBox(labels: Labels, label: int) -> tuple[Triple, npt.NDArray[np.bool_]]:
    """Return corner and mask [k, j, i] of the box around a label; of no size where there is none.

    One pass, slice by slice: a layer that many segments share is large, the segment often small.
    """
    inSlices = np.zeros(labels.shape[0], bool)
    seen = np.zeros(labels.shape[1:], bool)
    for index, one in enumerate(labels):
        hit = one == label
        if hit.any():
            inSlices[index] = True
            seen |= hit
    filled = [np.flatnonzero(line) for line in (inSlices, seen.any(axis=1), seen.any(axis=0))]
    if filled[0].size == 0:
        return (0, 0, 0), np.zeros((0, 0, 0), bool)
    box = tuple(slice(int(places[0]), int(places[-1]) + 1) for places in filled)
    k, j, i = (side.start for side in box)
    return (k, j, i), labels[box] == label


def _readMask(
    segmentation: Any, segmentId: str, image: Any, label: int, grid: ImageGrid
) -> MaskBox:
    stored = ImageGrid.ofImage(image)
    offset = stored.offsetIn(grid)
    if offset is None:
        image, offset, label = _onGrid(segmentation, segmentId, grid), (0, 0, 0), 1
    voxels = vtk_to_numpy(image.GetPointData().GetScalars())
    corner, part = labelledBox(voxels.reshape(image.GetDimensions()[::-1]), label)
    return _cut(grid.shape, tuple(np.add(corner, offset)), part)


def _onGrid(segmentation: Any, segmentId: str, grid: ImageGrid) -> Any:
    """Return a segment that is kept on another grid, as a label map of 1 on this one."""
    own, result = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation(segmentId, own)
    wanted = slicer.vtkOrientedImageData()
    grid.placeImage(wanted, (0, 0, 0), grid.shape)
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        own, wanted, result, False, False
    )
    return result


def _cut(shape: Triple, corner: tuple[int, ...], part: npt.NDArray[np.bool_]) -> MaskBox:
    """Return a mask without what lies outside of its grid."""
    low = np.clip(np.negative(corner), 0, part.shape)
    high = np.clip(np.subtract(shape, corner), 0, part.shape)
    inside = part[tuple(slice(first, end) for first, end in zip(low, high, strict=True))]
    return MaskBox.fromPart(shape, np.add(corner, low), inside)
