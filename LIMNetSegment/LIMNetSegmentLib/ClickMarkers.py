"""Clicks as markers in the slice views: green where the object is, red where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import vtk

from .NodeFrames import NodeFrames

if TYPE_CHECKING:
    from .SessionFacts import Marker

POSITIVE = (0.20, 0.95, 0.35)
NEGATIVE = (1.00, 0.25, 0.20)
REACH = 10.0
"""Pixels from a marker at which it is still hit."""

_NAME = "LIMNet clicks"
_SIZE = 2.2  # per cent of the view
_ON_SLICE = 0.5 + 1e-6  # slices of the view; so near, the view draws a marker


class ClickMarkers:
    """A node of markers that users neither see in lists nor save; there only while it has any."""

    def __init__(self) -> None:
        self._node: Any = None
        self._markers: tuple[Marker, ...] = ()

    def show(self, segmentation: Any, markers: Sequence[Marker]) -> None:
        """Show these markers and no others; they move with the segmentation's transform."""
        self._showIn(segmentation.GetScene(), segmentation.GetTransformNodeID(), tuple(markers))

    def toFront(self) -> None:
        """Draw the markers over what has come to the views since."""
        if self._isInScene():
            scene, parent = self._node.GetScene(), self._node.GetTransformNodeID()
            markers = self._markers
            self.remove()
            self._showIn(scene, parent, markers)

    def remove(self) -> None:
        """Show none; nothing stays in the scene."""
        if self._isInScene():
            scene, display = self._node.GetScene(), self._node.GetDisplayNode()
            with _PlaceNodeKept(scene):
                scene.RemoveNode(self._node)
                if display is not None and display.GetScene() is not None:
                    scene.RemoveNode(display)
        self._node, self._markers = None, ()

    def _showIn(self, scene: Any, parentId: str | None, markers: tuple[Marker, ...]) -> None:
        if not markers or (self._isInScene() and self._node.GetScene() is not scene):
            self.remove()
        if not markers:
            return
        if not self._isInScene():
            self._markers = ()
            with _PlaceNodeKept(scene):
                self._node = _newNode(scene)
        self._node.SetAndObserveTransformNodeID(parentId)
        if markers != self._markers:
            self._markers = markers
            self._place()

    def _isInScene(self) -> bool:
        return self._node is not None and self._node.GetScene() is not None

    def at(self, sliceNode: Any, xy: Sequence[float]) -> int | None:
        """Return the number of the marker at a pixel of a view; None where there is none."""
        if not self._isInScene():
            return None
        toWorld = NodeFrames(self._node, None)
        toView = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(sliceNode.GetXYToRAS(), toView)
        near = []
        for marker in self._markers:
            x, y, depth, _ = toView.MultiplyPoint((*toWorld.point(marker.pointRas), 1.0))
            distance = float(np.hypot(x - xy[0], y - xy[1]))
            if distance <= REACH and abs(depth) <= _ON_SLICE:
                near.append((distance, marker.number))
        return min(near)[1] if near else None

    def _place(self) -> None:
        before = self._node.StartModify()  # one event for all
        self._node.RemoveAllControlPoints()
        for marker in self._markers:
            index = self._node.AddControlPoint(marker.pointRas)
            self._node.SetNthControlPointSelected(index, marker.positive)
            self._node.SetNthControlPointLocked(index, True)
        self._node.EndModify(before)


class _PlaceNodeKept:
    """The user's own list of points stays the one that is placed into, whatever comes or goes."""

    def __init__(self, scene: Any) -> None:
        self._selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")

    def __enter__(self) -> None:
        if self._selection is not None:
            self._before = self._selection.GetActivePlaceNodeID()
            self._className = self._selection.GetActivePlaceNodeClassName()

    def __exit__(self, *_: object) -> None:
        if self._selection is not None:
            self._selection.SetActivePlaceNodeID(self._before)
            self._selection.SetActivePlaceNodeClassName(self._className)


def _newNode(scene: Any) -> Any:
    """Return an empty list of points whose selected ones are the positive clicks."""
    node = scene.CreateNodeByClass("vtkMRMLMarkupsFiducialNode")
    node.UnRegister(None)
    node.SetName(_NAME)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    node.SetLocked(True)
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSaveWithScene(False)
    display.SetSelectedColor(*POSITIVE)
    display.SetColor(*NEGATIVE)
    display.SetGlyphType(display.Sphere3D)
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(_SIZE)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(False)
    display.SetSliceProjection(False)
    display.SetVisibility3D(False)
    return node
