"""What the page shows, in plain values: made of the logic's state, the segments and the views."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from LIMNetSegmentLib.PanelState import PanelState, StripCell
from LIMNetSegmentLib.PanelTexts import clicksTextOf, hintOf, planeTextOf
from LIMNetSegmentLib.StripLayout import (
    Colour,
    StripLayout,
    colourOf,
    gapOf,
    heightOf,
    legendOf,
    textOf,
)

from .KeptSessions import LeftWork
from .Segments import SegmentFacts, hexOf
from .Stage import SliceFacts

Facts = dict[str, Any]

STRIP_WIDTH = 1000
"""Units of the strip's drawing, from end to end; the page stretches it."""

_PANEL = (
    *("isReady", "isBusy", "isRoundRunning", "isAskingPartial", "canPropagate", "isError"),
    *("waitingClicks", "done", "total", "planeName", "currentSlice", "rounds", "nextSlice"),
    *("isShowingChange", "deviceText"),
)


def panelFacts(state: PanelState, canUndo: bool, canRedo: bool) -> Facts:
    """Return what stands in the panel."""
    cells, current = state.cells, state.currentSlice
    isShown = current is not None and current < len(cells)
    here = cells[current] if isShown and current is not None else None
    return {
        **{name: getattr(state, name) for name in _PANEL},
        "text": state.statusText or hintOf(state),
        "clicksText": clicksTextOf(state.clicks),
        "clicks": len(state.clicks),
        "planeText": planeTextOf(state) if state.planeName else "",
        "sliceText": "" if here is None else textOf(here),
        "isLocked": here is not None and here.isLocked,
        "hasSlices": bool(cells),
        "hasChange": bool(state.changedSlices),
        "canUndo": canUndo,
        "canRedo": canRedo,
    }


def stripFacts(cells: Sequence[StripCell], isShowingChange: bool) -> Facts:
    """Return the fusion strip: bars in `STRIP_WIDTH` units, and what their colours mean."""
    bars = [
        {
            "i": bar.cell.sliceIndex,
            "x": bar.left,
            "w": bar.width - gapOf(bar),
            "h": round(heightOf(bar.cell), 3),
            "c": _css(colourOf(bar.cell)),
            "pale": isShowingChange and not bar.cell.isChanged,
            "lock": bar.isLocked,
            "click": bar.isPrompted,
            "text": textOf(bar.cell),
        }
        for bar in StripLayout(cells, STRIP_WIDTH).bars
    ]
    legend = [{"c": _css(colour), "text": text} for colour, text in legendOf(cells)]
    return {"bars": bars, "count": len(cells), "legend": legend}


def segmentFacts(segments: Sequence[SegmentFacts], selectedId: str) -> list[Facts]:
    """Return the list of segments."""
    return [
        {**asdict(segment), "colour": hexOf(segment.colour), "selected": segment.id == selectedId}
        for segment in segments
    ]


def sliceViewFacts(facts: SliceFacts) -> Facts:
    """Return where a slice view's slider stands."""
    count = max(1, round((facts.most - facts.least) / facts.step) + 1)
    number = min(count, max(1, round((facts.value - facts.least) / facts.step) + 1))
    return {
        "least": round(facts.least, 4),
        "most": round(facts.most, 4),
        "step": round(facts.step, 4),
        "value": round(facts.value, 4),
        "text": f"{number} / {count}",
    }


def keptFacts(left: Sequence[LeftWork], now: float | None = None) -> list[Facts]:
    """Return the sessions that may be gone on with."""
    now = time.time() if now is None else now
    return [
        {
            "id": work.id,
            "volume": work.note.volumeName,
            "segments": ", ".join(segment.name for segment in work.note.segments),
            "when": agoText(now - work.note.savedAt),
        }
        for work in left
    ]


def agoText(seconds: float) -> str:
    """Return how long ago something was, in words."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count > 0:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def _css(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
