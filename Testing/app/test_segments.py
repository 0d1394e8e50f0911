"""The list of segments over a real segmentation node, and what the page may ask of options."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from LIMNetSegmentApp.AppError import AppError
from LIMNetSegmentApp.Editor import Editor
from LIMNetSegmentApp.PageActions import checkedOption
from LIMNetSegmentApp.Segments import COLOURS, Segments, colourFromText, hexOf
from Testing.slicer.application import Application


@pytest.fixture
def application() -> Iterator[Application]:
    made = Application()
    yield made
    made.close()


@pytest.fixture
def segments(application):
    volume = application.add_volume(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    made = Segments(application.scene, volume)
    made.editor = Editor(application.scene, application.logic)
    made.editor.edit(made.node, volume)
    return made


def names(segments: Segments) -> list[str]:
    return [segment.name for segment in segments.facts()]


def test_segments_have_names_and_colours_of_their_own(segments):
    added = [segments.add() for _ in range(3)]
    assert names(segments) == ["Segment 1", "Segment 2", "Segment 3"]
    assert [segment.id for segment in segments.facts()] == added
    colours = [segment.colour for segment in segments.facts()]
    assert np.allclose(colours, COLOURS[:3], atol=1e-6)
    assert all(segment.isVisible for segment in segments.facts())


def test_a_segment_that_comes_back_keeps_its_id_and_new_ones_get_others(segments):
    segments.add("liver", (1.0, 0.0, 0.0), "segment-2")
    assert segments.add() == "segment-3"
    assert segments.add() == "segment-4"
    assert names(segments)[0] == "liver"


def test_an_id_is_not_given_twice_after_a_deletion(segments):
    first = segments.add()
    segments.delete(first)
    assert segments.add() != first


def test_a_name_is_one_line_and_not_empty(segments):
    segment = segments.add()
    segments.rename(segment, "  left\n kidney " + "x" * 200)
    assert names(segments)[0].startswith("left kidney x")
    assert len(names(segments)[0]) == 80
    with pytest.raises(AppError, match="needs a name"):
        segments.rename(segment, " \t")
    assert names(segments)[0].startswith("left kidney")


def test_a_segment_is_hidden_painted_and_deleted(segments):
    segment, other = segments.add(), segments.add()
    segments.show(segment, False)
    segments.paint(segment, colourFromText("#0080ff"))
    (first, second) = segments.facts()
    assert (first.isVisible, second.isVisible) == (False, True)
    assert hexOf(first.colour) == "#0080ff"
    segments.delete(segment)
    assert [fact.id for fact in segments.facts()] == [other]


@pytest.mark.parametrize("action", ["rename", "paint", "show", "delete"])
def test_what_is_asked_of_a_segment_that_is_gone_is_refused(segments, action):
    arguments = {"rename": ("x",), "paint": (COLOURS[0],), "show": (True,), "delete": ()}[action]
    with pytest.raises(AppError, match="gone"):
        getattr(segments, action)("segment-9", *arguments)


@pytest.mark.parametrize("text", ["", "#12345", "#1234567", "red", "#gg0000"])
def test_a_text_that_is_no_colour_is_refused(text):
    with pytest.raises(AppError, match="no colour"):
        colourFromText(text)


def test_a_deleted_segment_comes_back_by_undo(segments):
    segments.add()
    editor = segments.editor
    editor.saveStateForUndo()
    segments.delete(segments.facts()[0].id)
    assert editor.canUndo
    editor.undo()
    assert names(segments) == ["Segment 1"]
    assert editor.canRedo


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("positive", False, False),
        ("fusion", 1, True),
        ("preset", "paper", "paper"),
        ("sliceCount", "0", 1),
        ("sliceCount", 123456, 9999),
        ("windowLow", " -12.5 ", "-12.5"),
    ],
)
def test_options_take_what_makes_sense(name, value, taken):
    assert checkedOption(name, value) == taken


@pytest.mark.parametrize(
    ("name", "value"),
    [("preset", "huge"), ("device", "cuda; rm"), ("range", 7), ("sliceCount", "-3"), ("_x", 1)],
)
def test_options_refuse_what_makes_none(name, value):
    with pytest.raises(AppError, match="no choice"):
        checkedOption(name, value)
