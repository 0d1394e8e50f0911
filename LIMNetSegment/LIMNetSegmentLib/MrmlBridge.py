"""Between MRML nodes and the engine's words: image, clicks, planes, masks, markers, overlays.

The `ScenePort` of `EffectLogic`. Of the editor it uses only methods of `scriptedEffect`, of the
views only their nodes, so that it serves any face. Main thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .ClickMarkers import ClickMarkers
from .ImageGrid import ImageGrid, Points, Triple
from .MaskBox import MaskBox
from .NodeFrames import NodeFrames
from .ScenePort import Place, Target
from .SceneWatch import SceneWatch
from .SegmentMasks import SegmentMasks, segmentTag, setSegmentTag
from .SessionStorage import TAG
from .SlicePreview import SlicePreview
from .SliceViews import SliceViews, rasOfPixel
from .SourceImage import ImageKey, SourceImage, VolumeMaker
from .ViewPlane import ObliquePlanes, ViewPlane

if TYPE_CHECKING:
    from SlicerLIMNet.domain.plane import AnyPlane

    from .SessionFacts import Marker


class MrmlBridge:
    """The scene of one segment editor; any node may be missing at any time."""

    def __init__(self, scriptedEffect: Any) -> None:
        """Take the effect's C++ half, or what has the same methods."""
        self._effect = scriptedEffect
        self._source = SourceImage(scriptedEffect)
        self._masks = SegmentMasks(scriptedEffect)
        self._planes = ObliquePlanes()
        self._markers = ClickMarkers()
        self._preview = SlicePreview()
        self._watch = SceneWatch()
        self._clickedView = ""

    # What is selected

    def hindrance(self) -> str:
        """Return what keeps the user from clicking (no volume, no segment), empty for nothing."""
        segmentation, volume = self._segmentation(), self._volume()
        if segmentation is None:
            return "Create or select a segmentation first."
        if volume is None:
            return "Load a volume and select it as source volume first."
        if volume.GetImageData() is None or volume.GetImageData().GetNumberOfPoints() == 0:
            return f"The volume {volume.GetName()} has no voxels; select another one."
        if self._segment(segmentation, self._segmentId()) is None:
            return "Add a segment, or select one, first."
        if self._grid() is None:
            return "The segmentation has no geometry; select the source volume once more."
        return ""

    def target(self) -> Target | None:
        """Return what is selected; None where anything is missing."""
        segmentation, volume = self._segmentation(), self._volume()
        self._watch.follow(self._scene(), self._effect.parameterSetNode(), segmentation, volume)
        if self.hindrance():
            return None
        grid = self._grid()
        assert grid is not None
        key = SourceImage.key(volume, segmentation, grid)
        return Target(segmentation.GetID(), self._segmentId(), key)

    def exists(self, target: Target) -> bool:
        """Whether the segment is there, in a scene that is open."""
        return self._segment(self._node(target.segmentationId), target.segmentId) is not None

    def hasImage(self, target: Target) -> bool:
        """Whether the image is the same as when the target was selected."""
        key = _keyOf(target)
        volume, segmentation = self._node(key.volumeId), self._segmentation()
        if volume is None or segmentation is None or volume.GetImageData() is None:
            return False
        if segmentation.GetID() != key.segmentationId:
            return False
        if volume is not self._volume() and not NodeFrames(volume, segmentation).isLinear:
            return False  # only the editor can bend it to the segmentation, and edits another
        grid = self._grid()
        return grid is not None and SourceImage.key(volume, segmentation, grid) == key

    def segmentName(self, target: Target) -> str:
        """Return the name that the user sees."""
        segment = self._segment(self._node(target.segmentationId), target.segmentId)
        return "" if segment is None else segment.GetName() or ""

    # Image and clicks

    def volumeMaker(self, target: Target) -> VolumeMaker:
        """Return what makes the engine's `Volume`, on any thread, of voxels copied now."""
        key = _keyOf(target)
        return self._source.volumeMaker(
            key, self._node(key.volumeId), self._node(key.segmentationId)
        )

    def viewWindow(self, target: Target) -> tuple[float, float] | None:
        """Return the lowest and highest intensity that the views show."""
        volume = self._node(_keyOf(target).volumeId)
        display = None if volume is None else volume.GetDisplayNode()
        if display is None or not hasattr(display, "GetWindowLevelMin"):
            return None
        low, high = float(display.GetWindowLevelMin()), float(display.GetWindowLevelMax())
        return (low, high) if low < high else None

    def place(self, viewWidget: Any, xy: Sequence[int], positive: bool) -> Place | None:
        """Return where a position in a slice view hits the volume; None outside of it."""
        from SlicerLIMNet.domain.clicks import Click, LpsClick
        from SlicerLIMNet.domain.geometry import flip_lps_ras
        from SlicerLIMNet.domain.plane import Plane

        sliceNode = self._effect.viewNode(viewWidget)
        worldRas = rasOfPixel(sliceNode, xy)
        voxel = self._voxelAt(worldRas)
        if voxel is None:
            return None
        grid = self._grid()
        assert grid is not None
        self._clickedView = sliceNode.GetID()
        view = ViewPlane(sliceNode, self._segmentation(), grid, worldRas)
        plane = self._planes.planeOf(view, grid)
        if isinstance(plane, Plane):
            return Place(plane, Click(*plane.from_zyx(voxel), positive))
        return Place(plane, LpsClick(tuple(flip_lps_ras(view.pointRas).tolist()), positive))

    def _voxelAt(self, worldRas: Points) -> Triple | None:
        """Return the voxel of the segmentation's grid at a point, where the volume has one, too."""
        segmentation, volume, grid = self._segmentation(), self._volume(), self._grid()
        if segmentation is None or volume is None or volume.GetImageData() is None or grid is None:
            return None
        voxel = grid.voxelAt(NodeFrames(None, segmentation).point(worldRas))
        return voxel if voxel is not None and SourceImage.holds(volume, worldRas) else None

    # Segment

    def mask(self, target: Target) -> MaskBox:
        """Return the segment on the grid of the volume."""
        segmentation = self._node(target.segmentationId)
        return self._masks.mask(segmentation, target.segmentId, _keyOf(target).grid)

    def tag(self, target: Target) -> str:
        """Return the text of the session's tag; empty where there is none."""
        segment = self._segment(self._node(target.segmentationId), target.segmentId)
        return "" if segment is None else segmentTag(segment, TAG)

    def write(self, target: Target, add: MaskBox, remove: MaskBox) -> None:
        """Save an undo state, then change the segment through the editor's own path.

        Where nothing is asked for, no state is saved.
        """
        segmentation, grid = self._node(target.segmentationId), _keyOf(target).grid
        self._masks.change(segmentation, target.segmentId, grid, add, remove)

    def saveUndoState(self) -> None:
        """Save an undo state for what changes the tag only."""
        self._effect.saveStateForUndo()

    def setTag(self, target: Target, text: str) -> None:
        """Set the text of the session's tag."""
        segment = self._segment(self._node(target.segmentationId), target.segmentId)
        if segment is not None:
            setSegmentTag(segment, TAG, text)

    # Views

    def showMarkers(
        self, target: Target, plane: AnyPlane | None, markers: Sequence[Marker]
    ) -> None:
        """Show the clicks of a plane in its views; none hides them."""
        self._planes.remember(_keyOf(target).grid, plane)
        segmentation = self._node(target.segmentationId)
        if segmentation is not None:
            self._markers.show(segmentation, markers)

    def markerAt(self, viewWidget: Any, xy: Sequence[int]) -> int | None:
        """Return the number of the click whose marker is at a position; None where none is."""
        return self._markers.at(self._effect.viewNode(viewWidget), xy)

    def showPreview(self, target: Target, plane: Any, sliceIndex: int, mask: Any) -> None:
        """Lay a mask (rows, columns) over a slice; others stay."""
        segmentation = self._node(target.segmentationId)
        if segmentation is not None:
            grid, shown = _keyOf(target).grid, np.asarray(mask, bool)
            if self._preview.showSlice(segmentation, grid, plane, sliceIndex, shown):
                self._markers.toFront()

    def showChange(self, target: Target, gained: MaskBox, lost: MaskBox) -> None:
        """Show for a moment what a round changed."""
        segmentation = self._node(target.segmentationId)
        if segmentation is not None:
            self._preview.showChange(segmentation, _keyOf(target).grid, gained, lost)
            self._markers.toFront()

    def clearPreview(self) -> None:
        """Hide masks and changes laid over the views."""
        self._preview.clear()

    def currentSlice(self, target: Target, plane: Any) -> int | None:
        """Return the slice of a plane that a view shows, best the one clicked in last."""
        segmentation = self._node(target.segmentationId)
        if segmentation is None or plane is None:
            return None
        views = SliceViews(segmentation, _keyOf(target).grid, plane)
        return views.currentSlice(self._clickedView)

    def goToSlice(self, target: Target, plane: Any, sliceIndex: int) -> None:
        """Show a slice in the views of a plane."""
        segmentation = self._node(target.segmentationId)
        if segmentation is not None:
            SliceViews(segmentation, _keyOf(target).grid, plane).goTo(sliceIndex)

    # Life

    def observe(self, segmentsChanged: Callable[[], None]) -> None:
        """Call back when segments change (undo and redo, too), appear or go, when another one or
        another volume is selected, or the scene is closed; until `release`."""
        self._watch.start(segmentsChanged)
        self._watch.follow(
            self._scene(), self._effect.parameterSetNode(), self._segmentation(), self._volume()
        )

    def release(self) -> None:
        """Observe nothing, show nothing; calling it twice is fine."""
        self._watch.stop()
        self._markers.remove()
        self._preview.clear()
        self._masks.forget()

    # Nodes, each of which may be missing

    def _scene(self) -> Any:
        node = self._effect.parameterSetNode()
        return None if node is None else node.GetScene()

    def _node(self, identifier: str) -> Any:
        scene = self._scene()
        return None if scene is None else scene.GetNodeByID(identifier)

    def _segmentation(self) -> Any:
        node = self._effect.parameterSetNode()
        return None if node is None else node.GetSegmentationNode()

    def _volume(self) -> Any:
        node = self._effect.parameterSetNode()
        return None if node is None else node.GetSourceVolumeNode()

    def _segmentId(self) -> str:
        node = self._effect.parameterSetNode()
        return "" if node is None else node.GetSelectedSegmentID() or ""

    def _grid(self) -> ImageGrid | None:
        """Return the reference geometry of the segmentation that is edited."""
        image = self._effect.referenceGeometryImage()
        if image is None or min(image.GetDimensions()) < 1:
            return None
        return ImageGrid.ofImage(image)

    @staticmethod
    def _segment(segmentation: Any, segmentId: str) -> Any:
        if segmentation is None or not segmentId:
            return None
        return segmentation.GetSegmentation().GetSegment(segmentId)


def _keyOf(target: Target) -> ImageKey:
    assert isinstance(target.volumeKey, ImageKey)
    return target.volumeKey
