"""What an effect can do with a view: positions, actors, drawing."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtCore, QtGui

Logic = slicer.vtkSlicerSegmentEditorLogic


class EffectViews:
    """The part of `scriptedEffect` that knows views; a view comes as its widget."""

    editor: Any

    @staticmethod
    def viewNode(widget: Any) -> Any:
        """Return the node of a view."""
        return widget.mrmlSliceNode() if hasattr(widget, "mrmlSliceNode") else widget.mrmlViewNode()

    @staticmethod
    def renderWindow(widget: Any) -> Any:
        """Return the render window of a view."""
        return widget.view.window

    @staticmethod
    def renderer(widget: Any) -> Any:
        """Return the renderer that actors go to."""
        return widget.view.renderer

    def addActor2D(self, widget: Any, actor: Any) -> None:
        """Draw an actor over a view."""
        widget.view.renderer.AddViewProp(actor)

    def removeActor2D(self, widget: Any, actor: Any) -> None:
        """Draw it no more."""
        widget.view.renderer.RemoveViewProp(actor)

    addActor3D, removeActor3D = addActor2D, removeActor2D

    def scheduleRender(self, widget: Any) -> None:
        """Have a view drawn when there is time."""
        widget.scheduleRender()

    def forceRender(self, widget: Any) -> None:
        """Draw a view now."""
        widget.view.render()

    def cursorOff(self, widget: Any) -> None:
        """Hide the cursor; there is none."""

    def cursorOn(self, widget: Any) -> None:
        """Show the cursor; there is none."""

    @staticmethod
    def sliceSpacing(widget: Any) -> float:
        """Return the distance of slices in mm."""
        return float(Logic.GetSliceSpacing(widget.view.logic))

    def segmentationDisplayableInView(self, node: Any) -> bool:
        """Tell whether a view may show the segmentation at all."""
        return bool(self.editor.logic.IsSegmentationDisplayableInView(node))

    @staticmethod
    def rasToXy(ras: QtGui.QVector3D, widget: Any) -> QtCore.QPoint:
        """Return the pixel of a point of the world."""
        return QtCore.QPoint(*widget.view.to_xy((ras.x(), ras.y(), ras.z())))

    @staticmethod
    def xyToRas(xy: QtCore.QPoint, widget: Any) -> QtGui.QVector3D:
        """Return the point of the world of a pixel."""
        found = [0.0] * 3
        Logic.XyToRas([xy.x(), xy.y()], found, widget.view.node)
        return QtGui.QVector3D(*found)

    @staticmethod
    def xyzToRas(xyz: QtGui.QVector3D, widget: Any) -> QtGui.QVector3D:
        """Return the point of the world of a place in the view."""
        found = [0.0] * 3
        Logic.XyzToRas([xyz.x(), xyz.y(), xyz.z()], found, widget.view.node)
        return QtGui.QVector3D(*found)

    @staticmethod
    def xyToIjk(xy: QtCore.QPoint, widget: Any, image: Any, parent: Any = None) -> QtGui.QVector3D:
        """Return the voxel of a pixel, with all the faults of Slicer's own."""
        found = [0, 0, 0]
        Logic.XyToIjk([xy.x(), xy.y()], found, widget.view.node, image, parent)
        return QtGui.QVector3D(*found)
