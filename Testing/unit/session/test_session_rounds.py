"""Rounds: what they start from, how far they go, and how their masks are fused."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.fusion.facts import FACTS
from SlicerLIMNet.imaging.made_volumes import tube_volume
from SlicerLIMNet.session.session import Session

CENTRE = Click(slice_index=8, row=8, column=8)
UPPER = Click(slice_index=11, row=8, column=8)
ERASER = Click(slice_index=6, row=8, column=8, positive=False)


def finish_round(session: Session) -> list[int]:
    return [result.slice_index for result in session.run_round()]


def provenances(session: Session) -> list[str]:
    return [str(result.provenance) for result in session.results]


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_round_segments_the_object(session_on_ball, ball_truth, plane):
    session = session_on_ball(plane)
    session.add_click(CENTRE)
    finish_round(session)
    assert np.array_equal(session.mask_volume(), ball_truth)


def test_results_come_slice_by_slice_from_the_clicked_one_outward(session_on_ball):
    session = session_on_ball(config=RoundConfig(range="whole"))
    session.add_click(CENTRE)
    assert finish_round(session) == [8, 9, 7, 10, 6, 11, 5, 12, 4, 13, 3, 14, 2, 15, 1, 0]


def test_a_round_without_clicks_is_refused(session_on_ball):
    session = session_on_ball()
    with pytest.raises(SessionError, match="click on a slice first"):
        session.run_round()
    session.add_click(CENTRE)
    finish_round(session)
    with pytest.raises(SessionError, match="click on a slice first"):
        session.run_round()


def test_a_round_changes_nothing_before_its_end(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    before = session.state
    results = session.run_round()
    next(results)
    next(results)
    assert session.state is before
    assert not session.mask_volume().any()


def test_while_a_round_runs_nothing_else_may_happen(session_on_ball, ball_truth):
    session = session_on_ball()
    session.add_click(CENTRE)
    results = session.run_round()
    next(results)
    for call in (
        lambda: session.add_click(UPPER),
        lambda: session.remove_click(CENTRE),
        session.undo,
        lambda: session.lock(3),
        lambda: session.set_mask(ball_truth),
        session.run_round,
    ):
        with pytest.raises(SessionError, match="a round is running"):
            call()
    results.close()
    session.add_click(UPPER)


def test_a_round_of_a_state_that_is_gone_is_refused(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    late = session.run_round()
    session.add_click(UPPER)
    with pytest.raises(SessionError, match="call it again"):
        next(late)


def test_permanent_memory_holds_every_prompted_slice(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.add_click(UPPER)
    finish_round(session)
    assert networks.references_seen == [(8,), (8, 11)]


def test_paper_memory_holds_only_the_slice_just_clicked(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(memory="paper", range="whole"))
    session.add_click(CENTRE)
    finish_round(session)
    session.add_click(UPPER)
    finish_round(session)
    assert networks.references_seen == [(8,), (11,)]


@pytest.mark.parametrize(("memory", "kept"), [("permanent", True), ("paper", False)])
def test_earlier_prompt_masks_stay_in_permanent_mode_only(session_on_ball, memory, kept):
    session = session_on_ball(config=RoundConfig(memory=memory, fusion=False))
    session.add_click(CENTRE)
    session.add_click(Click(8, 8, 12, positive=False))
    prompt_mask = session.shown_mask(8)
    finish_round(session)
    session.add_click(Click(8, 8, 12, positive=False))
    finish_round(session)
    session.add_click(UPPER)
    finish_round(session)
    assert np.array_equal(session.fused_mask(8), prompt_mask) == kept
    assert (provenances(session)[8] == "round 3") == (not kept)


def test_the_slice_just_clicked_takes_its_prompt_mask_whatever_the_judge_says(
    session_on_ball, networks
):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    networks.preference = 1.0
    update = session.add_click(ERASER)
    finish_round(session)
    assert np.array_equal(session.fused_mask(6), update.mask)
    assert provenances(session)[6] == "round 2"


def test_the_judge_decides_slice_by_slice_from_round_two_on(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    assert networks.slices_judged == 0
    networks.drift = 2  # the second propagation is worse
    before = session.mask_volume()
    session.add_click(ERASER)
    finish_round(session)
    after = session.mask_volume()
    assert networks.slices_judged > 0
    assert np.array_equal(np.delete(after, 6, axis=0), np.delete(before, 6, axis=0))
    assert provenances(session)[4] == "round 1"


def test_equal_masks_are_not_judged_and_count_as_current(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    networks.preference = 1.0
    session.add_click(CENTRE)
    finish_round(session)
    assert networks.slices_judged == 0
    assert provenances(session)[5] == "round 2"


def test_without_fusion_the_new_masks_stay(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(fusion=False))
    session.add_click(CENTRE)
    finish_round(session)
    networks.drift = 2
    session.add_click(Click(8, 8, 8))
    finish_round(session)
    assert networks.slices_judged == 0
    assert not session.fused_mask(11)[8, 4]
    assert set(provenances(session)) == {"round 2"}


def test_scores_tell_the_side_taken_and_the_next_slice_to_check(session_on_ball, networks):
    session = session_on_ball()
    assert session.next_slice_to_check() is None
    session.add_click(CENTRE)
    finish_round(session)
    networks.drift, networks.preference = 1, 0.9
    session.add_click(ERASER)
    finish_round(session)
    judged = [r for r in session.results if str(r.provenance) == "round 1" and r.slice_index != 8]
    assert judged
    certainty = 2 * round(0.8 * 255) / 255 - 1
    assert judged[0].score == pytest.approx(0.9 * certainty)
    worst = min((r.score, r.slice_index) for r in session.results if r.slice_index not in (6, 8))
    assert session.next_slice_to_check() == worst[1]


def test_a_prompted_or_locked_slice_is_never_the_next_to_check(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    first = session.next_slice_to_check()
    session.lock(first)
    assert session.next_slice_to_check() not in (first, 8)


def test_a_range_of_slices_leaves_the_others_as_they_were(session_on_ball):
    session = session_on_ball(config=RoundConfig(range=2))
    session.add_click(CENTRE)
    assert sorted(finish_round(session)) == [6, 7, 8, 9, 10]
    assert not session.fused_mask(11).any()
    assert provenances(session)[11] == "none"
    before = session.results[6]
    session.add_click(UPPER)
    finish_round(session)
    assert session.results[6] == before
    assert provenances(session)[13] == "round 2"


def test_a_slice_that_no_round_has_reached_takes_its_first_mask_unjudged(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(range=2))
    session.add_click(CENTRE)
    finish_round(session)
    networks.preference = 1.0
    session.add_click(UPPER)
    finish_round(session)
    assert session.fused_mask(12).any()


def test_slices_beyond_an_early_stop_are_fused_as_empty_ones(networks):
    image, truth = tube_volume((30, 16, 16), radius=3, drift_yx=(0, 0), first_last=(4, 10))
    volume = Volume(image, Geometry((30, 16, 16), (1, 1, 1)), "MR")
    session = Session(
        volume, networks, Plane(0), RoundConfig(empty_slices_to_stop=3, follow="clicked")
    )
    given = truth.copy()
    given[20, 2:5, 2:5] = True
    session.set_mask(given, given=True)
    session.add_click(Click(8, 8, 8))
    finish_round(session)
    assert networks.slices_encoded == len(range(9, 14)) + len(range(1, 8))
    assert provenances(session)[25] == "round 1"
    assert not session.fused_mask(20).any()
    session.undo()
    networks.preference = 1.0
    finish_round(session)
    assert session.fused_mask(20).any()
    assert provenances(session)[20] == "given"


def test_until_end_passes_a_gap_up_to_the_last_reference(networks):
    image, _ = tube_volume((40, 16, 16), radius=3, drift_yx=(0, 0), first_last=(2, 6))
    image[30:34, 6:10, 6:10] = 100
    volume = Volume(image, Geometry((40, 16, 16), (1, 1, 1)), "MR")
    session = Session(volume, networks, Plane(0))
    session.add_click(Click(31, 8, 8))
    finish_round(session)
    session.add_click(Click(4, 8, 8))
    finish_round(session)
    assert session.fused_mask(31).any()
    assert session.fused_mask(32).any()


def test_clicks_on_two_slices_in_one_round_are_both_kept(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(memory="paper"))
    session.add_click(CENTRE)
    finish_round(session)
    first = session.add_click(ERASER)
    second = session.add_click(UPPER)
    finish_round(session)
    assert networks.references_seen[-1] == (11,)
    assert np.array_equal(session.fused_mask(6), first.mask)
    assert np.array_equal(session.fused_mask(11), second.mask)


def test_in_paper_mode_a_click_that_says_not_here_changes_its_slice_only(networks):
    image, truth = tube_volume((20, 16, 16), radius=3, drift_yx=(0, 0), first_last=(2, 12))
    image[15:18, 6:10, 6:10] = 100
    volume = Volume(image, Geometry((20, 16, 16), (1, 1, 1)), "MR")
    session = Session(volume, networks, Plane(0), RoundConfig(memory="paper", range="whole"))
    session.add_click(Click(8, 8, 8))
    finish_round(session)
    given = truth.copy()
    given[16, 7:9, 7:9] = True
    session.set_mask(given, slices=[16], given=True)
    before = session.mask_volume()
    for row, column in ((7, 7), (8, 8)):
        session.add_click(Click(16, row, column, positive=False))
    assert not session.shown_mask(16).any()
    assert finish_round(session) == [16]
    before[16] = False
    assert np.array_equal(session.mask_volume(), before)


def test_an_object_that_vanishes_ends_in_an_empty_mask(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.add_click(Click(8, 8, 8, positive=False))
    for column in (4, 12):
        for row in (4, 8, 12):
            session.add_click(Click(8, row, column, positive=False))
    for row in (4, 12):
        session.add_click(Click(8, row, 8, positive=False))
    assert not session.shown_mask(8).any()
    finish_round(session)
    assert not session.fused_mask(8).any()
    session.add_click(Click(8, 8, 8))
    finish_round(session)
    assert session.fused_mask(8).any()


def test_a_volume_of_one_slice_is_its_prompt_mask(networks):
    voxels = np.zeros((1, 16, 16), np.int16)
    voxels[0, 4:9, 4:9] = 100
    session = Session(Volume(voxels, Geometry((1, 16, 16), (5, 1, 1)), "MR"), networks)
    update = session.add_click(Click(0, 6, 6))
    assert finish_round(session) == [0]
    assert np.array_equal(session.mask_volume()[0], update.mask)


def test_after_fusion_only_what_became_different_is_yielded_again(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    networks.drift, networks.preference = 2, 1.0
    session.add_click(CENTRE)
    shown = {}
    for result in session.run_round():
        shown[result.slice_index] = result.mask
    for index, mask in shown.items():
        assert np.array_equal(mask, session.fused_mask(index))


def test_two_sessions_on_one_volume_share_its_features(session_on_ball, networks):
    first, second = session_on_ball(), session_on_ball()
    first.add_click(CENTRE)
    finish_round(first)
    encoded = networks.slices_encoded
    second.add_click(CENTRE)
    finish_round(second)
    assert networks.slices_encoded == encoded
    assert second.state == first.state


def test_options_may_change_between_rounds(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    session.configure(replace(session.config, range=1))
    finish_round(session)
    assert provenances(session).count("round 1") == 3


def test_a_slice_that_is_not_there_is_refused(session_on_ball):
    session = session_on_ball()
    for call in (session.fused_mask, session.shown_mask, session.lock, session.unlock):
        with pytest.raises(SessionError, match="there is no slice 16"):
            call(16)
    with pytest.raises(SessionError, match="there is no slice -1"):
        session.fused_mask(-1)


def test_memory_stays_bounded_by_the_object_on_a_long_volume(networks):
    shape = (1200, 128, 128)
    voxels = np.zeros(shape, np.uint8)
    voxels[590:610, 60:70, 60:70] = 200
    volume = Volume(voxels, Geometry(shape, (1, 1, 1)), "MR")
    session = Session(volume, networks, Plane(0), RoundConfig(range="whole"))
    tracemalloc.start()
    try:
        for click in (Click(600, 65, 65), Click(605, 65, 65)):
            session.add_click(click)
            finish_round(session)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert session.results[600].mask.any()
    assert peak_bytes < voxels.nbytes / 2  # not even one byte a voxel


def test_slices_between_old_references_keep_their_masks(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(fusion=False))
    for index in (6, 10, 8):
        session.add_click(Click(index, 8, 8))
        finish_round(session)
    assert networks.settled_seen == [
        frozenset(),  # nothing is known
        frozenset(range(6)),  # below 6, which is no news
        frozenset([*range(6), *range(11, 16)]),
    ]
    rounds = [result.provenance.round_number for result in session.results]
    assert rounds == [1] * 7 + [3] * 3 + [2] * 6


def test_a_slice_clicked_once_more_renews_what_lies_beside_it(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(fusion=False))
    for index in (6, 10, 6):
        session.add_click(Click(index, 8, 8))
        finish_round(session)
    assert networks.settled_seen[-1] == frozenset(range(11, 16))


def test_slices_beside_a_locked_one_are_renewed(session_on_ball, networks, ball_truth):
    session = session_on_ball(config=RoundConfig(fusion=False))
    for index in (6, 10):
        session.add_click(Click(index, 8, 8))
        finish_round(session)
    session.set_mask(ball_truth, [12])
    session.add_click(Click(4, 8, 8))
    finish_round(session)
    assert networks.settled_seen[-1] == frozenset(range(7, 10))


@pytest.mark.parametrize(
    "options", [{"incremental": False}, {"follow": "clicked"}, {"memory": "paper"}, {"range": 4}]
)
def test_no_slice_is_settled_where_rounds_start_afresh(session_on_ball, networks, options):
    session = session_on_ball(config=RoundConfig(fusion=False, **options))
    for index in (6, 10, 8):
        session.add_click(Click(index, 8, 8))
        finish_round(session)
    assert networks.settled_seen == [frozenset()] * 3


def test_the_judge_is_told_of_the_round(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(incremental=False))
    networks.drift = 1
    session.add_click(CENTRE)
    finish_round(session)
    session.add_click(UPPER)
    finish_round(session)
    assert len(networks.facts_seen) == networks.slices_judged > 0
    assert {len(facts) for facts in networks.facts_seen} == {FACTS}
