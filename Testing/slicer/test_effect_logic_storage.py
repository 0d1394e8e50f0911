"""Sessions that come back: from a segment's tag, and after a crash."""

from __future__ import annotations

import json

import numpy as np
import pytest

from LIMNetSegmentLib.JournalFolders import hasCrashedRuns
from LIMNetSegmentLib.SessionStorage import LONGEST_TAG, storedSession, tagText
from SlicerLIMNet.imaging.made_volumes import ball_volume
from Testing.doubles import FakeNetworks
from Testing.slicer.effect_days import CORONAL, click, finish, make_logic, run_round
from Testing.slicer.scene_double import SceneDouble

IMAGE, TRUTH = ball_volume((16, 16, 16), radius_mm=5.0, centre_zyx=(8, 8, 8))


@pytest.fixture
def scene():
    """Saved after a day of work: clicks in two planes, rounds, a locked slice."""
    scene = SceneDouble(IMAGE)
    logic = make_logic(scene, FakeNetworks())
    click(logic, 8, axis=CORONAL)
    run_round(logic)
    click(logic, 8)
    run_round(logic)
    click(logic, 11, positive=False)
    logic.toggleLock(4)
    finish(logic)
    scene.seen = logic.state
    logic.cleanup()
    return scene


def reopened(scene: SceneDouble) -> SceneDouble:
    """Another application in which the saved scene was loaded."""
    loaded = SceneDouble(scene.voxels.copy())
    loaded.segments = {name: (mask.copy(), tag) for name, (mask, tag) in scene.segments.items()}
    return loaded


def test_clicks_rounds_provenance_and_locks_come_back_with_a_scene(scene):
    logic = make_logic(reopened(scene), FakeNetworks())
    finish(logic)
    state = logic.state
    assert state.clicks == scene.seen.clicks
    assert state.rounds == 2
    assert state.planeName == "axial"
    assert state.canPropagate
    assert [cell.isLocked for cell in state.cells] == [c.isLocked for c in scene.seen.cells]
    for cell, seen in zip(state.cells, scene.seen.cells, strict=True):
        assert (cell.origin, cell.roundNumber) == (seen.origin, seen.roundNumber)
        assert cell.score == pytest.approx(seen.score, abs=1e-4)
        assert (cell.isPrompted, cell.isEmpty) == (seen.isPrompted, seen.isEmpty)
    logic.cleanup()


def test_opening_a_scene_changes_no_voxel_and_leaves_no_undo_state(scene):
    loaded = reopened(scene)
    logic = make_logic(loaded, FakeNetworks())
    finish(logic)
    np.testing.assert_array_equal(loaded.array(), scene.array())
    assert loaded.undo_states == 0
    logic.cleanup()


def test_a_saved_scene_can_be_refined_further_and_undone(scene):
    loaded = reopened(scene)
    logic = make_logic(loaded, FakeNetworks())
    finish(logic)
    run_round(logic)
    assert logic.state.rounds == 3
    click(logic, 12)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 11, 12]
    loaded.undo()
    loaded.undo()
    finish(logic)
    assert logic.state.clicks == scene.seen.clicks
    assert logic.state.rounds == 2
    np.testing.assert_array_equal(loaded.array(), scene.array())
    logic.cleanup()


def test_clicks_may_come_before_the_stored_session_is_open(scene):
    logic = make_logic(reopened(scene), FakeNetworks())
    click(logic, 12)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 11, 12]
    logic.cleanup()


def test_what_was_painted_before_saving_is_locked_after_loading(scene):
    scene.paint("a", np.s_[2, 1:3, 1:3])
    logic = make_logic(reopened(scene), FakeNetworks())
    finish(logic)
    assert [cell.sliceIndex for cell in logic.state.cells if cell.isLocked] == [2, 4]
    click(logic, 12)
    assert [cell.sliceIndex for cell in logic.state.cells if cell.isLocked] == [2, 4]
    logic.cleanup()


def test_what_masking_had_cut_is_no_edit_after_loading():
    scene = SceneDouble(IMAGE)
    scene.editable = np.zeros(IMAGE.shape, bool)
    scene.editable[:, :, :9] = True
    logic = make_logic(scene, FakeNetworks())
    click(logic)
    logic.cleanup()
    logic = make_logic(reopened(scene), FakeNetworks())
    finish(logic)
    click(logic, 9)
    assert not any(cell.isLocked for cell in logic.state.cells)
    logic.cleanup()


def test_a_session_of_another_image_is_not_mixed_with_this_one(scene):
    loaded = reopened(scene)
    loaded.voxels = IMAGE[:, :, ::-1].copy()
    logic = make_logic(loaded, FakeNetworks())
    finish(logic)
    assert logic.state.clicks == ()
    assert "new session" in logic.state.statusText
    click(logic, 8)
    assert [row.sliceIndex for row in logic.state.clicks] == [8]
    assert logic.state.cells[5].origin == "given"
    logic.cleanup()


@pytest.mark.parametrize("damage", ["", "{", '{"format":1,"state":"gone:7"}', "cut"])
def test_a_damaged_tag_costs_the_clicks_and_nothing_else(scene, damage):
    loaded = reopened(scene)
    mask, tag = loaded.segments["a"]
    stored = json.loads(tag)
    stored["journal"] = stored["journal"][:3]
    loaded.segments["a"] = (mask, json.dumps(stored) if damage == "cut" else damage)
    logic = make_logic(loaded, FakeNetworks())
    finish(logic)
    assert not logic.state.isError
    assert logic.state.clicks == ()
    click(logic, 9)
    run_round(logic)
    assert logic.state.rounds == 1
    logic.cleanup()


def test_a_copied_segment_has_a_session_of_its_own(scene):
    loaded = reopened(scene)
    loaded.segments["b"] = loaded.segments["a"]
    logic = make_logic(loaded, FakeNetworks())
    finish(logic)
    loaded.selected = "b"
    logic.refresh()
    finish(logic)
    assert logic.state.clicks == scene.seen.clicks
    click(logic, 12)
    loaded.selected = "a"
    logic.refresh()
    finish(logic)
    assert logic.state.clicks == scene.seen.clicks
    logic.cleanup()


def test_the_tag_stays_small_over_many_rounds():
    scene = SceneDouble(IMAGE)
    logic = make_logic(scene, FakeNetworks())
    for number in range(20):
        click(logic, 5 + number % 7)
        run_round(logic)
    text = scene.segments["a"][1]
    assert len(text) < LONGEST_TAG / 8
    assert "masks/" not in json.dumps(storedSession(text).journal[-1])
    assert tagText(storedSession(text)) == text
    logic.cleanup()


# After a crash


class Crash(Exception):
    """Ends a process, as far as a test can."""


def crashed(root, scene: SceneDouble) -> None:
    """Work on a scene and die: nothing is saved, the lock is let go, the folder stays."""
    logic = make_logic(scene, FakeNetworks(), root)
    click(logic)
    run_round(logic)
    click(logic, 11, positive=False)
    desks = []
    worker = logic._line._worker

    class Steal:
        def run(self, desk, tell):
            desks.append(desk)

    from LIMNetSegmentLib.InferenceWorker import Mailbox

    mailbox = Mailbox()
    worker.post(Steal(), mailbox)
    mailbox.wait(60)
    folders = desks[0].folders
    folders._lock.close()
    folders._lock = folders._run = None
    logic.cleanup()


def test_a_session_comes_back_after_a_crash_on_the_users_wish(tmp_path):
    before = SceneDouble(IMAGE)
    crashed(tmp_path, before)
    scene = SceneDouble(IMAGE)
    logic = make_logic(scene, FakeNetworks(), tmp_path)
    finish(logic)
    assert logic.state.canResume
    assert logic.state.clicks == ()
    logic.resumeAfterCrash()
    finish(logic)
    assert not logic.state.canResume
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 11]
    assert logic.state.rounds == 1
    np.testing.assert_array_equal(scene.array(), before.array())
    assert scene.undo_states == 1
    run_round(logic)
    assert logic.state.rounds == 2
    scene.undo()
    finish(logic)
    assert logic.state.rounds == 1
    scene.undo()
    finish(logic)
    assert logic.state.clicks == ()
    click(logic, 7)
    assert [row.sliceIndex for row in logic.state.clicks] == [7]
    logic.cleanup()
    assert not hasCrashedRuns(tmp_path)


def test_what_a_crash_has_left_can_be_dismissed(tmp_path):
    crashed(tmp_path, SceneDouble(IMAGE))
    logic = make_logic(SceneDouble(IMAGE), FakeNetworks(), tmp_path)
    finish(logic)
    logic.dismissResume()
    finish(logic)
    assert not logic.state.canResume
    assert not hasCrashedRuns(tmp_path)
    logic.cleanup()


def test_other_volumes_and_segments_are_not_offered_it(tmp_path):
    crashed(tmp_path, SceneDouble(IMAGE))
    scene = SceneDouble(IMAGE[:, :, ::-1].copy())
    logic = make_logic(scene, FakeNetworks(), tmp_path)
    finish(logic)
    assert not logic.state.canResume
    logic.cleanup()
    scene = SceneDouble(IMAGE)
    scene.selected = "b"
    logic = make_logic(scene, FakeNetworks(), tmp_path)
    finish(logic)
    assert not logic.state.canResume
    logic.cleanup()


def test_an_orderly_end_leaves_no_journal(tmp_path):
    logic = make_logic(SceneDouble(IMAGE), FakeNetworks(), tmp_path)
    click(logic)
    assert hasCrashedRuns(tmp_path)
    logic.cleanup()
    assert not hasCrashedRuns(tmp_path)
