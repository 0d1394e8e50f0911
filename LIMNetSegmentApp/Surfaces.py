"""Segments in the 3D view: meshes that follow the masks, also while a round is under way.

Slicer's own closed surfaces are made anew within every write, which a large segment makes slow. So
models are made here, in their own time, of as many voxels as are meshed in a moment.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from LIMNetSegmentLib.SegmentMasks import labelledBox
from LIMNetSegmentLib.SlicePreview import COMING

Colour = tuple[float, float, float]

_MOST_VOXELS = 1_500_000
_SMOOTHINGS = 16
_COMING_OPACITY = 0.55
_PREVIEW = "LIMNet preview"


class Surfaces:
    """One model a segment, and one for the round under way."""

    def __init__(self, scene: Any, segmentation: Any) -> None:
        """Begin without any."""
        self._scene, self._segmentation = scene, segmentation
        self._models: dict[str, Any] = {}
        self._stamps: dict[str, Hashable] = {}
        self.isOn = True
        """Whether surfaces are made and shown."""

    def update(self) -> bool:
        """Make what differs from the masks; return whether anything did."""
        wanted = self._wanted() if self.isOn else {}
        changed = [name for name in self._models if name not in wanted]
        for name in changed:
            self._remove(name)
        for name, (image, label, colour, opacity) in wanted.items():
            stamp = (image.GetMTime(), label)
            if self._stamps.get(name) != stamp:
                self._stamps[name] = stamp
                self._model(name).SetAndObservePolyData(meshOf(image, label))
                changed.append(name)
            self._paint(name, colour, opacity)
        return bool(changed)

    def remove(self) -> None:
        """Show none."""
        for name in list(self._models):
            self._remove(name)

    def _wanted(self) -> dict[str, tuple[Any, int, Colour, float]]:
        found = {}
        segments, display = (
            self._segmentation.GetSegmentation(),
            self._segmentation.GetDisplayNode(),
        )
        for number in range(segments.GetNumberOfSegments()):
            identifier = segments.GetNthSegmentID(number)
            image = self._segmentation.GetBinaryLabelmapInternalRepresentation(identifier)
            isShown = display is not None and display.GetSegmentVisibility(identifier)
            if isShown and image is not None and not image.IsEmpty():
                segment = segments.GetSegment(identifier)
                found[identifier] = (image, segment.GetLabelValue(), segment.GetColor(), 1.0)
        coming = self._coming()
        if coming is not None:
            found[_PREVIEW] = (coming, 1, COMING, _COMING_OPACITY)
        return found

    def _coming(self) -> Any:
        """Return the label map of the round under way; None where there is none."""
        node = self._scene.GetFirstNodeByName(_PREVIEW)
        if node is None or node.GetSegmentation().GetSegment("coming") is None:
            return None
        return node.GetBinaryLabelmapInternalRepresentation("coming")

    def _model(self, name: str) -> Any:
        if name not in self._models:
            node = self._scene.AddNewNodeByClass("vtkMRMLModelNode", f"LIMNet surface {name}")
            node.SetHideFromEditors(True)
            node.CreateDefaultDisplayNodes()
            display = node.GetDisplayNode()
            display.SetVisibility2D(False)
            display.SetAmbient(0.12)
            display.SetDiffuse(0.82)
            display.SetSpecular(0.12)
            display.SetPower(12)
            self._models[name] = node
        return self._models[name]

    def _paint(self, name: str, colour: Colour, opacity: float) -> None:
        display = self._models[name].GetDisplayNode()
        display.SetColor(*colour)
        display.SetOpacity(opacity)

    def _remove(self, name: str) -> None:
        node = self._models.pop(name)
        self._stamps.pop(name, None)
        display = node.GetDisplayNode()
        self._scene.RemoveNode(node)
        if display is not None and display.GetScene() is not None:
            self._scene.RemoveNode(display)


def meshOf(image: Any, label: int) -> Any:
    """Return a smooth surface around a label of an oriented label map, in RAS.

    Of large masks only every other voxel is taken, or fewer.
    """
    voxels = vtk_to_numpy(image.GetPointData().GetScalars())
    corner, mask = labelledBox(voxels.reshape(image.GetDimensions()[::-1]), label)
    step = 1
    while mask.size // step**3 > _MOST_VOXELS:
        step += 1
    part = np.pad(mask[::step, ::step, ::step], 1).astype(np.uint8)
    grid = vtk.vtkImageData()
    grid.SetDimensions(*part.shape[::-1])
    grid.GetPointData().SetScalars(numpy_to_vtk(part.ravel(), deep=True))
    nets = vtk.vtkSurfaceNets3D()
    nets.SetInputData(grid)
    nets.SetNumberOfIterations(_SMOOTHINGS)
    nets.SetOutputMeshTypeToTriangles()
    nets.SetBackgroundLabel(0)
    place = vtk.vtkTransformPolyDataFilter()
    place.SetInputConnection(nets.GetOutputPort())
    place.SetTransform(_toRas(image, corner, step))
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(place.GetOutputPort())
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.AutoOrientNormalsOn()
    normals.Update()
    mesh = vtk.vtkPolyData()
    mesh.ShallowCopy(normals.GetOutput())
    mesh.GetCellData().Initialize()  # labels of both sides would be taken for colours
    return mesh


def _toRas(image: Any, corner: tuple[int, ...], step: int) -> Any:
    """Return the way from the strided, padded grid to RAS."""
    toWorld = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(toWorld)
    extent = image.GetExtent()
    first = [extent[2 * axis] + corner[2 - axis] - step for axis in range(3)]
    transform = vtk.vtkTransform()
    transform.SetMatrix(toWorld)
    transform.Translate(*first)
    transform.Scale(step, step, step)
    return transform
