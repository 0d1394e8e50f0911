"""What the effect's logic asks of the scene: IDs, plain masks and positions, no MRML pointer.

Every call is made on the main thread, and every ID may be of something that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .MaskBox import MaskBox
from .SessionFacts import Marker


@dataclass(frozen=True)
class Target:
    """One segment on one image: what a session belongs to."""

    segmentationId: str
    """ID of the segmentation node."""
    segmentId: str
    """ID of the segment in it."""
    volumeKey: Hashable
    """Another one for another image: node, frame, geometry."""


@dataclass(frozen=True)
class Place:
    """Where a click hit, in the engine's words."""

    plane: Any
    """`Plane` or `ObliquePlane`: that of the view."""
    click: Any
    """`Click` or `LpsClick`, with its sign."""


class ScenePort(Protocol):
    """The scene, as far as the logic sees it."""

    def hindrance(self) -> str:
        """Return what keeps the user from clicking (no volume, no segment), empty for nothing."""

    def target(self) -> Target | None:
        """Return what is selected; None where anything is missing."""

    def exists(self, target: Target) -> bool:
        """Whether the segment is there, in a scene that is open."""

    def hasImage(self, target: Target) -> bool:
        """Whether the image is the same as when the target was selected."""

    def segmentName(self, target: Target) -> str:
        """Return the name that the user sees."""

    def volumeMaker(self, target: Target) -> Callable[[], Any]:
        """Return what makes the engine's `Volume`, on any thread, of voxels copied now."""

    def viewWindow(self, target: Target) -> tuple[float, float] | None:
        """Return the lowest and highest intensity that the views show."""

    def place(self, viewWidget: Any, xy: Sequence[int], positive: bool) -> Place | None:
        """Return where a position in a slice view hits the volume; None outside of it."""

    def mask(self, target: Target) -> MaskBox:
        """Return the segment on the grid of the volume."""

    def tag(self, target: Target) -> str:
        """Return the text of the session's tag; empty where there is none."""

    def write(self, target: Target, add: MaskBox, remove: MaskBox) -> None:
        """Save an undo state, then change the segment through the editor's own path.

        Where nothing is to change, no state is saved.
        """

    def saveUndoState(self) -> None:
        """Save an undo state for what changes the tag only."""

    def setTag(self, target: Target, text: str) -> None:
        """Set the text of the session's tag."""

    def showMarkers(self, target: Target, plane: Any, markers: Sequence[Marker]) -> None:
        """Show the clicks of a plane in its views; none hides them."""

    def markerAt(self, viewWidget: Any, xy: Sequence[int]) -> int | None:
        """Return the number of the click whose marker is at a position; None where none is."""

    def showPreview(self, target: Target, plane: Any, sliceIndex: int, mask: Any) -> None:
        """Lay a mask (rows, columns) over a slice; others stay."""

    def showChange(self, target: Target, gained: MaskBox, lost: MaskBox) -> None:
        """Show for a moment what a round changed."""

    def clearPreview(self) -> None:
        """Hide masks and changes laid over the views."""

    def currentSlice(self, target: Target, plane: Any) -> int | None:
        """Return the slice of a plane that a view shows; None where none does."""

    def goToSlice(self, target: Target, plane: Any, sliceIndex: int) -> None:
        """Show a slice in the views of a plane."""

    def observe(self, segmentsChanged: Callable[[], None]) -> None:
        """Call back when segments change (undo and redo, too), appear or go, when another one or
        another volume is selected, or the scene is closed; until `release`."""

    def release(self) -> None:
        """Observe nothing, show nothing; calling it twice is fine."""
