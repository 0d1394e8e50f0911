"""What the Segment Editor is to the effect: one segmentation, its source volume, undo, writing.

It has those methods of Slicer's `scriptedEffect` that `MrmlBridge` calls, over the same editor
logic that Slicer's Segment Editor works with.
"""

from __future__ import annotations

from typing import Any

import slicer

from LIMNetSegmentLib.MrmlBridge import MrmlBridge
from LIMNetSegmentLib.ScenePort import Target

UNDO_STATES = 50

_LOGIC = slicer.vtkSlicerSegmentEditorLogic
_MODES = (  # VTK takes its enum, effects give whole numbers
    _LOGIC.ModificationModeSet,
    _LOGIC.ModificationModeAdd,
    _LOGIC.ModificationModeRemove,
    _LOGIC.ModificationModeRemoveAll,
)


class Editor:
    """A segment editor without widgets."""

    def __init__(self, scene: Any, applicationLogic: Any) -> None:
        """Begin with nothing selected."""
        self.node = scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode", "LIMNet editor")
        self._logic = _LOGIC()
        self._logic.SetMRMLScene(scene)
        self._logic.SetMRMLApplicationLogic(applicationLogic)
        self._logic.SetSegmentEditorNode(self.node)
        self._logic.SetMaximumNumberOfUndoStates(UNDO_STATES)

    def edit(self, segmentation: Any, volume: Any) -> None:
        """Take a segmentation and the volume it is drawn on."""
        self.node.SetAndObserveSegmentationNode(segmentation)
        self.node.SetAndObserveSourceVolumeNode(volume)
        self._logic.ClearUndoState()

    def select(self, segmentId: str) -> None:
        """Select a segment."""
        self.node.SetSelectedSegmentID(segmentId)

    # Undo

    @property
    def canUndo(self) -> bool:
        """Whether there is a state to go back to."""
        return bool(self._logic.CanUndo())

    @property
    def canRedo(self) -> bool:
        """Whether there is a state to go forward to."""
        return bool(self._logic.CanRedo())

    def undo(self) -> None:
        """Go back one state."""
        self._logic.Undo()

    def redo(self) -> None:
        """Go forward one state."""
        self._logic.Redo()

    # As `scriptedEffect`

    def parameterSetNode(self) -> Any:
        """Return the editor's node."""
        return self.node

    def viewNode(self, view: Any) -> Any:
        """Return the node of a view."""
        return view.get_view_node()

    def referenceGeometryImage(self) -> Any:
        """Return an image without voxels in the segmentation's geometry; None without one."""
        known = self._logic.UpdateReferenceGeometryImage()
        return self._logic.GetReferenceGeometryImage() if known else None

    def sourceVolumeImageData(self) -> Any:
        """Return the source volume in the segmentation's geometry; None without one."""
        known = self._logic.UpdateAlignedSourceVolume()
        return self._logic.GetAlignedSourceVolume() if known else None

    def saveStateForUndo(self) -> None:
        """Remember the segmentation as it is."""
        self._logic.SaveStateForUndo()

    def modifySegmentByLabelmap(
        self, segmentation: Any, segmentId: str, labelmap: Any, mode: int
    ) -> None:
        """Write into a segment, as Slicer's effects do."""
        perSegment, bypassMasking = True, False
        self._logic.ModifySegmentByLabelmap(
            segmentation, segmentId, labelmap, _MODES[int(mode)], perSegment, bypassMasking
        )


class EditorBridge(MrmlBridge):
    """The effect's bridge; segments have IDs of their own here, which no renaming changes."""

    def segmentName(self, target: Target) -> str:
        """Return what finds the segment's journal again: its ID."""
        return target.segmentId
