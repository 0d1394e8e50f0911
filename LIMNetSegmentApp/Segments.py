"""The segments of a tab's segmentation: list, add, rename, colour, hide, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .AppError import AppError

Colour = tuple[float, float, float]

COLOURS: tuple[Colour, ...] = (  # told apart on dark ground, also with few colours seen
    (0.20, 0.78, 0.65),
    (0.98, 0.63, 0.20),
    (0.55, 0.62, 0.98),
    (0.95, 0.42, 0.52),
    (0.80, 0.86, 0.30),
    (0.36, 0.76, 0.98),
    (0.82, 0.52, 0.92),
    (0.90, 0.80, 0.62),
)
_ID = "segment-"
_LONGEST_NAME = 80
_FILL, _OUTLINE = 0.35, 1.0


@dataclass(frozen=True)
class SegmentFacts:
    """One segment, as the list shows it."""

    id: str
    """Never changes."""
    name: str
    """For the user."""
    colour: Colour
    """Red, green, blue, 0..1."""
    isVisible: bool
    """Whether the views draw it."""


class Segments:
    """A segmentation node over a volume."""

    def __init__(self, scene: Any, volume: Any) -> None:
        """Make one without segments."""
        self.node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Segmentation")
        self.node.CreateDefaultDisplayNodes()
        self.node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        display = self.node.GetDisplayNode()
        display.SetOpacity2DFill(_FILL)
        display.SetOpacity2DOutline(_OUTLINE)
        display.SetVisibility3D(False)  # surfaces are drawn in their own time
        self._made = 0

    def facts(self) -> list[SegmentFacts]:
        """Return all segments, oldest first."""
        segments, display = self.node.GetSegmentation(), self.node.GetDisplayNode()
        found = []
        for number in range(segments.GetNumberOfSegments()):
            identifier = segments.GetNthSegmentID(number)
            segment = segments.GetSegment(identifier)
            isVisible = bool(display.GetSegmentVisibility(identifier))
            found.append(SegmentFacts(identifier, segment.GetName(), segment.GetColor(), isVisible))
        return found

    def add(self, name: str = "", colour: Colour | None = None, identifier: str = "") -> str:
        """Add an empty segment and return its ID."""
        segments = self.node.GetSegmentation()
        self._made += 1
        while not identifier:
            identifier = f"{_ID}{self._made}"
            if segments.GetSegment(identifier) is not None:
                identifier, self._made = "", self._made + 1
        name = name or f"Segment {self._made}"
        colour = colour or COLOURS[(self._made - 1) % len(COLOURS)]
        segments.AddEmptySegment(identifier, name, colour)
        return identifier

    def rename(self, identifier: str, name: str) -> None:
        """Give a segment another name.

        Raises:
            AppError: The name is empty.
        """
        name = " ".join(name.split())[:_LONGEST_NAME]
        if not name:
            raise AppError("A segment needs a name.")
        self._segment(identifier).SetName(name)

    def paint(self, identifier: str, colour: Sequence[float]) -> None:
        """Give a segment another colour."""
        self._segment(identifier).SetColor(*colour)

    def show(self, identifier: str, isVisible: bool) -> None:
        """Draw a segment, or hide it."""
        self._segment(identifier)
        self.node.GetDisplayNode().SetSegmentVisibility(identifier, isVisible)

    def delete(self, identifier: str) -> None:
        """Delete a segment."""
        self._segment(identifier)
        self.node.GetSegmentation().RemoveSegment(identifier)

    def _segment(self, identifier: str) -> Any:
        found = self.node.GetSegmentation().GetSegment(identifier)
        if found is None:
            raise AppError("This segment is gone.")
        return found


def hexOf(colour: Sequence[float]) -> str:
    """Return a colour as the page writes it: #rrggbb."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


def colourFromText(text: str) -> Colour:
    """Return the colour that #rrggbb stands for.

    Raises:
        AppError: It stands for none.
    """
    try:
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
    except ValueError:
        raise AppError(f"{text[:20]!r} is no colour.") from None
    return (red / 255, green / 255, blue / 255)
