"""`scriptedEffect`: what Slicer hands to an effect's Python class, over the real editor logic."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from Testing.slicer.dialogs import DIALOGS
from Testing.slicer.effect_factory import qSlicerSegmentEditorAbstractEffect
from Testing.slicer.effect_parameters import EffectParameters
from Testing.slicer.effect_views import EffectViews
from Testing.slicer.python_qt import qt

Logic = slicer.vtkSlicerSegmentEditorLogic
MODES = (  # VTK takes its enum, Slicer's Python whole numbers
    Logic.ModificationModeSet,
    Logic.ModificationModeAdd,
    Logic.ModificationModeRemove,
    Logic.ModificationModeRemoveAll,
)


class qSlicerSegmentEditorScriptedEffect(EffectParameters, EffectViews, QtCore.QObject):
    """Parameters, volumes, masks and views for one clone of an effect."""

    PROPERTIES = frozenset(
        {"name", "title", "perSegment", "requireSegments", "editor"}
        | {"showEffectCursorInSliceView", "showEffectCursorInThreeDView"}
    )

    def __init__(self, parent: Any = None) -> None:
        QtCore.QObject.__init__(self, parent)
        self.name, self.title = "UnnamedEffect", ""
        self.perSegment, self.requireSegments = True, True
        self.showEffectCursorInSliceView, self.showEffectCursorInThreeDView = True, False
        self.editor: Any = None
        self._active = False
        self._frame = qt.QFrame()
        self._layout = qt.QFormLayout(self._frame)
        self._layout.setContentsMargins(4, 4, 4, 4)
        self._python: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.PROPERTIES and not name.startswith("_"):
            raise AttributeError(f"scriptedEffect has no property {name!r}")
        super().__setattr__(name, value)

    # The Python side

    def setPythonSource(self, path: str) -> bool:
        """Load an effect as Slicer does: the folder's name is the module, the file's the class."""
        file = Path(path)
        module_name, class_name = file.parent.name, file.stem
        class_name += "" if class_name.endswith("Effect") else "Effect"
        module = sys.modules.get(module_name)
        if module is None or not hasattr(module, class_name):
            spec = importlib.util.spec_from_file_location(module_name, path)
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        setattr(slicer, module_name, module)
        self._python = getattr(module, class_name)(self)
        return True

    def self(self) -> Any:
        """Return the effect's Python object."""
        return self._python

    def className(self) -> str:
        """Return the class as Slicer names it."""
        return "qSlicerSegmentEditorScriptedEffect"

    def active(self) -> bool:
        """Tell whether the user works with this effect."""
        return self._active

    def selectEffect(self, name: str) -> None:
        """Give the mouse to another effect."""
        self.editor.setActiveEffectByName(name)

    # Volumes and masks

    def _logic(self) -> Any:
        return self.editor.logic

    def sourceVolumeImageData(self) -> Any:
        """Return the source volume in the segmentation's geometry."""
        return (
            self._logic().GetAlignedSourceVolume() if self._updated("AlignedSourceVolume") else None
        )

    def selectedSegmentLabelmap(self) -> Any:
        """Return the selected segment as the logic keeps it."""
        known = self._updated("SelectedSegmentLabelmap")
        return self._logic().GetSelectedSegmentLabelmap() if known else None

    def maskLabelmap(self) -> Any:
        """Return what may not be edited."""
        return self._logic().GetMaskLabelmap() if self._updated("MaskLabelmap") else None

    def referenceGeometryImage(self) -> Any:
        """Return an image without voxels in the reference geometry."""
        known = self._updated("ReferenceGeometryImage")
        return self._logic().GetReferenceGeometryImage() if known else None

    def defaultModifierLabelmap(self) -> Any:
        """Return a label map of zeros in the reference geometry."""
        logic = self._logic()
        return logic.GetModifierLabelmap() if logic.ResetModifierLabelmapToDefault() else None

    def modifierLabelmap(self) -> Any:
        """Return the modifier label map as it was left."""
        return self._logic().GetModifierLabelmap()

    def _updated(self, what: str) -> bool:
        return bool(getattr(self._logic(), f"Update{what}")())

    def saveStateForUndo(self) -> None:
        """Remember the segmentation as it is."""
        self._logic().SaveStateForUndo()

    def modifySelectedSegmentByLabelmap(self, labelmap: Any, mode: int, *rest: Any) -> None:
        """Write into the selected segment: mode[, six extent numbers][, bypass masking]."""
        extent = [part for part in rest if not isinstance(part, bool)]
        if len(extent) > 1 or any(type(n) is not int for part in extent for n in part):
            raise TypeError("the extent is one list of six whole numbers of Python")
        node = self.parameterSetNode()
        segment_id = node.GetSelectedSegmentID() or ""
        bypass = any(part for part in rest if isinstance(part, bool))
        self._modify(node.GetSegmentationNode(), segment_id, labelmap, mode, extent, bypass)

    def modifySegmentByLabelmap(
        self, segmentation: Any, segment_id: str, labelmap: Any, mode: int, bypass: bool = False
    ) -> None:
        """Write into a named segment; Python cannot pass an extent here."""
        if not isinstance(bypass, bool):
            raise TypeError("no extent here from Python: give a label map with a small extent")
        self._modify(segmentation, segment_id, labelmap, mode, [], bypass)

    def _modify(
        self,
        segmentation: Any,
        segment_id: str,
        labelmap: Any,
        mode: int,
        extent: Any,
        bypass: bool,
    ) -> None:
        self._logic().ModifySegmentByLabelmap(
            segmentation,
            segment_id,
            labelmap,
            MODES[int(mode)],
            *(list(part) for part in extent),
            self.perSegment,
            bypass,
        )

    def confirmCurrentSegmentVisible(self) -> int:
        """Ask before a hidden segment is edited."""
        if self._logic().IsSelectedSegmentVisible():
            return qSlicerSegmentEditorAbstractEffect.ConfirmedWithoutDialog
        if not DIALOGS.ask("The segment is hidden. Show it and edit it?"):
            return qSlicerSegmentEditorAbstractEffect.NotConfirmed
        node = self.parameterSetNode()
        display = node.GetSegmentationNode().GetDisplayNode()
        display.SetVisibility(True)
        display.SetSegmentVisibility(node.GetSelectedSegmentID(), True)
        return qSlicerSegmentEditorAbstractEffect.ConfirmedWithDialog

    # Options

    def optionsFrame(self) -> Any:
        """Return the frame of the effect's options."""
        return self._frame

    def optionsLayout(self) -> Any:
        """Return the form in it."""
        return self._layout

    def addOptionsWidget(self, added: QtWidgets.QWidget | QtWidgets.QLayout) -> None:
        """Add a row."""
        self._layout.addRow(added)

    def addLabeledOptionsWidget(self, label: Any, added: Any) -> Any:
        """Add a row with a label and return the label."""
        shown = label if isinstance(label, QtWidgets.QWidget) else qt.QLabel(label)
        self._layout.addRow(shown, added)
        return shown

    def updateGUIFromMRML(self) -> None:
        """Have the effect show what the node holds."""
        if self._active:
            self.editor.call(self, "updateGUIFromMRML")

    def updateMRMLFromGUI(self) -> None:
        """Have the effect store what its widgets show."""
        self.editor.call(self, "updateMRMLFromGUI")
