"""The fusion strip without Qt: where each slice stands, how high, in which colour, and its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slicer.i18n import tr as _

from .PanelState import EDITED, GIVEN, ROUND, StripCell

Colour = tuple[int, int, int]

ROUND_COLOURS: tuple[Colour, ...] = (
    (76, 120, 168),
    (245, 133, 24),
    (84, 162, 75),
    (178, 121, 162),
    (114, 183, 178),
    (238, 202, 59),
)
"""Of the first rounds; later ones begin anew."""
GIVEN_COLOUR: Colour = (140, 140, 140)
EDITED_COLOUR: Colour = (228, 120, 150)
EMPTY_COLOUR: Colour = (150, 150, 150)
PROMPTED_COLOUR: Colour = (40, 170, 92)
LOCKED_COLOUR: Colour = (214, 158, 20)

LEAST_HEIGHT, UNKNOWN_HEIGHT = 0.2, 0.75
_GAP_FROM = 4  # pixels of a cell's width from which on a gap is seen


@dataclass(frozen=True)
class Bar:
    """One bar of the strip: a slice, or the least certain of those that share a pixel."""

    left: int
    """First pixel."""
    width: int
    """Pixels, at least 1."""
    cell: StripCell
    """What it tells of."""
    isLocked: bool
    """Whether any slice there is locked."""
    isPrompted: bool
    """Whether any slice there was clicked."""


class StripLayout:
    """Where the slices stand in a strip of some width."""

    def __init__(self, cells: Sequence[StripCell], width: int) -> None:
        self._cells = cells
        self._width = max(1, width)
        self.bars = self._makeBars()

    def cellAt(self, x: int) -> StripCell | None:
        """Return the cell at a pixel; the nearest one outside; None in an empty strip."""
        if not self._cells:
            return None
        x = min(max(x, 0), self._width - 1)
        return next((b.cell for b in self.bars if b.left <= x < b.left + b.width), None)

    def centreOf(self, index: int) -> int:
        """Return the pixel in the middle of a slice."""
        return int((index + 0.5) * self._width / max(1, len(self._cells)))

    def _makeBars(self) -> list[Bar]:
        count = len(self._cells)
        places = min(count, self._width)
        bars = []
        for place in range(places):
            left = place * self._width // places
            right = (place + 1) * self._width // places
            cells = self._cells[place * count // places : (place + 1) * count // places]
            bars.append(
                Bar(
                    left,
                    right - left,
                    min(cells, key=_attention),
                    any(cell.isLocked for cell in cells),
                    any(cell.isPrompted for cell in cells),
                )
            )
        return bars


def gapOf(bar: Bar) -> int:
    """Pixels left free beside a bar."""
    return 1 if bar.width >= _GAP_FROM else 0


def heightOf(cell: StripCell) -> float:
    """How high a bar is, 0..1: the surer the higher; empty slices have none."""
    if cell.isEmpty:
        return 0.0
    if cell.score is None:
        return UNKNOWN_HEIGHT
    return LEAST_HEIGHT + (1.0 - LEAST_HEIGHT) * min(1.0, max(0.0, cell.score))


def colourOf(cell: StripCell) -> Colour:
    """The colour of the round that a slice comes from, or of whatever else made it."""
    if cell.isEmpty:
        return EMPTY_COLOUR
    if cell.origin == ROUND:
        return ROUND_COLOURS[(cell.roundNumber - 1) % len(ROUND_COLOURS)]
    if cell.origin == EDITED:
        return EDITED_COLOUR
    return PROMPTED_COLOUR if cell.isPrompted else GIVEN_COLOUR


def textOf(cell: StripCell) -> str:
    """What a slice is, in words."""
    parts = [] if _isOnlyClicked(cell) else [_originText(cell)]
    if cell.score is not None and not cell.isEmpty:
        parts.append(_("certainty {percent} %").format(percent=round(100 * cell.score)))
    for isTrue, word in (
        (cell.isPrompted, _("clicked")),
        (cell.isLocked, _("locked")),
        (cell.isChanged, _("changed by the last round")),
    ):
        if isTrue:
            parts.append(word)
    return _("Slice {number}: {facts}").format(number=cell.sliceIndex + 1, facts=", ".join(parts))


def legendOf(cells: Iterable[StripCell]) -> list[tuple[Colour, str]]:
    """Colours that are seen in a strip, with their names, in the order of rounds."""
    cells = [cell for cell in cells if not cell.isEmpty]
    rounds = sorted({cell.roundNumber for cell in cells if cell.origin == ROUND})
    legend = [
        (ROUND_COLOURS[(number - 1) % len(ROUND_COLOURS)], _("round {n}").format(n=number))
        for number in rounds
    ]
    origins = {cell.origin for cell in cells if not _isOnlyClicked(cell)}
    if GIVEN in origins:
        legend.append((GIVEN_COLOUR, _("from before")))
    if EDITED in origins:
        legend.append((EDITED_COLOUR, _("edited by hand")))
    return legend


def _originText(cell: StripCell) -> str:
    if cell.isEmpty:
        return _("nothing here")
    if cell.origin == ROUND:
        return _("round {n}").format(n=cell.roundNumber)
    return _("edited by hand") if cell.origin == EDITED else _("from before")


def _isOnlyClicked(cell: StripCell) -> bool:
    """Whether clicks have made a slice that no round has taken up yet."""
    return cell.isPrompted and cell.origin not in (ROUND, EDITED)


def _attention(cell: StripCell) -> tuple[bool, float]:
    """What is shown where slices share a pixel: the least certain of those that hold the object."""
    return (cell.isEmpty, heightOf(cell))
