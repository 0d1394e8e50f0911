"""The fusion strip: what is painted, where a click leads, what is told under the mouse."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6 import QtCore, QtGui
from PySide6.QtTest import QTest

from LIMNetSegmentLib.FusionStrip import HEIGHT, LOCKS_HEIGHT, MARKS_HEIGHT, FusionStrip
from LIMNetSegmentLib.PanelState import EDITED, GIVEN, NONE, ROUND, StripCell
from LIMNetSegmentLib.StripLayout import (
    EDITED_COLOUR,
    GIVEN_COLOUR,
    LOCKED_COLOUR,
    PROMPTED_COLOUR,
    ROUND_COLOURS,
    StripLayout,
    colourOf,
    heightOf,
    legendOf,
    textOf,
)
from Testing.slicer.python_qt import grab

BOTTOM = HEIGHT - LOCKS_HEIGHT - 1
LEFT, RIGHT = QtCore.Qt.LeftButton, QtCore.Qt.RightButton
CTRL = QtCore.Qt.ControlModifier


def cell(index, origin=ROUND, number=1, score=1.0, **flags):
    """A cell of a slice that holds the object, unless it says otherwise."""
    states = {"isEmpty": False, "isLocked": False, "isPrompted": False, "isChanged": False}
    return StripCell(index, origin, number, score, **{**states, **flags})


def empty(index):
    """A cell of a slice without the object."""
    return cell(index, NONE, 0, None, isEmpty=True)


CELLS = (
    empty(0),
    cell(1, number=1, score=1.0, isPrompted=True),
    cell(2, number=2, score=0.25, isChanged=True),
    cell(3, GIVEN, 0, None),
    cell(4, EDITED, 0, None, isLocked=True),
)


class Heard:
    """What the strip called back."""

    def __init__(self):
        self.went, self.locked = [], []


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def strip(heard):
    made = FusionStrip(heard.went.append, heard.locked.append)
    made.widget.resize(100, HEIGHT)
    made.widget.show()
    made.show(CELLS, None, False)
    yield made
    made.cleanup()
    made.widget.close()


def colour_at(strip, x, y):
    """The painted colour: red, green, blue."""
    return QtGui.QColor(grab(strip.widget).pixelColor(x, y)).getRgb()[:3]


def middle(index):
    """The pixel in the middle of a slice of five on 100 pixels."""
    return 20 * index + 10


def test_a_cell_has_the_colour_of_the_round_it_came_from(strip):
    assert colour_at(strip, middle(1), BOTTOM) == ROUND_COLOURS[0]
    assert colour_at(strip, middle(2), BOTTOM) == ROUND_COLOURS[1]
    assert colour_at(strip, middle(3), BOTTOM) == GIVEN_COLOUR
    assert colour_at(strip, middle(4), BOTTOM) == EDITED_COLOUR


def test_a_cell_is_the_higher_the_surer_it_is(strip):
    top = MARKS_HEIGHT + 1
    assert colour_at(strip, middle(1), top) == ROUND_COLOURS[0]
    assert colour_at(strip, middle(2), top) != ROUND_COLOURS[1]
    assert heightOf(CELLS[2]) < heightOf(CELLS[3]) < heightOf(CELLS[1])
    assert heightOf(CELLS[0]) == 0.0


def test_clicked_slices_have_a_dot_and_locked_ones_a_line(strip):
    assert colour_at(strip, middle(1), 5) == PROMPTED_COLOUR
    assert colour_at(strip, middle(2), 5) != PROMPTED_COLOUR
    assert colour_at(strip, middle(4), HEIGHT - 1) == LOCKED_COLOUR
    assert colour_at(strip, middle(3), HEIGHT - 1) != LOCKED_COLOUR


def test_the_slice_that_is_seen_has_a_line(strip):
    before = colour_at(strip, 50, MARKS_HEIGHT + 2)
    strip.show(CELLS, 2, False)
    assert colour_at(strip, 50, MARKS_HEIGHT + 2) != before


def test_what_the_last_round_left_alone_is_paler_while_changes_are_shown(strip):
    strip.show(CELLS, None, True)
    assert colour_at(strip, middle(2), BOTTOM) == ROUND_COLOURS[1]
    assert colour_at(strip, middle(1), BOTTOM) != ROUND_COLOURS[0]


def test_a_click_goes_to_its_slice(strip, heard):
    QTest.mouseClick(strip.widget, LEFT, pos=QtCore.QPoint(middle(3), 20))
    assert heard.went == [3]
    assert not heard.locked


def test_another_click_locks(strip, heard):
    QTest.mouseClick(strip.widget, RIGHT, pos=QtCore.QPoint(middle(1), 20))
    QTest.mouseClick(strip.widget, LEFT, CTRL, QtCore.QPoint(middle(2), 20))
    assert heard.locked == [1, 2]
    assert not heard.went


def test_dragging_goes_along(strip, heard):
    for buttons in (QtCore.Qt.NoButton, LEFT):
        place = QtCore.QPointF(middle(3), 20)
        kind, no_key = QtCore.QEvent.MouseMove, QtCore.Qt.NoModifier
        event = QtGui.QMouseEvent(kind, place, place, QtCore.Qt.NoButton, buttons, no_key)
        QtCore.QCoreApplication.sendEvent(strip.widget, event)
        assert "Slice 4" in strip.widget.toolTip
    assert heard.went == [3]


def test_the_cell_under_the_mouse_is_told(strip):
    strip.hovered(middle(2))
    told = strip.widget.toolTip
    for words in ("Slice 3", "round 2", "25 %", "changed by the last round"):
        assert words in told
    strip.hovered(middle(4))
    assert "edited by hand" in strip.widget.toolTip
    assert "locked" in strip.widget.toolTip


def test_an_empty_strip_says_what_it_is_for(strip, heard):
    strip.show((), None, False)
    strip.hovered(10)
    assert "once there is a click" in strip.widget.toolTip
    QTest.mouseClick(strip.widget, LEFT, pos=QtCore.QPoint(10, 20))
    assert not heard.went


def test_the_strip_follows_its_width(strip, heard):
    strip.widget.resize(200, HEIGHT)
    assert colour_at(strip, 70, BOTTOM) != colour_at(strip, 30, BOTTOM)
    QTest.mouseClick(strip.widget, LEFT, pos=QtCore.QPoint(190, 20))
    assert heard.went == [4]


def test_after_its_end_the_strip_hears_nothing(strip, heard):
    strip.cleanup()
    QTest.mouseClick(strip.widget, LEFT, pos=QtCore.QPoint(middle(3), 20))
    assert not heard.went


@pytest.mark.parametrize(
    ("count", "width"), [(1, 350), (5, 7), (112, 350), (350, 350), (1000, 333)]
)
def test_bars_fill_the_strip_without_gap_and_overlap(count, width):
    layout = StripLayout([cell(index) for index in range(count)], width)
    edges = [(bar.left, bar.left + bar.width) for bar in layout.bars]
    assert edges[0][0] == 0
    assert edges[-1][1] == width
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    assert len(layout.bars) == min(count, width)


def test_where_slices_share_a_pixel_the_least_certain_is_shown():
    cells = [empty(0), cell(1, score=0.9), cell(2, score=0.3, isLocked=True), cell(3, score=0.6)]
    (bar,) = StripLayout(cells, 1).bars
    assert bar.cell.sliceIndex == 2
    assert bar.isLocked


@pytest.mark.parametrize("x", [-5, 0, 99, 400])
def test_every_place_leads_to_a_slice(x):
    layout = StripLayout(CELLS, 100)
    found = layout.cellAt(x)
    assert found is CELLS[0 if x < 20 else 4]


def test_later_rounds_begin_with_the_first_colour_again():
    assert colourOf(cell(0, number=len(ROUND_COLOURS) + 1)) == ROUND_COLOURS[0]
    assert len(set(ROUND_COLOURS)) == len(ROUND_COLOURS)


def test_the_legend_names_what_is_seen():
    names = [name for _, name in legendOf(CELLS)]
    assert names == ["round 1", "round 2", "from before", "edited by hand"]
    assert legendOf([empty(0)]) == []


def test_a_slice_is_told_in_words():
    assert textOf(CELLS[0]) == "Slice 1: nothing here"
    assert textOf(CELLS[1]) == "Slice 2: round 1, certainty 100 %, clicked"
    assert textOf(replace(CELLS[3], score=None)) == "Slice 4: from before"


def test_a_slice_that_was_only_clicked_is_neither_from_before_nor_of_a_round():
    clicked = cell(2, NONE, 0, None, isPrompted=True)
    assert textOf(clicked) == "Slice 3: clicked"
    assert colourOf(clicked) == PROMPTED_COLOUR
    assert legendOf([clicked]) == []
