"""The panel over the real logic, bridge and worker; only the networks are doubles."""

from __future__ import annotations

import numpy as np
import pytest

from LIMNetSegmentLib.EffectLogic import EffectLogic
from LIMNetSegmentLib.InferenceWorker import InferenceWorker
from LIMNetSegmentLib.MrmlBridge import MrmlBridge
from LIMNetSegmentLib.SegmentEditorEffect import SegmentEditorEffect
from LIMNetSegmentLib.SessionDesk import SessionDesk
from SlicerLIMNet.imaging.made_volumes import ball_volume
from Testing.doubles import FakeNetworks
from Testing.slicer.application import segment_mask
from Testing.slicer.effect_factory import register_effect
from Testing.slicer.panel_doubles import FakePackages
from Testing.slicer.python_qt import let_qt_work
from Testing.slicer.start import EFFECT
from Testing.slicer.waiting import wait_until

MIDDLE_RAS = (-8.0, -8.0, 8.0)


def make_logic(effect: SegmentEditorEffect, _folder: object) -> EffectLogic:
    """The effect's logic with a worker of its own, whose engine is a double."""
    worker = InferenceWorker(lambda: SessionDesk(lambda _preset, _device: FakeNetworks(), None))
    return EffectLogic(MrmlBridge(effect.scriptedEffect), worker, None)


@pytest.fixture
def day(application, make_views, make_editor, monkeypatch):
    """A ball in a volume, a segmentation of two segments, the effect chosen."""
    monkeypatch.setattr(SegmentEditorEffect, "makeLogic", make_logic)
    monkeypatch.setattr(SegmentEditorEffect, "makePackages", lambda _self: FakePackages())
    register_effect(EFFECT)
    voxels, _ = ball_volume((16, 16, 16), radius_mm=5.0, centre_zyx=(8, 8, 8))
    volume = application.add_volume(voxels.astype(np.float32))
    segmentation, (organ, other) = application.add_segmentation(volume, ["organ", "other"])
    red, green = make_views(("Red", "Axial"), ("Green", "Coronal"), showing=volume)
    editor = make_editor([red, green], segmentation, volume, organ, effect="LIMNet")
    editor.red, editor.green, editor.organ, editor.other = red, green, organ, other
    editor.panel = editor.activeEffect().self().panel
    editor.logic_of_effect = editor.activeEffect().self().logic
    settle(editor)
    return editor


def settle(editor):
    """Wait until no work is under way."""
    wait_until(lambda: not editor.logic_of_effect.state.isBusy)
    let_qt_work()


def click(editor, view=None, ras=MIDDLE_RAS, **keys):
    view = view or editor.red
    view.click(view.aim(ras), **keys)
    settle(editor)


def mask(editor, segment_id):
    return segment_mask(editor.segmentationNode(), segment_id, editor.sourceVolumeNode())


def test_from_the_first_click_to_a_finished_round(day):
    panel = day.panel
    assert not panel.rounds.propagateButton.enabled
    click(day)
    assert panel.clicks.label.text == "1 positive, 0 negative, 1 new"
    assert "Axial slices" in panel.planeLabel.text
    assert mask(day, day.organ).any()
    assert panel.rounds.propagateButton.enabled
    panel.rounds.propagateButton.click()
    settle(day)
    assert "round&nbsp;1" in panel.slices.legend.text
    assert panel.clicks.label.text == "1 positive, 0 negative"
    assert mask(day, day.organ).any(axis=(1, 2)).sum() > 3
    assert not panel.status.styleSheet


def test_the_strip_scrolls_the_view_and_follows_it(day):
    click(day)
    strip = day.panel.slices.strip
    strip.widget.resize(160, 46)
    strip.paint()
    before = day.red.node.GetSliceOffset()
    strip.pressed(40, False)
    let_qt_work()
    assert day.red.node.GetSliceOffset() != before
    assert day.panel.slices.sliceLabel.text.startswith("Slice 5:")
    day.red.node.SetSliceOffset(before)
    let_qt_work()
    assert day.panel.slices.sliceLabel.text.startswith("Slice 9:")


def test_a_click_is_removed_at_its_marker(day):
    click(day)
    other = (-8.0, -11.0, 8.0)
    click(day, ras=other, ctrl=True)
    assert day.panel.clicks.label.text.startswith("1 positive, 1 negative")
    day.red.key("Delete", day.red.to_xy(MIDDLE_RAS))
    settle(day)
    assert day.panel.clicks.label.text.startswith("0 positive, 1 negative")
    day.red.key("BackSpace", (2, 2))
    settle(day)
    assert day.panel.clicks.label.text == "No clicks yet"


def test_undo_and_redo_of_the_editor_show_in_the_panel(day):
    click(day)
    day.undo()
    settle(day)
    assert day.panel.clicks.label.text == "No clicks yet"
    day.redo()
    settle(day)
    assert day.panel.clicks.label.text.startswith("1 positive")


def test_another_segment_has_its_own_clicks(day):
    click(day)
    day.setCurrentSegmentID(day.other)
    settle(day)
    assert day.panel.clicks.label.text == "No clicks yet"
    day.setCurrentSegmentID(day.organ)
    settle(day)
    assert day.panel.clicks.label.text.startswith("1 positive")


def test_a_locked_slice_shows_in_strip_and_button(day):
    click(day)
    day.panel.slices.lockButton.click()
    settle(day)
    assert day.panel.slices.lockButton.text == "Unlock"
    assert "locked" in day.panel.slices.legend.text


def test_a_click_in_the_other_plane_changes_the_plane_of_the_panel(day):
    click(day)
    click(day, day.green)
    assert "Coronal slices" in day.panel.planeLabel.text


def test_after_leaving_in_the_middle_of_a_round_work_goes_on_where_it_was(day):
    click(day)
    day.panel.rounds.propagateButton.click()
    day.setActiveEffectByName("")
    assert not day.effectByName("LIMNet").self().timer.active
    day.setActiveEffectByName("LIMNet")
    settle(day)
    assert day.panel.rounds.propagateButton.enabled
    day.panel.rounds.propagateButton.click()
    settle(day)
    assert "round&nbsp;1" in day.panel.slices.legend.text


def test_leaving_the_effect_leaves_no_thread_of_ours_after_the_end(day):
    click(day)
    effect = day.activeEffect().self()
    worker = effect.logic._line._worker
    day.setActiveEffectByName("")
    effect.cleanup()
    assert not worker.isAlive


@pytest.mark.parametrize("isAgreed", [False, True])
def test_a_hidden_segment_is_edited_only_after_asking(day, dialogs, isAgreed):
    day.segmentationNode().GetDisplayNode().SetSegmentVisibility(day.organ, False)
    dialogs.will_be_answered(isAgreed)
    click(day)
    assert mask(day, day.organ).any() == isAgreed
    assert len(dialogs.texts("question")) == 1


def test_a_session_is_saved_to_a_file_and_another_segment_goes_on_with_it(day, dialogs, tmp_path):
    click(day)
    day.panel.rounds.propagateButton.click()
    settle(day)
    done = segment_mask(day.segmentationNode(), day.organ, day.sourceVolumeNode())
    dialogs.will_be_answered(str(tmp_path / "organ"))
    day.panel.files.saveButton.click()
    settle(day)
    saved = tmp_path / "organ.limnet.zip"
    assert saved.is_file()

    day.setCurrentSegmentID(day.other)
    settle(day)
    assert not day.panel.files.saveButton.enabled
    dialogs.will_be_answered(str(saved))
    day.panel.files.openButton.click()
    settle(day)
    state = day.logic_of_effect.state
    assert (len(state.clicks), state.rounds) == (1, 1)
    assert np.array_equal(
        segment_mask(day.segmentationNode(), day.other, day.sourceVolumeNode()), done
    )
    day.undo()
    settle(day)
    assert not segment_mask(day.segmentationNode(), day.other, day.sourceVolumeNode()).any()


def test_a_file_that_holds_no_session_is_refused_in_a_sentence(day, dialogs, tmp_path):
    wrong = tmp_path / "photos.zip"
    wrong.write_bytes(b"not a zip")
    dialogs.will_be_answered(str(wrong))
    day.panel.files.openButton.click()
    settle(day)
    assert "photos.zip" in day.panel.statusText
    assert day.logic_of_effect.state.isError
