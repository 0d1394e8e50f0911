"""What the page is told: of the panel, the strip, the slices, what was left behind."""

from __future__ import annotations

import pytest

from LIMNetSegmentApp.KeptSessions import LeftWork, NotedSegment, WorkNote
from LIMNetSegmentApp.PageFacts import (
    STRIP_WIDTH,
    agoText,
    keptFacts,
    panelFacts,
    sliceViewFacts,
    stripFacts,
)
from LIMNetSegmentApp.Stage import SliceFacts
from LIMNetSegmentLib.PanelState import NONE, ROUND, PanelState, StripCell


def cell(index: int, **facts) -> StripCell:
    usual = {"origin": ROUND, "roundNumber": 1, "score": 0.5, "isEmpty": False}
    usual |= {"isLocked": False, "isPrompted": False, "isChanged": False}
    return StripCell(index, **(usual | facts))


def test_the_panel_says_what_to_do_where_nothing_else_is_said():
    facts = panelFacts(PanelState(isReady=True), canUndo=False, canRedo=True)
    assert facts["text"] == "Click the structure in any slice view."
    assert (facts["canUndo"], facts["canRedo"], facts["clicks"]) == (False, True, 0)


def test_the_panel_tells_of_the_slice_that_is_seen():
    cells = (cell(0), cell(1, isLocked=True, score=0.834))
    facts = panelFacts(PanelState(cells=cells, currentSlice=1), False, False)
    assert facts["sliceText"] == "Slice 2: round 1, certainty 83 %, locked"
    assert facts["isLocked"]


@pytest.mark.parametrize("shown", [None, 2, 7])
def test_a_slice_that_is_not_in_the_strip_is_not_told_of(shown):
    facts = panelFacts(PanelState(cells=(cell(0), cell(1)), currentSlice=shown), False, False)
    assert facts["sliceText"] == ""
    assert not facts["isLocked"]


@pytest.mark.parametrize("count", [1, 7, 112, 2500])
def test_the_bars_fill_the_strip_from_end_to_end(count):
    strip = stripFacts([cell(index) for index in range(count)], isShowingChange=False)
    bars = strip["bars"]
    assert strip["count"] == count
    assert bars[0]["x"] == 0
    assert len(bars) == min(count, STRIP_WIDTH)
    assert all(bar["w"] >= 1 for bar in bars)
    assert bars[-1]["x"] + bars[-1]["w"] in (STRIP_WIDTH - 1, STRIP_WIDTH)


def test_slices_that_the_round_left_alone_are_pale_while_its_changes_are_shown():
    cells = [cell(0), cell(1, isChanged=True), cell(2, origin=NONE, isEmpty=True)]
    assert [bar["pale"] for bar in stripFacts(cells, True)["bars"]] == [True, False, True]
    assert not any(bar["pale"] for bar in stripFacts(cells, False)["bars"])


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (SliceFacts(-10.0, 20.0, 3.0, -10.0), "1 / 11"),
        (SliceFacts(-10.0, 20.0, 3.0, 20.0), "11 / 11"),
        (SliceFacts(5.0, 5.0, 1.0, 5.0), "1 / 1"),
        (SliceFacts(0.0, 9.0, 3.0, 400.0), "4 / 4"),
    ],
)
def test_slices_are_counted_from_one(facts, text):
    assert sliceViewFacts(facts)["text"] == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (3 * 86_400 + 5, "3 days ago"),
    ],
)
def test_how_long_ago_is_told_in_words(seconds, text):
    assert agoText(seconds) == text


def test_what_was_left_behind_is_named_by_volume_and_segments():
    segments = tuple(NotedSegment(f"segment-{n}", n, (1.0, 0.0, 0.0)) for n in ("liver", "spleen"))
    note = WorkNote("/data/ct.nii.gz", "ct", segments, savedAt=1000.0)
    (facts,) = keptFacts([LeftWork("tab-1", note)], now=1000.0 + 125)
    assert facts == {
        "id": "tab-1",
        "volume": "ct",
        "segments": "liver, spleen",
        "when": "2 minutes ago",
    }
