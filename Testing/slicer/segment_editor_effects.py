"""The package `SegmentEditorEffects`: the base class of scripted effects, in our own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPoint
from PySide6.QtGui import QVector3D

__all__ = ["AbstractScriptedSegmentEditorEffect", "AbstractScriptedSegmentEditorLabelEffect"]


class AbstractScriptedSegmentEditorEffect:
    """Holds `scriptedEffect`, registers itself, and converts positions as lists."""

    def __init__(self, scriptedEffect: Any) -> None:
        self.scriptedEffect = scriptedEffect

    def register(self) -> None:
        """Give the prototype to the factory."""
        import slicer

        slicer.qSlicerSegmentEditorEffectFactory.instance().registerEffect(self.scriptedEffect)

    def cleanup(self) -> None:
        """Called before deletion."""

    def createCursor(self, widget: Any) -> None:
        """None: the editor draws the icon."""

    def rasToXy(self, ras: Sequence[float], viewWidget: Any) -> list[int]:
        """Return the pixel of a point."""
        xy = self.scriptedEffect.rasToXy(QVector3D(*ras), viewWidget)
        return [xy.x(), xy.y()]

    def xyToRas(self, xy: Sequence[int], viewWidget: Any) -> list[float]:
        """Return the point of a pixel."""
        return _listed(self.scriptedEffect.xyToRas(QPoint(*xy), viewWidget))

    def xyzToRas(self, xyz: Sequence[float], viewWidget: Any) -> list[float]:
        """Return the point of a place in the view."""
        return _listed(self.scriptedEffect.xyzToRas(QVector3D(*xyz), viewWidget))

    def xyToIjk(
        self, xy: Sequence[int], viewWidget: Any, image: Any, parentTransformNode: Any = None
    ) -> list[int]:
        """Return the voxel of a pixel."""
        found = self.scriptedEffect.xyToIjk(QPoint(*xy), viewWidget, image, parentTransformNode)
        return [int(value) for value in _listed(found)]


class AbstractScriptedSegmentEditorLabelEffect(AbstractScriptedSegmentEditorEffect):
    """The same for effects with a label."""


def _listed(vector: QVector3D) -> list[float]:
    return [vector.x(), vector.y(), vector.z()]
