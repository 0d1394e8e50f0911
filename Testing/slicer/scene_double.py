"""A scene without MRML for the logic: masks in arrays, undo as Slicer has it, faults on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from LIMNetSegmentLib.MaskBox import MaskBox
from LIMNetSegmentLib.ScenePort import Place, Target
from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume

Segments = dict[str, tuple[npt.NDArray[np.bool_], str]]


class SceneDouble:
    """A volume, a segmentation `seg` with segments `a` and `b`, and what was shown."""

    def __init__(self, voxels: npt.NDArray[Any]) -> None:
        self.voxels = voxels
        self.frame = 0
        self.selected: str | None = "a"
        self.problem = ""
        nothing = np.zeros(voxels.shape, bool)
        self.segments: Segments | None = {"a": (nothing, ""), "b": (nothing.copy(), "")}
        self.editable: npt.NDArray[np.bool_] | None = None
        """Where the editor's masking allows to draw; everywhere where None."""
        self.undo_states = 0
        self.markers: list[Any] = []
        self.marker_at: int | None = None
        """Number of the click that the mouse is at."""
        self.previews: list[tuple[int, npt.NDArray[np.bool_]]] = []
        self.changes: list[tuple[MaskBox, MaskBox]] = []
        self.jumps: list[int] = []
        self.window: tuple[float, float] | None = None
        self.volumes_made = 0
        self.observer: Callable[[], None] | None = None
        self.fault: Exception | None = None
        """Raised by the next call that reads a mask."""
        self._past: list[Segments] = []
        self._future: list[Segments] = []

    # What a test does

    def paint(self, segment: str, where: Any, value: bool = True) -> None:
        """Edit by hand, as another effect does."""
        self._save()
        mask, tag = self.segments[segment]
        mask = mask.copy()
        mask[where] = value
        self.segments[segment] = (mask, tag)
        self._tell()

    def undo(self) -> None:
        self._future.append(dict(self.segments))
        self.segments = self._past.pop()
        self._tell()

    def redo(self) -> None:
        self._past.append(dict(self.segments))
        self.segments = self._future.pop()
        self._tell()

    def remove(self, segment: str) -> None:
        self._save()
        self.segments = {name: kept for name, kept in self.segments.items() if name != segment}
        if self.selected == segment:
            self.selected = None
        self._tell()

    def close(self) -> None:
        self.segments, self.selected = None, None
        self._tell()

    def array(self, segment: str = "a") -> npt.NDArray[np.bool_]:
        return self.segments[segment][0]

    # What the logic asks

    def hindrance(self) -> str:
        return self.problem or "Add a segment first."

    def target(self) -> Target | None:
        if self.problem or self.selected is None or self.segments is None:
            return None
        return Target("seg", self.selected, ("volume", self.frame))

    def exists(self, target: Target) -> bool:
        return self.segments is not None and target.segmentId in self.segments

    def hasImage(self, target: Target) -> bool:
        return target.volumeKey == ("volume", self.frame)

    def segmentName(self, target: Target) -> str:
        return f"segment {target.segmentId}"

    def volumeMaker(self, target: Target) -> Callable[[], Volume]:
        self.volumes_made += 1
        voxels = self.voxels.copy()
        return lambda: Volume(voxels, Geometry(voxels.shape, (1, 1, 1)), "MR", "ball")

    def viewWindow(self, target: Target) -> tuple[float, float] | None:
        return self.window

    def place(self, viewWidget: Any, xy: Sequence[int], positive: bool) -> Place | None:
        """A view is (axis, slice); the position is (column, row)."""
        axis, index = viewWidget
        click = Click(index, xy[1], xy[0], positive)
        plane = Plane(axis)
        zyx = plane.to_zyx((index, xy[1], xy[0]))
        if not all(0 <= i < n for i, n in zip(zyx, self.voxels.shape, strict=True)):
            return None
        return Place(plane, click)

    def mask(self, target: Target) -> MaskBox:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return MaskBox.fromArray(self.segments[target.segmentId][0])

    def tag(self, target: Target) -> str:
        return self.segments[target.segmentId][1]

    def saveUndoState(self) -> None:
        self._save()
        self.undo_states += 1

    def write(self, target: Target, add: MaskBox, remove: MaskBox) -> None:
        if add.isEmpty and remove.isEmpty:
            return
        self.saveUndoState()
        mask, tag = self.segments[target.segmentId]
        wanted = (mask | add.toArray()) & ~remove.toArray()
        if self.editable is not None:
            wanted = np.where(self.editable, wanted, mask)
        self.segments[target.segmentId] = (wanted, tag)
        self._tell()

    def setTag(self, target: Target, text: str) -> None:
        mask, _ = self.segments[target.segmentId]
        self.segments[target.segmentId] = (mask, text)
        self._tell()

    def showMarkers(self, target: Target, plane: Any, markers: Sequence[Any]) -> None:
        self.markers = list(markers)

    def markerAt(self, viewWidget: Any, xy: Sequence[int]) -> int | None:
        return self.marker_at

    def showPreview(self, target: Target, plane: Any, sliceIndex: int, mask: Any) -> None:
        self.previews.append((sliceIndex, mask))

    def showChange(self, target: Target, gained: MaskBox, lost: MaskBox) -> None:
        self.changes.append((gained, lost))

    def clearPreview(self) -> None:
        self.previews.clear()
        self.changes.clear()

    def currentSlice(self, target: Target, plane: Any) -> int | None:
        return self.jumps[-1] if self.jumps else None

    def goToSlice(self, target: Target, plane: Any, sliceIndex: int) -> None:
        self.jumps.append(sliceIndex)

    def observe(self, segmentsChanged: Callable[[], None]) -> None:
        self.observer = segmentsChanged

    def release(self) -> None:
        self.observer = None
        self.markers = []
        self.clearPreview()

    def _save(self) -> None:
        self._past.append(dict(self.segments))
        self._future.clear()

    def _tell(self) -> None:
        if self.observer is not None:
            self.observer()
