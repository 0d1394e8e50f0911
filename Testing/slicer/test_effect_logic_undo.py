"""Slicer's undo and redo, edits by hand, cancelled rounds, and what comes too late."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from LIMNetSegmentLib.InferenceWorker import InferenceWorker
from LIMNetSegmentLib.SessionStorage import storedSession
from SlicerLIMNet.imaging.made_volumes import ball_volume
from Testing.doubles import FakeNetworks
from Testing.slicer.effect_days import CORONAL, click, finish, make_logic, run_round
from Testing.slicer.scene_double import SceneDouble

IMAGE, TRUTH = ball_volume((16, 16, 16), radius_mm=5.0, centre_zyx=(8, 8, 8))


class PatientNetworks(FakeNetworks):
    """Waits before a slice of a round until the test lets it go on."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.stop_at = stop_at
        self.stands, self.may_go_on = threading.Event(), threading.Event()
        self._reached = 0

    def spread(self, task, cancel):
        for number, found in enumerate(super().spread(task, cancel)):
            if number == self.stop_at:
                self.stands.set()
                assert self.may_go_on.wait(60)
            yield found

    def go_on(self) -> None:
        self.may_go_on.set()


@pytest.fixture
def scene():
    return SceneDouble(IMAGE)


@pytest.fixture
def networks():
    return PatientNetworks()


@pytest.fixture
def logic(scene, networks):
    made = make_logic(scene, networks)
    yield made
    networks.go_on()
    made.cleanup()


def stop_in_round(logic, networks, slices: int = 3) -> None:
    """Begin a round and let it stand after some slices."""
    networks.stop_at = slices
    logic.propagate()
    while not networks.stands.wait(0.01):
        logic.poll(0.01)


def locked(logic) -> list[int]:
    return [cell.sliceIndex for cell in logic.state.cells if cell.isLocked]


def tag_state(scene, segment: str = "a") -> str:
    stored = storedSession(scene.segments[segment][1])
    return "" if stored is None else stored.state


# Undo and redo


def test_clicks_and_rounds_follow_undo_and_redo(logic, scene):
    days = [(logic.state.clicks, logic.state.rounds, scene.array().copy())]
    for act in (
        lambda: click(logic),
        lambda: run_round(logic),
        lambda: click(logic, 11, positive=False),
        lambda: run_round(logic),
        lambda: (logic.toggleLock(5), finish(logic)),
        lambda: click(logic, 8, axis=CORONAL),
    ):
        act()
        days.append((logic.state.clicks, logic.state.rounds, scene.array().copy()))
    for step in (scene.undo, scene.redo):
        for clicks, rounds, mask in days[-2::-1] if step == scene.undo else days[1:]:
            step()
            finish(logic)
            assert logic.state.clicks == clicks
            assert logic.state.rounds == rounds
            np.testing.assert_array_equal(scene.array(), mask)


def test_after_undo_the_session_goes_on_from_there(logic, scene):
    click(logic)
    run_round(logic)
    click(logic, 11)
    scene.undo()
    scene.undo()
    click(logic, 9)
    run_round(logic)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 9]
    assert logic.state.rounds == 1
    np.testing.assert_array_equal(scene.array(), TRUTH)


def test_undo_to_before_the_first_click_and_another_one(logic, scene):
    click(logic)
    scene.undo()
    finish(logic)
    assert logic.state.clicks == ()
    assert logic.state.cells == ()
    click(logic, 7)
    assert [row.sliceIndex for row in logic.state.clicks] == [7]
    assert locked(logic) == []


def test_undo_of_another_segments_work_is_followed_when_it_is_selected_again(logic, scene):
    click(logic)
    click(logic, 9)
    scene.selected = "b"
    logic.refresh()
    scene.undo()
    scene.selected = "a"
    logic.refresh()
    finish(logic)
    assert [row.sliceIndex for row in logic.state.clicks] == [8]
    click(logic, 10)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 10]


def test_undo_while_a_round_runs_drops_the_round(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    scene.undo()
    networks.go_on()
    finish(logic)
    assert not scene.array().any()
    assert logic.state.clicks == ()
    assert logic.state.rounds == 0


def test_undo_drops_the_clicks_that_waited(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    logic.click((0, 10), (8, 8))
    scene.undo()
    networks.go_on()
    finish(logic)
    assert logic.state.clicks == ()
    assert scene.undo_states == 1


def test_a_state_that_the_session_no_longer_has_is_built_anew_from_the_tag(logic, scene, networks):
    click(logic)
    run_round(logic)
    kept = dict(scene.segments)
    scene.undo()
    click(logic, 9)  # cuts the round off
    scene.segments = kept  # and yet it is there again: another program restored it
    scene.observer()
    finish(logic)
    assert logic.state.rounds == 1
    assert [row.sliceIndex for row in logic.state.clicks] == [8]
    click(logic, 10)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 10]


# Edits by hand


def test_slices_edited_by_hand_become_locked_with_the_next_action(logic, scene):
    click(logic)
    run_round(logic)
    scene.paint("a", np.s_[5, 1:3, 1:3])
    click(logic, 10)
    assert locked(logic) == [5]
    assert scene.array()[5, 1, 1]
    run_round(logic)
    assert scene.array()[5, 1, 1]
    assert scene.undo_states == 4


def test_edited_slices_are_free_if_the_user_wants(scene, networks):
    logic = make_logic(scene, networks, lockEdited=False)
    click(logic)
    run_round(logic)
    scene.paint("a", np.s_[5, 1:3, 1:3])
    click(logic, 10)
    assert locked(logic) == []
    assert logic.state.cells[5].origin == "given"
    logic.cleanup()


def test_an_undone_edit_is_none(logic, scene):
    click(logic)
    run_round(logic)
    scene.paint("a", np.s_[5, 1:3, 1:3])
    scene.undo()
    click(logic, 10)
    assert locked(logic) == []


def test_undo_over_an_edit_and_back(logic, scene):
    click(logic)
    run_round(logic)
    scene.paint("a", np.s_[5, 1:3, 1:3])
    click(logic, 10)
    masks = [scene.array().copy()]
    for _ in range(3):
        scene.undo()
        finish(logic)
        masks.append(scene.array().copy())
    assert logic.state.rounds == 0
    for mask in masks[-2::-1]:
        scene.redo()
        finish(logic)
        np.testing.assert_array_equal(scene.array(), mask)
    assert locked(logic) == [5]
    assert len(logic.state.clicks) == 2


def test_an_edit_of_a_prompted_slice_stays(logic, scene):
    click(logic)
    scene.paint("a", np.s_[8, 6:9, 6:9], False)
    run_round(logic)
    assert locked(logic) == [8]
    assert not scene.array()[8, 7, 7]


def test_paint_in_a_round_drops_its_result_and_says_so(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    scene.paint("a", np.s_[2, 1:3, 1:3])
    networks.go_on()
    finish(logic)
    assert "edited meanwhile" in logic.state.statusText
    assert logic.state.rounds == 0
    run_round(logic)
    assert locked(logic) == [2]
    assert scene.array()[2, 1, 1]
    np.testing.assert_array_equal(scene.array()[3:], TRUTH[3:])


def test_a_click_during_which_the_segment_was_edited_is_done_again(logic, scene, networks):
    click(logic)
    logic.click((0, 10), (8, 8))
    scene.paint("a", np.s_[2, 1:3, 1:3])
    finish(logic)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 10]
    assert scene.array()[2, 1, 1]
    assert locked(logic) == [2]


# Cancelled rounds


def test_after_a_cancel_the_slices_done_may_be_kept(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    logic.cancel()
    networks.go_on()
    finish(logic)
    assert logic.state.isAskingPartial
    assert scene.undo_states == 1
    ((gained, _),) = scene.changes
    logic.keepPartial()
    assert scene.undo_states == 2
    assert scene.changes == []
    np.testing.assert_array_equal(scene.array()[gained.toArray()], True)
    assert 1 < scene.array().any(axis=(1, 2)).sum() < TRUTH.any(axis=(1, 2)).sum()
    assert logic.state.rounds == 1
    scene.undo()
    finish(logic)
    assert logic.state.rounds == 0
    assert logic.state.canPropagate


def test_after_a_cancel_the_user_may_go_back(logic, scene, networks):
    click(logic)
    before = scene.array().copy()
    stop_in_round(logic, networks)
    logic.cancel()
    networks.go_on()
    finish(logic)
    logic.goBack()
    assert not logic.state.isAskingPartial
    np.testing.assert_array_equal(scene.array(), before)
    assert logic.state.canPropagate
    assert logic.state.rounds == 0
    run_round(logic)
    np.testing.assert_array_equal(scene.array(), TRUTH)
    assert logic.state.rounds == 1


@pytest.mark.parametrize("keep", [True, False])
def test_the_answer_may_come_with_the_cancel(logic, scene, networks, keep):
    click(logic)
    stop_in_round(logic, networks)
    logic.cancel(keep)
    networks.go_on()
    finish(logic)
    assert not logic.state.isAskingPartial
    assert logic.state.rounds == int(keep)
    assert (scene.array().any(axis=(1, 2)).sum() > 1) == keep
    assert scene.undo_states == 1 + keep


def test_a_click_while_the_question_stands_keeps_the_slices(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    logic.cancel()
    networks.go_on()
    finish(logic)
    click(logic, 12)
    assert not logic.state.isAskingPartial
    assert logic.state.rounds == 1
    assert scene.undo_states == 3


def test_propagating_while_the_question_stands_begins_the_round_again(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    logic.cancel()
    networks.go_on()
    finish(logic)
    run_round(logic)
    assert logic.state.rounds == 1
    np.testing.assert_array_equal(scene.array(), TRUTH)


def test_undo_while_the_question_stands_takes_it_away(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    logic.cancel()
    networks.go_on()
    finish(logic)
    scene.undo()
    assert not logic.state.isAskingPartial
    assert scene.changes == []
    logic.keepPartial()
    assert not scene.array().any()


def test_the_question_stands_while_another_segment_is_selected(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    logic.cancel()
    networks.go_on()
    finish(logic)
    scene.selected = "b"
    logic.refresh()
    assert not logic.state.isAskingPartial
    assert scene.changes == []
    scene.selected = "a"
    logic.refresh()
    assert logic.state.isAskingPartial
    assert len(scene.changes) == 1
    logic.keepPartial()
    assert logic.state.rounds == 1


def test_an_edit_while_the_question_stands_drops_the_round(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    logic.cancel()
    networks.go_on()
    finish(logic)
    scene.paint("a", np.s_[2, 1:3, 1:3])
    logic.keepPartial()
    assert "dropped" in logic.state.statusText
    assert logic.state.rounds == 0


def test_a_round_cancelled_before_it_began_leaves_everything(logic, scene, networks):
    click(logic)
    logic.propagate()
    logic.cancel()
    finish(logic)
    assert logic.state.rounds == 0 or logic.state.isAskingPartial
    assert scene.undo_states == 1


def test_cancelling_without_a_round_does_nothing(logic, scene):
    click(logic)
    logic.cancel()
    logic.cancel(True)
    logic.cancel(False)
    assert scene.undo_states == 1
    assert not logic.state.isError


# What comes too late


def test_a_segment_deleted_in_a_round_is_not_made_again(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    scene.remove("a")
    networks.go_on()
    finish(logic)
    assert set(scene.segments) == {"b"}
    assert not scene.array("b").any()
    assert not logic.state.isReady
    assert not logic.state.isError


def test_a_segment_that_comes_back_by_undo_has_its_session_again(logic, scene):
    click(logic)
    run_round(logic)
    scene.remove("a")
    finish(logic)
    scene.selected = "a"
    scene.undo()
    finish(logic)
    assert logic.state.rounds == 1
    assert [row.sliceIndex for row in logic.state.clicks] == [8]
    click(logic, 10)
    run_round(logic)
    assert logic.state.rounds == 2


def test_a_scene_closed_in_a_round_is_survived(logic, scene, networks):
    click(logic)
    stop_in_round(logic, networks)
    scene.close()
    networks.go_on()
    finish(logic)
    assert not logic.state.isReady
    assert scene.segments is None
    logic.click((0, 8), (8, 8))
    logic.propagate()
    logic.deactivate()


def test_cleaning_up_in_a_round_ends_the_thread(scene, networks):
    logic = make_logic(scene, networks)
    click(logic)
    stop_in_round(logic, networks)
    networks.go_on()
    logic.cleanup()
    assert not [thread for thread in threading.enumerate() if thread.name == "LIMNet"]


def test_two_logics_may_share_a_worker(scene):
    from LIMNetSegmentLib.EffectLogic import EffectLogic
    from LIMNetSegmentLib.SessionDesk import SessionDesk

    networks = FakeNetworks()

    def make_desk():
        return SessionDesk(lambda preset, device: networks)

    other_scene = SceneDouble(IMAGE)
    first = EffectLogic(scene, InferenceWorker.shared(make_desk))
    second = EffectLogic(other_scene, InferenceWorker.shared(make_desk))
    first.activate()
    second.activate()
    first.click((0, 8), (8, 8))
    second.click((0, 8), (8, 8))
    finish(first)
    finish(second)
    first.cleanup()
    run_round(second)
    np.testing.assert_array_equal(other_scene.array(), TRUTH)
    assert not scene.array()[9].any()
    second.cleanup()
    assert not [thread for thread in threading.enumerate() if thread.name == "LIMNet"]


# Random days


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_events_raises_nothing_and_keeps_scene_and_session_together(
    scene, seed, caplog
):
    logic = make_logic(scene, FakeNetworks())
    random = np.random.default_rng(seed)

    def paint():
        z, y, x = random.integers(0, 14, 3)
        scene.paint(scene.selected, np.s_[z, y : y + 2, x : x + 2], bool(random.integers(2)))

    def select():
        scene.selected = str(random.choice(["a", "b"]))
        logic.refresh()

    def some_click():
        place = (int(random.integers(3)), int(random.integers(16)))
        xy = [int(v) for v in random.integers(-1, 17, 2)]
        logic.click(place, xy, [None, True, False][random.integers(3)])

    acts = [
        some_click,
        some_click,
        some_click,
        logic.propagate,
        lambda: logic.cancel([None, True, False][random.integers(3)]),
        logic.keepPartial,
        logic.goBack,
        lambda: logic.toggleLock(int(random.integers(16))),
        lambda: logic.removeClick(int(random.integers(4))),
        logic.goToNextSlice,
        lambda: logic.showLastChange(bool(random.integers(2))),
        paint,
        select,
        lambda: scene._past and scene.undo(),
        lambda: scene._future and scene.redo(),
        lambda: logic.poll(0.01),
        lambda: finish(logic),
        lambda: (logic.deactivate(), logic.activate()),
    ]
    for _ in range(120):
        acts[random.integers(len(acts))]()
        assert not logic.state.isError, logic.state.statusText
    finish(logic)
    assert "Traceback" not in caplog.text
    click(logic, 8)
    assert logic.state.clicks[-1].sliceIndex == 8 or logic.state.isAskingPartial
    logic.cleanup()
