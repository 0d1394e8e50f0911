"""Options of the effect: kept by the segment editor node as text and whole numbers."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import slicer

from LIMNetSegmentLib.Parameter import (
    COUNT,
    EffectOptions,
    readOptions,
    setDefaults,
    writeOptions,
)
from Testing.slicer.scripted_effect import qSlicerSegmentEditorScriptedEffect

CHANGED = EffectOptions(
    preset="paper",
    device="cuda:1",
    range="count",
    sliceCount=3,
    automatic=True,
    fusion=False,
    window="given",
    windowLow="-1000.125",
    windowHigh="400.0625",
    positive=False,
    lockEdited=False,
)


class Editor:
    """What of a segment editor widget the parameters need."""

    def __init__(self, node) -> None:
        self.node = node

    def mrmlSegmentEditorNode(self):
        return self.node


@pytest.fixture
def store(application):
    effect = qSlicerSegmentEditorScriptedEffect(None)
    effect.name = "LIMNet"
    effect.editor = Editor(application.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    setDefaults(effect)
    return effect


def test_the_changed_options_differ_in_every_field():
    plain = EffectOptions()
    assert all(getattr(plain, f.name) != getattr(CHANGED, f.name) for f in fields(plain))


def test_a_new_node_has_the_defaults(store):
    assert readOptions(store) == EffectOptions()


def test_every_option_comes_back_from_the_node(store):
    writeOptions(store, CHANGED)
    assert readOptions(store) == CHANGED


def test_options_are_saved_with_the_scene(store, application, tmp_path):
    writeOptions(store, CHANGED)
    application.save(tmp_path / "scene.mrml")
    application.close_scene()
    application.load(tmp_path / "scene.mrml")
    store.editor = Editor(application.node("vtkMRMLSegmentEditorNode"))
    assert store.parameterSetNode().GetAttribute("LIMNet.windowLow") == "-1000.125"
    assert readOptions(store) == CHANGED


def test_defaults_do_not_overwrite_what_the_user_chose(store):
    writeOptions(store, CHANGED)
    setDefaults(store)
    assert readOptions(store) == CHANGED


def test_unchanged_options_touch_nothing(store):
    writeOptions(store, CHANGED)
    before = store.parameterSetNode().GetMTime()
    writeOptions(store, CHANGED)
    assert store.parameterSetNode().GetMTime() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("range", "everything"),
        ("sliceCount", "-4"),
        ("sliceCount", "3.0"),
        ("automatic", "yes"),
        ("window", ""),
        ("preset", ""),
    ],
)
def test_what_makes_no_sense_in_a_node_counts_as_the_default(store, name, text):
    store.parameterSetNode().SetAttribute(f"LIMNet.{name}", text)
    assert readOptions(store) == EffectOptions()


def test_the_range_of_slices_is_a_number_for_the_engine():
    assert replace(EffectOptions(), range=COUNT, sliceCount=7).roundRange == 7
    assert EffectOptions().roundRange == "until_end"


@pytest.mark.parametrize(
    ("low", "high"), [("a", "1"), ("2", "1"), ("1", "1"), ("nan", "1"), ("", "")]
)
def test_a_window_of_nonsense_is_none(low, high):
    assert replace(EffectOptions(), windowLow=low, windowHigh=high).givenWindow is None


def test_a_window_is_two_numbers():
    assert CHANGED.givenWindow == (-1000.125, 400.0625)


def test_slicer_is_the_real_one():
    assert slicer.vtkMRMLSegmentEditorNode().GetClassName() == "vtkMRMLSegmentEditorNode"
