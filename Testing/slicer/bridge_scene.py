"""A volume, a segmentation and a bridge between them, with an editor around; for tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk

from LIMNetSegmentLib.MrmlBridge import MrmlBridge
from Testing.slicer.application import Application, numbers
from Testing.slicer.scripted_effect import qSlicerSegmentEditorScriptedEffect
from Testing.slicer.slice_widget import SliceWidget

Points = npt.NDArray[np.float64]

SHAPE = (10, 14, 18)
"""Voxels along k, j and i."""
STEPS = (0.8, 0.9, 3.0)
"""Spacing along i, j and k in mm."""
NAMES = ("Axial", "Coronal", "Sagittal")


class CountingEffect(qSlicerSegmentEditorScriptedEffect):
    """Counts what costs: the editor's aligned image, undo states, writes."""

    PROPERTIES = qSlicerSegmentEditorScriptedEffect.PROPERTIES | {"calls", "extents"}

    def __init__(self) -> None:
        super().__init__(None)
        self.calls: list[str] = []
        self.extents: list[tuple[int, ...]] = []

    def sourceVolumeImageData(self) -> Any:
        self.calls.append("source")
        return super().sourceVolumeImageData()

    def selectedSegmentLabelmap(self) -> Any:
        self.calls.append("whole label map")
        return super().selectedSegmentLabelmap()

    def defaultModifierLabelmap(self) -> Any:
        self.calls.append("whole label map")
        return super().defaultModifierLabelmap()

    def saveStateForUndo(self) -> None:
        self.calls.append("save")
        super().saveStateForUndo()

    def modifySegmentByLabelmap(self, segmentation, segment_id, labelmap, mode, bypass=False):
        self.calls.append(("set", "add", "remove", "remove all")[mode])
        self.extents.append(tuple(labelmap.GetExtent()))
        super().modifySegmentByLabelmap(segmentation, segment_id, labelmap, mode, bypass)


class BridgeScene:
    """What the bridge works on; `reference` is a volume whose grid the segmentation has."""

    def __init__(
        self,
        application: Application,
        editor: Any,
        voxels: npt.NDArray[Any] | None = None,
        ijk_to_ras: npt.ArrayLike | None = None,
        segments: Sequence[str] = ("organ", "other"),
        reference: Any = None,
    ) -> None:
        self.application, self.editor = application, editor
        self.voxels = noise(SHAPE) if voxels is None else voxels
        matrix = placed() if ijk_to_ras is None else ijk_to_ras
        self.volume = application.add_volume(self.voxels, matrix)
        self.segmentation, self.segments = application.add_segmentation(
            reference or self.volume, segments
        )
        editor.setSegmentationNode(self.segmentation)
        # not by editor.setSourceVolumeNode, which takes over the geometry of the volume
        editor.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(self.volume)
        editor.setCurrentSegmentID(self.segments[0])
        self.effect = CountingEffect()
        self.effect.editor = editor
        self.bridge = MrmlBridge(self.effect)

    def target(self) -> Any:
        target = self.bridge.target()
        assert target is not None, self.bridge.hindrance()
        return target

    def click(self, view: Any, xy: Sequence[int], positive: bool = True) -> Any:
        """Return where the bridge sees a click."""
        return self.bridge.place(SliceWidget(view), xy, positive)

    def world_of(self, ijk: Sequence[float]) -> Points:
        """Return where a voxel of the volume lies in the world, through all its transforms."""
        matrix = vtk.vtkMatrix4x4()
        self.volume.GetIJKToRASMatrix(matrix)
        local = (numbers(matrix) @ [*ijk, 1.0])[:3]
        return to_world(self.volume, local)

    def move(self, transform: Any) -> None:
        """Put volume and segmentation under a transform."""
        for node in (self.volume, self.segmentation):
            node.SetAndObserveTransformNodeID(transform.GetID())


def noise(shape: Sequence[int], seed: int = 0) -> npt.NDArray[np.int16]:
    """Return voxels that are all different, so that none can be taken for another."""
    count = int(np.prod(shape))
    order = np.random.default_rng(seed).permutation(count) - 1000
    return order.astype(np.int16).reshape(shape)


def placed(
    axes: npt.ArrayLike = ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    steps: Sequence[float] = STEPS,
    origin: Sequence[float] = (12.0, -7.0, 40.0),
) -> Points:
    """Return an IJK-to-RAS matrix: the columns of `axes` are the directions of i, j and k."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(axes, float) @ np.diag(steps)
    matrix[:3, 3] = origin
    return matrix


def axis_orders() -> list[Points]:
    """Return the six orders of the axes, each with other signs; half of them are left-handed."""
    signs = list(product((1, -1), repeat=3))
    orders = enumerate(permutations(range(3)))
    return [np.eye(3)[:, list(order)] * signs[(3 * n + 1) % 8] for n, order in orders]


def turned(x: float = 0, y: float = 0, z: float = 0) -> Points:
    """Return a rotation by degrees, 3x3."""
    transform = vtk.vtkTransform()
    transform.RotateX(x)
    transform.RotateY(y)
    transform.RotateZ(z)
    return numbers(transform.GetMatrix())[:3, :3]


def matrix4(linear: npt.ArrayLike, shift: Sequence[float] = (0, 0, 0)) -> Points:
    """Return a 4x4 matrix."""
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = shift
    return matrix


def add_warp(application: Application) -> Any:
    """Add a transform that bends the world by some millimetres."""
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    random = np.random.default_rng(3)
    for corner in product((-40, 60), (-60, 40), (0, 90)):
        points.InsertNextPoint(corner)
        moved.InsertNextPoint(corner + random.uniform(-5, 5, 3))
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(moved)
    node = application.scene.AddNewNodeByClass("vtkMRMLTransformNode", "Warp")
    node.SetAndObserveTransformToParent(spline)
    return node


def to_world(node: Any, point: npt.ArrayLike) -> Points:
    """Return a point of a node's frame in the world, as its own parent transform takes it."""
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.asarray(point, float)
    transform = vtk.vtkGeneralTransform()
    parent.GetTransformToWorld(transform)
    return np.array(transform.TransformPoint(*np.asarray(point, float).tolist()))


def count_of_nodes(application: Application) -> int:
    """Return how many nodes the scene has, to see that none stays behind."""
    return int(application.scene.GetNumberOfNodes())


def overlay_nodes(application: Application) -> list[str]:
    """Return the names of segmentations and markups that users do not see in lists."""
    found = []
    for kind in ("vtkMRMLSegmentationNode", "vtkMRMLMarkupsNode"):
        for index in range(application.scene.GetNumberOfNodesByClass(kind)):
            node = application.scene.GetNthNodeByClass(index, kind)
            if node.GetHideFromEditors():
                found.append(node.GetName())
    return found


def segment_layers(segmentation: Any) -> int:
    """Return how many label maps the segments share among them."""
    name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
    return int(segmentation.GetSegmentation().GetNumberOfLayers(name))
