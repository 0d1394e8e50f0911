"""The application without its window: a real scene, its logics, saving and loading.

Made of slicer-core alone; widgets and effects come from the files beside this one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

LOGICS = (  # in an order in which each finds what it needs
    ("Terminologies", "vtkSlicerTerminologiesModuleLogic"),
    ("SubjectHierarchy", "vtkSlicerSubjectHierarchyModuleLogic"),
    ("Volumes", "vtkSlicerVolumesLogic"),
    ("Markups", "vtkSlicerMarkupsLogic"),
    ("Sequences", "vtkSlicerSequencesLogic"),
    ("Segmentations", "vtkSlicerSegmentationsModuleLogic"),
    ("Data", "vtkSlicerDataModuleLogic"),
)
COLOURS = ((0.90, 0.38, 0.32), (0.30, 0.72, 0.45), (0.35, 0.55, 0.95), (0.95, 0.80, 0.25))


class Application:
    """A scene with the logics that Slicer gives it; several may live one after the other."""

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        self.logic = slicer.vtkSlicerApplicationLogic()
        self.logics: dict[str, Any] = {}
        self._cache = tempfile.TemporaryDirectory(prefix="limnet-scene-")
        with vtk_warnings_off():  # the wheel has no terminology files
            self._start_logics()
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self._allow_bundles()

    def _start_logics(self) -> None:
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        self.logic.SetMRMLScene(self.scene)
        self.logic.GetColorLogic().SetMRMLScene(self.scene)
        self.logic.GetColorLogic().AddDefaultColorNodes()
        self.logic.SetSliceLogics(vtk.vtkCollection())
        self.logic.SetViewLogics(vtk.vtkCollection())
        for factory in (
            slicer.vtkMRMLSliceViewDisplayableManagerFactory,
            slicer.vtkMRMLThreeDViewDisplayableManagerFactory,
        ):
            factory.GetInstance().SetMRMLApplicationLogic(self.logic)
        for name, class_name in LOGICS:
            logic = getattr(slicer, class_name)()
            logic.SetMRMLApplicationLogic(self.logic)
            logic.SetMRMLScene(self.scene)  # registers the node classes of its module
            self.logic.SetModuleLogic(name, logic)
            self.logics[name] = logic

    def _allow_bundles(self) -> None:
        """Give the scene a folder in which .mrb files are unpacked."""
        cache, data = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
        cache.SetRemoteCacheDirectory(self._cache.name)
        data.SetCacheManager(cache)
        self.scene.SetDataIOManager(data)
        self.scene.SetRootDirectory(self._cache.name)

    def add_volume(
        self,
        voxels: npt.NDArray[Any],
        ijk_to_ras: npt.ArrayLike | None = None,
        name: str = "Volume",
        window_level: tuple[float, float] | None = None,
    ) -> Any:
        """Add a scalar volume node.

        Args:
            voxels: [k, j, i].
            ijk_to_ras: (4, 4), columns may point anywhere; by default LPS axes of 1 mm.
            name: Of the node.
            window_level: Grey values shown; by default chosen from the voxels.
        """
        node = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        image = vtk.vtkImageData()
        image.SetDimensions(*voxels.shape[::-1])
        image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels).ravel(), True))
        node.SetIJKToRASMatrix(
            matrix(np.diag([-1, -1, 1, 1]) if ijk_to_ras is None else ijk_to_ras)
        )
        node.SetAndObserveImageData(image)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        if window_level is not None:
            display.AutoWindowLevelOff()
            display.SetWindowLevel(*window_level)
        else:
            display.AutoWindowLevelOn()
        return node

    def add_segmentation(
        self, volume: Any, names: Sequence[str] = ("organ",), name: str = "Segmentation"
    ) -> tuple[Any, list[str]]:
        """Add a segmentation with empty segments in the geometry of a volume.

        Returns:
            The node, and the IDs of its segments in their order.
        """
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        if volume is not None:
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        identifiers = [node.GetSegmentation().AddEmptySegment(n, n) for n in names]
        for number, identifier in enumerate(identifiers):  # else they are random
            colour = COLOURS[number % len(COLOURS)]
            node.GetSegmentation().GetSegment(identifier).SetColor(*colour)
        return node, identifiers

    def add_linear_transform(self, to_parent: npt.ArrayLike, name: str = "Transform") -> Any:
        """Add a linear transform node: (4, 4), from its children's frame to its own."""
        node = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
        node.SetMatrixTransformToParent(matrix(to_parent))
        return node

    def save(self, path: Path) -> None:
        """Save the scene: one .mrb bundle, or a .mrml file with its data files beside it."""
        if path.suffix == ".mrb":
            assert self.scene.WriteToMRB(str(path), None)
            return
        self.scene.SetRootDirectory(str(path.parent))
        for node in self._nodes("vtkMRMLStorableNode"):
            if node.GetSaveWithScene():
                self._save_data(node, path.parent)
        self.scene.SetURL(str(path))
        assert self.scene.Commit()

    def _save_data(self, node: Any, folder: Path) -> None:
        node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        if storage is None:
            return
        extension = storage.GetDefaultWriteFileExtension()
        storage.SetFileName(str(folder / f"{node.GetID()}.{extension}"))
        assert storage.WriteData(node), f"{node.GetName()} could not be saved"

    def load(self, path: Path) -> None:
        """Open a saved scene in place of this one."""
        if path.suffix == ".mrb":
            assert self.scene.ReadFromMRB(str(path), True)
            return
        self.scene.SetURL(str(path))
        self.scene.SetRootDirectory(str(path.parent))
        assert self.scene.Connect()

    def close_scene(self) -> None:
        """Do what File > Close Scene does."""
        self.scene.Clear(False)

    def node(self, class_name: str, name: str | None = None) -> Any:
        """Return the first node of a class, or of a class and name; None where there is none."""
        nodes = self._nodes(class_name)
        return next((node for node in nodes if name is None or node.GetName() == name), None)

    def _nodes(self, class_name: str) -> list[Any]:
        count = self.scene.GetNumberOfNodesByClass(class_name)
        return [self.scene.GetNthNodeByClass(index, class_name) for index in range(count)]

    def close(self) -> None:
        """Let go of the scene and its temporary files."""
        self.scene.Clear(True)
        self._cache.cleanup()


class vtk_warnings_off:
    """VTK keeps its warnings to itself for a while."""

    def __enter__(self) -> None:
        self._before = vtk.vtkObject.GetGlobalWarningDisplay()
        vtk.vtkObject.GlobalWarningDisplayOff()

    def __exit__(self, *_: object) -> None:
        vtk.vtkObject.SetGlobalWarningDisplay(self._before)


def matrix(values: npt.ArrayLike) -> vtk.vtkMatrix4x4:
    """Return a VTK matrix of (4, 4) numbers."""
    made = vtk.vtkMatrix4x4()
    made.DeepCopy([float(value) for value in np.asarray(values).ravel()])
    return made


def numbers(of: vtk.vtkMatrix4x4) -> npt.NDArray[np.float64]:
    """Return the (4, 4) numbers of a VTK matrix."""
    return np.array([[of.GetElement(row, column) for column in range(4)] for row in range(4)])


def ijk_to_ras(volume: Any) -> npt.NDArray[np.float64]:
    """Return the (4, 4) matrix of a volume node, without its parent transforms."""
    found = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(found)
    return numbers(found)


def oriented_image(
    voxels: npt.NDArray[Any], image_to_world: npt.ArrayLike, extent: Sequence[int] | None = None
) -> Any:
    """Return a vtkOrientedImageData of voxels [k, j, i]; the extent says where they lie."""
    image = slicer.vtkOrientedImageData()
    if extent is None:
        image.SetDimensions(*voxels.shape[::-1])
    else:
        image.SetExtent(*extent)
    image.GetPointData().SetScalars(
        numpy_to_vtk(np.ascontiguousarray(voxels, np.uint8).ravel(), deep=True)
    )
    image.SetGeometryFromImageToWorldMatrix(matrix(image_to_world))
    return image


def segment_mask(segmentation: Any, segment_id: str, volume: Any) -> npt.NDArray[np.bool_]:
    """Return a segment on the grid of a volume: bool, [k, j, i]; parent transforms are ignored."""
    stored, on_grid = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    reference = slicer.vtkSlicerSegmentationsModuleLogic.CreateOrientedImageDataFromVolumeNode(
        volume
    )
    segmentation.GetBinaryLabelmapRepresentation(segment_id, stored)
    if stored.IsEmpty():
        return np.zeros(reference.GetDimensions()[::-1], bool)
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        stored, reference, on_grid, False, True
    )
    scalars = vtk_to_numpy(on_grid.GetPointData().GetScalars())
    return scalars.reshape(on_grid.GetDimensions()[::-1]) != 0
