"""The Segment Editor's widget: what calls an effect, when, and with which events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import slicer
import vtk

from Testing.slicer.application import Application
from Testing.slicer.editor_panel import EditorPanel
from Testing.slicer.effect_factory import qSlicerSegmentEditorEffectFactory
from Testing.slicer.faults import FAULTS
from Testing.slicer.observers import Observers
from Testing.slicer.python_qt import qt
from Testing.slicer.scripted_effect import qSlicerSegmentEditorScriptedEffect
from Testing.slicer.slice_view import SliceView
from Testing.slicer.slice_widget import SliceWidget
from Testing.slicer.view_events import ViewEvents

TAG = "SegmentEditor"


class qMRMLSegmentEditorWidget(qt.QWidget):
    """One editor of a scene, with its own clone of every registered effect.

    It begins without node, segmentation and volume, as Slicer's; `enter()` takes the scene's
    segment editor node.
    """

    def __init__(
        self, application: Application | None = None, views: Iterable[SliceView] = ()
    ) -> None:
        super().__init__()
        self.application = application = application or slicer.app.application
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.logic.SetMRMLScene(application.scene)
        self.logic.SetMRMLApplicationLogic(application.logic)
        self.logic.SetMaximumNumberOfUndoStates(10)  # what the Segment Editor module sets
        self.widgets = [SliceWidget(view) for view in views]
        self.effects: dict[str, qSlicerSegmentEditorScriptedEffect] = {}
        self._node: Any = None
        self._active: qSlicerSegmentEditorScriptedEffect | None = None
        self._segmentation: Any = None
        self._volume: Any = None
        self._geometry: str | None = None
        self._syncing = False
        self._of_scene, self._of_node, self._of_sources = Observers(), Observers(), Observers()
        self._view_events = ViewEvents(self)
        self._panel = EditorPanel(self)
        self._clone_effects()
        self._observe_scene()

    def setMRMLScene(self, scene: Any) -> None:
        """Take a scene; only that of the application will do."""
        assert scene is self.application.scene

    def className(self) -> str:
        """Return the class as Slicer names it."""
        return "qMRMLSegmentEditorWidget"

    # Effects

    def _clone_effects(self) -> None:
        for name, prototype in qSlicerSegmentEditorEffectFactory.registered.items():
            effect = self.call(prototype, "clone")
            if effect is None:
                continue
            effect.editor = self
            self.effects[name] = effect
            self.call(effect, "setupOptionsFrame")
            self._panel.add(effect)

    def call(self, effect: Any, method: str, *values: Any) -> Any:
        """Call a method of an effect's Python object.

        As in Slicer, a missing method and one that raises count for nothing; the exception goes
        to the faults, so that the test fails.
        """
        found = getattr(effect.self(), method, None)
        if found is None:
            return None
        try:
            return found(*values)
        except Exception as exception:
            FAULTS.record(exception)
            return None

    def effectByName(self, name: str) -> Any:
        """Return the clone of that name; None where there is none."""
        return self.effects.get(name)

    def availableEffectNames(self) -> list[str]:
        """Return the names of all effects."""
        return list(self.effects)

    def activeEffect(self) -> Any:
        """Return the effect that has the mouse; None where none has."""
        return self._active

    def setActiveEffectByName(self, name: str) -> None:
        """Choose an effect; an empty name chooses none."""
        if self._node is not None:
            self._node.SetActiveEffectName(name)

    def setActiveEffect(self, effect: Any) -> None:
        """Choose an effect or None."""
        self.setActiveEffectByName(effect.name if effect else "")

    def _activate(self, effect: Any) -> None:
        if effect is self._active:
            return
        if self._active is not None:
            leaving, self._active = self._active, None
            leaving._active = False
            self._view_events.stop()
            self.call(leaving, "deactivate")
        self._active = effect
        if effect is not None:
            self._make_binary_labelmap()
            interaction = self.application.logic.GetInteractionNode()
            interaction.SwitchToViewTransformMode()
            self._view_events.start(self.widgets)
            effect._active = True
            self.call(effect, "helpText")
            effect.updateGUIFromMRML()
            self.call(effect, "activate")
            for widget in self.widgets:
                self.call(effect, "createCursor", widget)
        self._panel.show_effect(effect)

    def _make_binary_labelmap(self) -> None:
        if self._segmentation is not None:
            name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
            self._segmentation.GetSegmentation().SetSourceRepresentationName(name)

    # Node, segmentation, volume, segment

    def mrmlSegmentEditorNode(self) -> Any:
        """Return the parameter node; None where there is none."""
        return self._node

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        """Take another parameter node, or none."""
        if node is self._node:
            return
        self._activate(None)
        self._of_node.clear()
        self._node = node
        self.logic.SetSegmentEditorNode(node)
        if node is not None:
            for effect in self.effects.values():
                self.call(effect, "setMRMLDefaults")
            self._of_node.add(node, vtk.vtkCommand.ModifiedEvent, lambda *_: self._follow())
            self._of_node.add(node, node.EffectParameterModified, self._parameter_changed)
        self._follow()

    def _parameter_changed(self, *_: Any) -> None:
        if self._active is not None:
            self._active.updateGUIFromMRML()

    def segmentationNode(self) -> Any:
        """Return the segmentation that is edited."""
        return self._node.GetSegmentationNode() if self._node else None

    def setSegmentationNode(self, segmentation: Any) -> None:
        """Edit another segmentation, or none."""
        if self._node is not None:
            self._node.SetAndObserveSegmentationNode(segmentation)

    def sourceVolumeNode(self) -> Any:
        """Return the volume that is looked at."""
        return self._node.GetSourceVolumeNode() if self._node else None

    def setSourceVolumeNode(self, volume: Any) -> None:
        """Look at another volume, or at none."""
        if self._node is None:
            return
        segmentation = self.segmentationNode()
        if volume is not None and segmentation is not None:
            converter = slicer.vtkSegmentationConverter
            key = converter.GetReferenceImageGeometryParameterName()
            if not segmentation.GetSegmentation().GetConversionParameter(key):
                segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        self._node.SetAndObserveSourceVolumeNode(volume)

    def currentSegmentID(self) -> str:
        """Return the segment that is edited."""
        return (self._node.GetSelectedSegmentID() or "") if self._node else ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        """Edit another segment."""
        if self._node is not None:
            self._node.SetSelectedSegmentID(segment_id)

    def _follow(self) -> None:
        """Do what a change of the node asks for, once at a time."""
        if self._syncing:
            return
        self._syncing = True
        try:
            self._follow_segmentation()
            self._follow_volume()
            self._follow_geometry()
            name = self._node.GetActiveEffectName() if self._node else None
            self._activate(self.effects.get(name or ""))
            self._panel.refresh()
        finally:
            self._syncing = False

    def _follow_segmentation(self) -> None:
        segmentation = self.segmentationNode()
        if segmentation is self._segmentation:
            return
        if self._segmentation is not None and self._node is not None:
            self._node.SetActiveEffectName("")
        self._activate(None)
        self._segmentation = segmentation
        self._observe_sources()
        if segmentation is not None and self._node is not None:
            self._select_a_segment(segmentation)

    def _select_a_segment(self, segmentation: Any) -> None:
        segments = segmentation.GetSegmentation()
        if segments.GetSegment(self.currentSegmentID()) is None:
            first = segments.GetNthSegmentID(0) if segments.GetNumberOfSegments() else ""
            self._node.SetSelectedSegmentID(first)

    def _follow_volume(self) -> None:
        volume = self.sourceVolumeNode()
        if volume is self._volume:
            return
        self._volume = volume
        self._observe_sources()
        self._tell_all("sourceVolumeNodeChanged")

    def _follow_geometry(self) -> None:
        geometry = self.logic.GetReferenceImageGeometryString() if self._segmentation else None
        if geometry != self._geometry:
            self._geometry = geometry
            self._tell_all("referenceGeometryChanged")

    def _tell_all(self, method: str) -> None:
        for effect in self.effects.values():
            self.call(effect, method)

    def _observe_sources(self) -> None:
        """Listen to the voxels of the volume and to the list of segments."""
        self._of_sources.clear()
        if self._volume is not None:
            self._of_sources.add(
                self._volume,
                slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
                lambda *_: self._tell_all("sourceVolumeNodeChanged"),
            )
        if self._segmentation is not None:
            segments = self._segmentation.GetSegmentation()
            for event in (segments.SegmentAdded, segments.SegmentRemoved, segments.SegmentModified):
                self._of_sources.add(segments, event, lambda *_: self._segments_changed())

    def _segments_changed(self) -> None:
        if self._segmentation is not None and self._node is not None:
            self._select_a_segment(self._segmentation)
        self._panel.refresh()

    # Undo

    def undo(self) -> None:
        """Press the Undo button."""
        self.logic.Undo()
        self._panel.refresh()

    def redo(self) -> None:
        """Press the Redo button."""
        self.logic.Redo()
        self._panel.refresh()

    def maximumNumberOfUndoStates(self) -> int:
        """Return how many states are kept."""
        return int(self.logic.GetMaximumNumberOfUndoStates())

    def setMaximumNumberOfUndoStates(self, count: int) -> None:
        """Keep so many states."""
        self.logic.SetMaximumNumberOfUndoStates(count)

    # Views

    def set_views(self, views: Iterable[SliceView]) -> None:
        """Switch to a layout with other views."""
        self._view_events.stop()
        self.widgets = [SliceWidget(view) for view in views]
        self._tell_all("layoutChanged")
        if self._active is not None:
            self._view_events.start(self.widgets)

    # The module around it

    def enter(self) -> None:
        """Open the Segment Editor module: take the scene's editor node, or make one."""
        scene = self.application.scene
        node = scene.GetSingletonNode(TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(TAG)
            node = scene.AddNode(node)
        self.setMRMLSegmentEditorNode(node)

    def exit(self) -> None:
        """Leave the Segment Editor module."""
        self.setActiveEffectByName("")

    def _observe_scene(self) -> None:
        scene = self.application.scene
        for event, called in (
            (scene.StartCloseEvent, self._scene_closes),
            (scene.EndCloseEvent, self._scene_is_new),
            (scene.EndImportEvent, self._scene_is_new),
        ):
            self._of_scene.add(scene, event, lambda *_, called=called: called())

    def _scene_closes(self) -> None:
        if self._node is not None:
            self.setSegmentationNode(None)
            self._activate(None)
            self.setMRMLSegmentEditorNode(None)

    def _scene_is_new(self) -> None:
        self.enter()
        self._follow()

    def close_editor(self) -> None:
        """Delete the editor: effects are deactivated and cleaned up."""
        self.setMRMLSegmentEditorNode(None)
        self._of_sources.clear()
        self._of_scene.clear()
        for effect in self.effects.values():
            self.call(effect, "cleanup")
        self.logic.SetSegmentEditorNode(None)
        self.logic.SetMRMLScene(None)
