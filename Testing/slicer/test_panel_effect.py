"""The effect in the segment editor: events, keys, parameters, life; the logic is a double."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import slicer

from LIMNetSegmentLib.Parameter import EffectOptions
from LIMNetSegmentLib.SegmentEditorEffect import UNDO_STATES, SegmentEditorEffect
from Testing.slicer.effect_factory import register_effect
from Testing.slicer.panel_doubles import DONE, READY, RUNNING, FakeLogic, FakePackages
from Testing.slicer.python_qt import connections, let_qt_work, qt

EFFECT = Path(__file__).resolve().parents[2] / "LIMNetSegment/LIMNetSegmentLib"
XY = (150, 150)


@pytest.fixture
def packages(monkeypatch):
    made = FakePackages()
    monkeypatch.setattr(SegmentEditorEffect, "makePackages", lambda _self: made)
    return made


@pytest.fixture
def editor(application, make_views, make_editor, packages, monkeypatch):
    """A segment editor with the shipped effect, and a view to click in."""
    monkeypatch.setattr(SegmentEditorEffect, "makeLogic", lambda _self, _folder: FakeLogic())
    register_effect(EFFECT / "SegmentEditorEffect.py")
    volume = application.add_volume(np.arange(8**3, dtype=np.int16).reshape(8, 8, 8))
    segmentation, (organ, _) = application.add_segmentation(volume, ["organ", "other"])
    (view,) = make_views(("Red", "Axial"), showing=volume)
    made = make_editor([view], segmentation, volume, organ, effect="LIMNet")
    made.view, made.effect = view, made.activeEffect().self()
    made.effect.logic.show(READY)
    made.effect.logic.taken()
    return made


def heard_below(view, event, act, *values, **keys):
    """Whether an event of an action reaches those whose priority is below the editor's."""
    seen = []
    tag = view.interactor.AddObserver(event, lambda *_: seen.append(event), 0.5)
    act(*values, **keys)
    view.interactor.RemoveObserver(tag)
    return bool(seen)


# What it is


def test_the_shipped_file_is_registered_unmodified(editor):
    factory = slicer.qSlicerSegmentEditorEffectFactory
    prototype = factory.registered["LIMNet"].self()
    assert type(prototype) is SegmentEditorEffect
    assert Path(sys.modules[type(prototype).__module__].__file__).parent == EFFECT
    assert prototype.logic is None
    assert editor.effect is not prototype
    assert editor.effect.scriptedEffect.perSegment


def test_it_has_an_icon_and_a_help_text(editor):
    assert not editor.effect.icon().isNull()
    assert "Propagate" in editor.effect.helpText()


# Events, as the table of the issue says


@pytest.mark.parametrize(("keys", "sign"), [({}, None), ({"ctrl": True}, False)])
def test_a_left_click_is_taken_with_its_sign(editor, keys, sign):
    assert not heard_below(editor.view, "LeftButtonPressEvent", editor.view.press, XY, **keys)
    assert not heard_below(editor.view, "LeftButtonReleaseEvent", editor.view.release, XY, **keys)
    ((name, widget, xy, positive),) = editor.effect.logic.taken()
    assert (name, xy, positive) == ("click", XY, sign)
    assert widget.mrmlSliceNode() is editor.view.node


def test_ctrl_is_the_other_sign_whatever_is_active(editor):
    editor.effect.switchPolarity()
    editor.effect.logic.taken()
    editor.view.click(XY, ctrl=True)
    assert editor.effect.logic.taken()[0][3] is True


def test_a_shift_click_is_slicers(editor):
    assert heard_below(editor.view, "LeftButtonPressEvent", editor.view.press, XY, shift=True)
    assert heard_below(editor.view, "LeftButtonReleaseEvent", editor.view.release, XY, shift=True)
    assert editor.effect.logic.taken() == []


def test_a_release_without_our_press_is_slicers(editor):
    assert heard_below(editor.view, "LeftButtonReleaseEvent", editor.view.release, XY)


def test_a_double_click_is_one_click_and_does_not_maximise_the_view(editor):
    assert not heard_below(editor.view, "LeftButtonDoubleClickEvent", editor.view.double_click, XY)
    assert [call[0] for call in editor.effect.logic.taken()] == ["click"]


@pytest.mark.parametrize(
    ("event", "act"),
    [
        ("RightButtonPressEvent", lambda view: view.click(XY, "Right")),
        ("MiddleButtonPressEvent", lambda view: view.click(XY, "Middle")),
        ("MouseMoveEvent", lambda view: view.move(XY)),
        ("MouseWheelForwardEvent", lambda view: view.wheel(XY)),
        ("MouseWheelBackwardEvent", lambda view: view.wheel(XY, -1)),
        ("EnterEvent", lambda view: view.enter(XY)),
        ("LeaveEvent", lambda view: view.leave(XY)),
        ("KeyPressEvent", lambda view: view.key("v", XY)),
    ],
)
def test_all_else_passes(editor, event, act):
    assert heard_below(editor.view, event, act, editor.view)
    assert {call[0] for call in editor.effect.logic.taken()} <= {"viewChanged"}


@pytest.mark.parametrize(
    ("key", "call"),
    [
        ("Return", ("propagate",)),
        ("KP_Enter", ("propagate",)),
        ("c", ("goToNextSlice",)),
        ("C", ("goToNextSlice",)),
        ("l", ("toggleLock", 5)),
        ("d", ("showLastChange", True)),
        ("BackSpace", ("removeClickAt", XY)),
        ("Delete", ("removeClickAt", XY)),
    ],
)
def test_keys_in_a_view(editor, key, call):
    editor.effect.logic.show(DONE)
    assert not heard_below(editor.view, "KeyPressEvent", editor.view.key, key, XY)
    ((name, *values),) = editor.effect.logic.taken()
    assert (name, *values[-1:]) == call


def test_the_key_n_switches_the_sign(editor):
    editor.view.key("n", XY)
    assert editor.effect.logic.options.positive is False
    editor.view.key("n", XY)
    assert editor.effect.logic.options.positive is True


def test_keys_with_ctrl_are_slicers(editor):
    assert heard_below(editor.view, "KeyPressEvent", editor.view.key, "c", XY, ctrl=True)
    assert editor.effect.logic.taken() == []


def test_keys_of_the_segment_editor_are_left_to_it(editor):
    for key in ("1", "0", "Escape", "space", "z", "y", "q", "w", "comma", "period", "slash"):
        assert heard_below(editor.view, "KeyPressEvent", editor.view.key, key, XY), key


def test_without_engine_every_event_passes(editor, packages):
    packages.isComplete = False
    editor.effect.panel.showState()
    assert heard_below(editor.view, "LeftButtonPressEvent", editor.view.press, XY)
    assert editor.effect.logic.taken() == []


def test_the_logic_begins_when_the_engine_was_installed(editor, packages):
    packages.isComplete = False
    editor.setActiveEffectByName("")
    editor.effect.logic.taken()
    editor.setActiveEffectByName("LIMNet")
    assert ("activate",) not in editor.effect.logic.taken()
    editor.effect.panel.install.install()
    assert ("activate",) in editor.effect.logic.taken()


def test_an_error_while_clicking_is_shown_and_the_view_does_not_pan(editor):
    def fail(*_):
        raise RuntimeError("the scene is not as it should be")

    editor.effect.logic.click = fail
    assert not heard_below(editor.view, "LeftButtonPressEvent", editor.view.press, XY)
    assert "not as it should be" in editor.effect.panel.statusText


# Parameters


def test_options_are_kept_in_the_node(editor):
    node = editor.mrmlSegmentEditorNode()
    assert node.GetAttribute("LIMNet.positive") == "1"
    editor.effect.panel.clicks.negativeButton.click()
    assert node.GetAttribute("LIMNet.positive") == "0"
    editor.effect.panel.advanced.range.setCurrentIndex(1)
    assert node.GetAttribute("LIMNet.range") == "whole"
    assert editor.effect.logic.options == EffectOptions(positive=False, range="whole")


def test_the_panel_follows_the_node(editor):
    node = editor.mrmlSegmentEditorNode()
    node.SetAttribute("LIMNet.automatic", "1")
    node.InvokeCustomModifiedEvent(node.EffectParameterModified)
    assert editor.effect.logic.options.automatic
    assert editor.effect.panel.rounds.automaticCheck.checked


def test_options_come_back_with_the_node(editor, make_editor):
    editor.effect.storeOptions(EffectOptions(preset="paper", fusion=False, windowLow="-1000.5"))
    editor.setActiveEffectByName("")
    again = make_editor([], editor.segmentationNode(), editor.sourceVolumeNode(), effect="LIMNet")
    effect = again.activeEffect().self()
    assert effect.logic.options == EffectOptions(preset="paper", fusion=False, windowLow="-1000.5")
    assert not effect.panel.advanced.fusion.checked


# Life


def test_activation_raises_the_undo_limit(editor):
    assert editor.maximumNumberOfUndoStates() == UNDO_STATES


def test_the_timer_runs_while_there_is_work(editor):
    effect = editor.effect
    assert not effect.timer.active
    effect.logic.workStarted.emit()
    assert effect.timer.active
    assert effect.timer.interval == 0
    let_qt_work()
    assert effect.logic.polls > 0
    effect.logic.workEnded.emit()
    assert not effect.timer.active


def test_the_timer_runs_again_for_work_that_was_left_behind(editor):
    editor.effect.logic.workStarted.emit()
    editor.setActiveEffectByName("")
    assert not editor.effect.timer.active
    editor.effect.logic.state = RUNNING
    editor.setActiveEffectByName("LIMNet")
    assert editor.effect.timer.active


def test_leaving_stops_timer_and_keys(editor):
    effect = editor.effect
    effect.logic.workStarted.emit()
    assert len(effect.scriptedEffect.optionsFrame().findChildren(qt.QShortcut.qt_class)) == 4
    editor.setActiveEffectByName("")
    let_qt_work()
    assert effect.logic.taken()[-1] == ("deactivate",)
    assert not effect.timer.active
    assert not effect.scriptedEffect.optionsFrame().findChildren(qt.QShortcut.qt_class)
    effect.deactivate()  # twice is fine


def test_the_end_leaves_nothing_connected(editor):
    effect = editor.effect
    logic, timer, panel = effect.logic, effect.timer, effect.panel
    editor.setActiveEffectByName("")
    effect.cleanup()
    assert ("cleanup",) in logic.taken()
    assert not connections(timer)
    assert not connections(panel.rounds.propagateButton)
    effect.cleanup()
    effect.deactivate()
    effect.sourceVolumeNodeChanged()
    effect.updateGUIFromMRML()


def test_another_volume_geometry_or_layout_is_told(editor, make_views):
    logic = editor.effect.logic
    editor.effect.referenceGeometryChanged()
    editor.effect.sourceVolumeNodeChanged()
    editor.effect.layoutChanged()
    assert logic.taken() == [("refresh",)] * 3
    editor.setActiveEffectByName("")
    logic.taken()
    editor.effect.sourceVolumeNodeChanged()
    assert logic.taken() == []


def test_scrolling_is_told(editor):
    editor.view.node.SetSliceOffset(editor.view.node.GetSliceOffset() + 1)
    assert ("viewChanged",) in editor.effect.logic.taken()


def test_a_closed_scene_and_missing_nodes_raise_nothing(editor, application):
    application.close_scene()
    editor.effect.updateGUIFromMRML()
    editor.effect.storeOptions(EffectOptions())


def test_without_segmentation_and_volume_the_panel_is_there(
    application, make_editor, packages, monkeypatch
):
    monkeypatch.setattr(SegmentEditorEffect, "makeLogic", lambda _self, _folder: FakeLogic())
    register_effect(EFFECT / "SegmentEditorEffect.py")
    editor = make_editor(effect="LIMNet")
    assert editor.activeEffect().self().panel.statusText
