"""A small effect that tests the host: a click takes all voxels of about the same grey value."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import qt
import slicer
import vtk
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy


class SegmentEditorEffect(AbstractScriptedSegmentEditorEffect):
    def __init__(self, scriptedEffect: Any) -> None:
        scriptedEffect.name = "Click"
        scriptedEffect.title = _("Click")
        super().__init__(scriptedEffect)
        self.calls: list[str] = []
        self.events: list[int] = []
        self.job: tuple[threading.Event, list[Any]] | None = None

    def clone(self) -> Any:
        import qSlicerSegmentationsEditorEffectsPythonQt as effects

        made = effects.qSlicerSegmentEditorScriptedEffect(None)
        made.setPythonSource(__file__.replace("\\", "/"))
        return made

    def icon(self) -> Any:
        return qt.QIcon()

    def setMRMLDefaults(self) -> None:
        self.calls.append("setMRMLDefaults")
        self.scriptedEffect.setParameterDefault("Tolerance", 30.0)

    def setupOptionsFrame(self) -> None:
        self.calls.append("setupOptionsFrame")
        self.tolerance = slicer.qMRMLSliderWidget()
        self.tolerance.setMRMLScene(slicer.mrmlScene)
        self.tolerance.maximum = 500
        self.tolerance.connect("valueChanged(double)", self.updateMRMLFromGUI)
        self.scriptedEffect.addLabeledOptionsWidget(_("Tolerance:"), self.tolerance)
        self.status = qt.QLabel()
        self.scriptedEffect.addOptionsWidget(self.status)
        self.timer = qt.QTimer()
        self.timer.interval = 0
        self.timer.connect("timeout()", self.poll)

    def updateGUIFromMRML(self) -> None:
        self.calls.append("updateGUIFromMRML")
        was = self.tolerance.blockSignals(True)
        self.tolerance.value = self.scriptedEffect.doubleParameter("Tolerance")
        self.tolerance.blockSignals(was)

    def updateMRMLFromGUI(self, *unused: Any) -> None:
        self.scriptedEffect.setParameter("Tolerance", float(self.tolerance.value))

    def activate(self) -> None:
        self.calls.append("activate")

    def deactivate(self) -> None:
        self.calls.append("deactivate")
        self.timer.stop()
        self.job = None

    def cleanup(self) -> None:
        self.calls.append("cleanup")
        self.timer.disconnect("timeout()", self.poll)

    def sourceVolumeNodeChanged(self) -> None:
        self.calls.append("sourceVolumeNodeChanged")

    def referenceGeometryChanged(self) -> None:
        self.calls.append("referenceGeometryChanged")

    def layoutChanged(self) -> None:
        self.calls.append("layoutChanged")

    def processViewNodeEvents(self, viewNode: Any, eventId: int, viewWidget: Any) -> None:
        self.calls.append("processViewNodeEvents")

    def processInteractionEvents(self, interactor: Any, eventId: int, viewWidget: Any) -> bool:
        self.events.append(eventId)
        if eventId == vtk.vtkCommand.LeftButtonReleaseEvent:
            return True
        if eventId != vtk.vtkCommand.LeftButtonPressEvent or interactor.GetShiftKey():
            return False
        image = self.scriptedEffect.sourceVolumeImageData()
        ijk = self.xyToIjk(interactor.GetEventPosition(), viewWidget, image)
        voxels = vtk_to_numpy(image.GetPointData().GetScalars())
        voxels = voxels.reshape(image.GetDimensions()[::-1]).astype(int)
        tolerance = self.scriptedEffect.doubleParameter("Tolerance")
        done, results = self.job = threading.Event(), []
        self.status.text = _("Working...")
        self.timer.start()
        threading.Thread(target=self.work, args=(voxels, ijk, tolerance, done, results)).start()
        return True

    @staticmethod
    def work(voxels: Any, ijk: Any, tolerance: float, done: Any, results: list[Any]) -> None:
        results.append(abs(voxels - voxels[tuple(ijk[::-1])]) <= tolerance)
        done.set()

    def poll(self) -> None:
        assert self.job is not None
        done, results = self.job
        if not done.wait(0.03):
            return
        self.timer.stop()
        self.job = None
        self.write(results[0])
        self.status.text = _("Done")

    def write(self, mask: Any) -> None:
        reference = self.scriptedEffect.referenceGeometryImage()
        matrix = vtk.vtkMatrix4x4()
        reference.GetImageToWorldMatrix(matrix)
        labelmap = slicer.vtkOrientedImageData()
        labelmap.SetExtent(*reference.GetExtent())
        scalars = numpy_to_vtk(np.ascontiguousarray(mask, np.uint8).ravel(), deep=True)
        labelmap.GetPointData().SetScalars(scalars)
        labelmap.SetGeometryFromImageToWorldMatrix(matrix)
        self.scriptedEffect.saveStateForUndo()
        add = slicer.qSlicerSegmentEditorAbstractEffect.ModificationModeAdd
        self.scriptedEffect.modifySelectedSegmentByLabelmap(labelmap, add)
