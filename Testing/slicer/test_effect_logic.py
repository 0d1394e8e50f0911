"""The effect's logic on a scene without MRML: clicks, rounds, locks, segments, options."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from LIMNetSegmentLib.EffectLogic import EffectLogic
from SlicerLIMNet.imaging.made_volumes import ball_volume
from Testing.doubles import FakeNetworks
from Testing.slicer.effect_days import CORONAL, click, finish, make_logic, run_round
from Testing.slicer.scene_double import SceneDouble

IMAGE, TRUTH = ball_volume((16, 16, 16), radius_mm=5.0, centre_zyx=(8, 8, 8))


@pytest.fixture
def scene():
    return SceneDouble(IMAGE)


@pytest.fixture
def networks():
    return FakeNetworks()


@pytest.fixture
def logic(scene, networks):
    made = make_logic(scene, networks)
    yield made
    made.cleanup()


def locked(logic: EffectLogic) -> list[int]:
    return [cell.sliceIndex for cell in logic.state.cells if cell.isLocked]


def origins(logic: EffectLogic) -> dict[int, str]:
    return {cell.sliceIndex: cell.origin for cell in logic.state.cells}


# Clicks


def test_a_click_writes_its_prompt_mask_as_one_undo_state(logic, scene):
    click(logic)
    np.testing.assert_array_equal(scene.array()[8], TRUTH[8])
    assert not scene.array()[[7, 9]].any()
    assert scene.undo_states == 1
    assert logic.state.planeName == "axial"
    assert logic.state.canPropagate
    assert [row.positive for row in logic.state.clicks] == [True]


def test_a_click_in_another_view_segments_its_plane(logic, scene):
    click(logic, axis=CORONAL)
    np.testing.assert_array_equal(scene.array()[:, 8], TRUTH[:, 8])
    assert logic.state.planeName == "coronal"


def test_markers_stand_where_the_clicks_are(logic, scene):
    click(logic, at=(6, 9))
    click(logic, at=(12, 2), positive=False)
    points = [(marker.pointRas, marker.positive) for marker in scene.markers]
    assert points == [((-6.0, -9.0, 8.0), True), ((-12.0, -2.0, 8.0), False)]


def test_the_active_polarity_counts_unless_the_click_has_one(logic):
    logic.setOptions(logic.options.with_(positive=False))
    click(logic)
    click(logic, positive=True)
    assert [row.positive for row in logic.state.clicks] == [False, True]


def test_a_click_outside_is_a_sentence_and_nothing_else(logic, scene):
    click(logic, at=(40, 2))
    assert logic.state.statusText == "Click inside the volume."
    assert scene.undo_states == 0
    assert not logic.state.isError


def test_clicks_while_the_worker_is_busy_wait_for_their_turn(logic, scene):
    for column in (7, 8, 9):
        logic.click((0, 8), (column, 8))
    logic.click((0, 9), (8, 8))
    assert logic.state.waitingClicks == 4
    finish(logic)
    assert logic.state.waitingClicks == 0
    assert [(row.sliceIndex, row.column) for row in logic.state.clicks] == [
        (8, 7.0),
        (8, 8.0),
        (8, 9.0),
        (9, 8.0),
    ]
    assert scene.undo_states == 4


def test_clicks_during_a_round_wait_for_its_end(logic, scene):
    click(logic)
    logic.propagate()
    logic.click((0, 11), (8, 8), False)
    assert logic.state.isRoundRunning
    finish(logic)
    assert logic.state.rounds == 1
    assert logic.state.clicks[-1].isWaiting
    assert scene.undo_states == 3


def test_a_removed_click_takes_its_mask_with_it(logic, scene):
    click(logic)
    logic.removeClick(0)
    finish(logic)
    assert logic.state.clicks == ()
    assert not scene.array().any()
    assert scene.undo_states == 2


def test_removing_a_click_that_is_not_there_changes_nothing(logic, scene):
    logic.removeClick(3)
    finish(logic)
    assert scene.undo_states == 0
    assert "gone" in logic.state.statusText


# Rounds


def test_a_round_writes_the_object_as_one_undo_state(logic, scene):
    click(logic)
    run_round(logic)
    np.testing.assert_array_equal(scene.array(), TRUTH)
    assert scene.undo_states == 2
    assert logic.state.rounds == 1
    assert not logic.state.canPropagate
    assert logic.state.changedSlices
    assert logic.state.statusText.startswith("Round 1 changed")
    assert origins(logic)[8] == "round"


def test_slices_are_shown_as_they_come_and_counted(logic, scene):
    click(logic)
    logic.propagate()
    seen = {}
    while logic.poll(1.0):
        seen.update(dict(scene.previews))
        state = logic.state
        if state.isRoundRunning:
            assert 0 <= state.done <= state.total
    assert scene.previews == []
    for index in range(4, 13):
        if index in seen:
            np.testing.assert_array_equal(seen[index], TRUTH[index])


def test_a_round_can_follow_every_click(scene, networks):
    logic = make_logic(scene, networks, automatic=True)
    click(logic)
    assert logic.state.rounds == 1
    logic.click((0, 10), (8, 8))
    logic.click((0, 6), (8, 8))
    finish(logic)
    assert logic.state.rounds == 2  # one for both clicks, since the second waited
    logic.cleanup()


def test_without_a_click_there_is_no_round(logic, scene):
    logic.propagate()
    finish(logic)
    assert "click on the object first" in logic.state.statusText
    assert scene.undo_states == 0


def test_a_second_round_needs_another_click(logic):
    click(logic)
    run_round(logic)
    logic.propagate()
    assert "No click waits" in logic.state.statusText


def test_the_range_reaches_only_some_slices(scene, networks):
    logic = make_logic(scene, networks, range="count", sliceCount=2)
    click(logic)
    run_round(logic)
    assert sorted(set(np.nonzero(scene.array())[0])) == [6, 7, 8, 9, 10]
    logic.cleanup()


def test_without_fusion_nothing_is_judged(scene, networks):
    logic = make_logic(scene, networks, fusion=False)
    for index in (8, 10):
        click(logic, index)
        networks.drift = 1
        run_round(logic)
    assert networks.slices_judged == 0
    logic.cleanup()


def test_what_the_last_round_changed_can_be_shown_and_hidden(logic, scene):
    logic.showLastChange(True)
    assert not logic.state.isShowingChange
    click(logic)
    before = scene.array().copy()
    run_round(logic)
    logic.showLastChange(True)
    assert logic.state.isShowingChange
    ((gained, lost),) = scene.changes
    np.testing.assert_array_equal(gained.toArray(), TRUTH & ~before)
    assert lost.isEmpty
    logic.showLastChange(False)
    assert scene.changes == []


# Slices


def test_a_locked_slice_stays_as_it_is(logic, scene, networks):
    click(logic)
    run_round(logic)
    logic.toggleLock(10)
    finish(logic)
    assert locked(logic) == [10]
    before = scene.array()[10].copy()
    networks.drift, networks.preference = 2, 0.0
    click(logic, 6)
    run_round(logic)
    np.testing.assert_array_equal(scene.array()[10], before)
    logic.toggleLock(10)
    finish(logic)
    assert locked(logic) == []


def test_locking_what_is_locked_leaves_no_undo_state(logic, scene):
    click(logic)
    logic.lockSlices([3, 4], True)
    finish(logic)
    states = scene.undo_states
    logic.lockSlices([3, 4], True)
    finish(logic)
    assert scene.undo_states == states
    assert locked(logic) == [3, 4]


def test_locks_before_the_first_click_and_outside_do_nothing(logic, scene):
    logic.toggleLock(3)
    click(logic)
    logic.lockSlices([-1, 99], True)
    finish(logic)
    assert locked(logic) == []


def test_the_next_slice_to_check_is_shown(logic, scene):
    logic.goToNextSlice()
    assert "No slice" in logic.state.statusText
    click(logic)
    run_round(logic)
    logic.goToNextSlice()
    assert scene.jumps == [logic.state.nextSlice]
    assert logic.state.currentSlice == logic.state.nextSlice


def test_a_view_that_moves_tells_the_panel_only_if_the_slice_is_another(logic, scene):
    click(logic)
    told = []
    logic.stateChanged.connect(lambda: told.append(logic.state.currentSlice))
    logic.viewChanged()
    assert told == []
    scene.jumps.append(5)
    logic.viewChanged()
    logic.viewChanged()
    assert told == [5]


# Segments and volumes


def test_every_segment_has_a_session_of_its_own(logic, scene):
    click(logic)
    run_round(logic)
    first = logic.state
    scene.selected = "b"
    logic.refresh()
    assert logic.state.clicks == ()
    click(logic, 10, at=(8, 8))
    assert [row.sliceIndex for row in logic.state.clicks] == [10]
    scene.selected = "a"
    logic.refresh()
    assert logic.state.clicks == first.clicks
    assert logic.state.cells == first.cells
    assert logic.state.rounds == 1


def test_a_mask_goes_to_the_segment_of_the_click_even_if_another_is_selected_meanwhile(
    logic, scene
):
    logic.click((0, 8), (8, 8))
    scene.selected = "b"
    logic.refresh()
    finish(logic)
    assert scene.array("a").any()
    assert not scene.array("b").any()
    assert logic.state.clicks == ()


def test_the_volume_is_copied_once_for_many_clicks(logic, scene):
    for index in (7, 8, 9):
        click(logic, index)
    assert scene.volumes_made == 1


def test_two_volumes_have_sessions_of_their_own_and_nothing_is_lost_on_return(logic, scene):
    click(logic)
    run_round(logic)
    first = logic.state
    scene.frame, scene.voxels = 1, IMAGE[:, :, ::-1].copy()
    logic.refresh()
    finish(logic)
    assert logic.state.clicks == ()
    assert "new session" in logic.state.statusText
    click(logic, 9, at=(7, 8))
    assert [row.sliceIndex for row in logic.state.clicks] == [9]
    scene.frame, scene.voxels = 0, IMAGE
    logic.refresh()
    assert logic.state.clicks == first.clicks
    click(logic, 10)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 10]


def test_an_image_that_is_told_to_be_new_but_is_the_same_keeps_its_session(logic, scene):
    click(logic)
    run_round(logic)
    scene.frame = 1
    logic.refresh()
    finish(logic)
    assert [row.sliceIndex for row in logic.state.clicks] == [8]
    click(logic, 10)
    assert [row.sliceIndex for row in logic.state.clicks] == [8, 10]


def test_a_result_for_an_image_that_has_changed_is_dropped(logic, scene):
    click(logic)
    before = scene.array().copy()
    logic.propagate()
    scene.frame, scene.voxels = 1, IMAGE[:, :, ::-1].copy()
    finish(logic)
    np.testing.assert_array_equal(scene.array(), before)
    assert "image was changed" in logic.state.statusText


def test_an_existing_mask_is_where_a_session_starts_from(logic, scene):
    scene.paint("a", np.s_[3:5, 2:5, 2:5])
    click(logic)
    assert origins(logic)[3] == "given"
    assert locked(logic) == []
    assert scene.array()[3, 3, 3]


# What is not there


@pytest.mark.parametrize("problem", ["Load a volume first.", "Show the segmentation first."])
def test_whatever_is_missing_is_said_and_nothing_happens(logic, scene, problem):
    scene.problem = problem
    logic.refresh()
    for act in (
        lambda: logic.click((0, 8), (8, 8)),
        logic.propagate,
        logic.cancel,
        logic.keepPartial,
        logic.goBack,
        lambda: logic.toggleLock(3),
        lambda: logic.removeClick(0),
        logic.goToNextSlice,
        lambda: logic.goToSlice(3),
        lambda: logic.showLastChange(True),
        logic.resumeAfterCrash,
        logic.dismissResume,
    ):
        act()
        finish(logic)
    assert not logic.state.isReady
    logic.click((0, 8), (8, 8))
    assert logic.state.statusText == problem
    assert scene.undo_states == 0


def test_no_segment_is_made_unasked(logic, scene):
    scene.selected = None
    logic.click((0, 8), (8, 8))
    finish(logic)
    assert set(scene.segments) == {"a", "b"}
    assert logic.state.statusText == "Add a segment first."


def test_a_fault_of_the_scene_is_a_sentence(logic, scene, caplog):
    scene.fault = RuntimeError("no labelmap")
    with caplog.at_level(logging.CRITICAL):
        logic.click((0, 8), (8, 8))
    assert logic.state.isError
    assert "no labelmap" in logic.state.statusText
    click(logic)
    assert scene.array().any()


def test_an_error_of_the_engine_is_a_sentence_and_the_mask_is_untouched(logic, scene, networks):
    click(logic)
    before = scene.array().copy()
    networks.most_fallbacks = 0
    networks.memory_errors = ["spread"]
    run_round(logic)
    np.testing.assert_array_equal(scene.array(), before)
    assert logic.state.isError
    assert "No memory left" in logic.state.statusText
    assert scene.undo_states == 1
    run_round(logic)
    np.testing.assert_array_equal(scene.array(), TRUTH)
    assert not logic.state.isError


def test_a_constant_image_is_told(scene, networks):
    scene.voxels = np.zeros_like(IMAGE)
    logic = make_logic(scene, networks)
    click(logic)
    assert "constant" in logic.state.statusText
    assert logic.state.isError
    logic.cleanup()


def test_what_masking_forbids_is_said_and_remembered(logic, scene):
    scene.editable = np.zeros(IMAGE.shape, bool)
    scene.editable[:, :, :9] = True
    click(logic)
    assert "masking" in logic.state.statusText
    run_round(logic)
    np.testing.assert_array_equal(scene.array(), TRUTH & scene.editable)
    click(logic, 10)
    assert locked(logic) == []
    assert origins(logic)[6] == "round"


# Options and the engine


def test_the_window_of_the_view_or_the_given_one_is_used(scene, networks):
    scene.window = (0.0, 200.0)
    logic = make_logic(scene, networks, window="view")
    click(logic)
    assert '"window":[0.0,200.0]' in scene.segments["a"][1]
    logic.cleanup()
    scene = SceneDouble(IMAGE)
    logic = make_logic(scene, networks, window="given", windowLow="-5", windowHigh="250")
    click(logic)
    assert '"window":[-5.0,250.0]' in scene.segments["a"][1]
    logic.setOptions(logic.options.with_(windowHigh="300"))
    assert "stays as at its first click" in logic.state.statusText
    logic.cleanup()


def test_the_device_is_told_when_the_engine_has_started(logic):
    assert logic.state.deviceText == ""
    logic.startEngine()
    finish(logic)
    assert logic.state.deviceText == "CPU, slower"


def test_the_image_is_made_ready_with_the_engine_and_read_once(scene, networks):
    logic = make_logic(scene, networks)
    logic.startEngine()
    finish(logic)
    assert networks.warmed_up_for == [IMAGE.shape[1:]]
    assert scene.volumes_made == 1
    assert networks.prompts_asked == 0
    click(logic)
    logic.refresh()
    finish(logic)
    assert (scene.volumes_made, len(networks.warmed_up_for)) == (1, 1)
    logic.cleanup()


def test_another_image_is_made_ready_when_it_is_selected(scene, networks):
    logic = make_logic(scene, networks)
    logic.startEngine()
    finish(logic)
    scene.frame = 1
    logic.refresh()
    finish(logic)
    assert scene.volumes_made == 2
    logic.cleanup()


def test_an_image_that_cannot_be_segmented_is_for_the_click_to_refuse(networks):
    scene = SceneDouble(np.zeros_like(IMAGE))
    logic = make_logic(scene, networks)
    logic.startEngine()
    finish(logic)
    assert not logic.state.isError
    assert logic.state.deviceText == "CPU, slower"
    click(logic)
    assert "constant" in logic.state.statusText
    logic.cleanup()


def test_another_device_is_taken_up_and_sessions_go_on(scene):
    made = []

    def make_engine(preset, device):
        made.append((preset, device))
        networks = FakeNetworks()
        networks.pretend(preset=preset)
        return networks

    from LIMNetSegmentLib.InferenceWorker import InferenceWorker
    from LIMNetSegmentLib.SessionDesk import SessionDesk

    logic = EffectLogic(scene, InferenceWorker(lambda: SessionDesk(make_engine)))
    logic.activate()
    click(logic)
    logic.setOptions(logic.options.with_(device="cpu"))
    finish(logic)
    click(logic, 9)
    logic.setOptions(logic.options.with_(preset="paper"))
    run_round(logic)
    assert made == [("light", "auto"), ("light", "cpu"), ("paper", "cpu")]
    assert logic.state.rounds == 1
    logic.cleanup()


# Life


def test_the_timer_runs_just_while_there_is_work(logic):
    told = []
    logic.workStarted.connect(lambda: told.append("start"))
    logic.workEnded.connect(lambda: told.append("end"))
    click(logic)
    assert told == ["start", "end"]


def test_nothing_is_left_after_cleanup(scene, networks):
    import threading

    logic = make_logic(scene, networks)
    logic.click((0, 8), (8, 8))
    logic.cleanup()
    logic.cleanup()
    assert scene.observer is None
    assert scene.markers == []
    assert not [thread for thread in threading.enumerate() if thread.name == "LIMNet"]
    logic.click((0, 8), (8, 8))
    logic.poll()
    logic.activate()
    assert not logic.state.isBusy


def test_deactivating_twice_and_coming_back_loses_nothing(logic, scene):
    click(logic)
    logic.deactivate()
    logic.deactivate()
    assert scene.markers == []
    assert logic.state.clicks == ()
    logic.click((0, 8), (8, 8))
    assert scene.undo_states == 1
    logic.activate()
    assert len(logic.state.clicks) == 1
    assert len(scene.markers) == 1


def test_deactivating_in_a_round_stops_it_and_leaves_the_mask(logic, scene):
    click(logic)
    before = scene.array().copy()
    logic.propagate()
    logic.deactivate()
    finish(logic)
    np.testing.assert_array_equal(scene.array(), before)
    logic.activate()
    run_round(logic)
    np.testing.assert_array_equal(scene.array(), TRUTH)
