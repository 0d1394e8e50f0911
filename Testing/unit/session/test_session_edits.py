"""Locked slices, masks edited by hand, and masks to start from."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane, covering_plane
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.session.session import Session

CENTRE = Click(slice_index=8, row=8, column=8)
LOWER = Click(slice_index=6, row=8, column=8)


def finish_round(session: Session) -> None:
    for _ in session.run_round():
        pass


@pytest.fixture
def square() -> np.ndarray:
    """A mask [z, y, x] that no network would make: a square on slices 3 and 4."""
    mask = np.zeros((16, 16, 16), bool)
    mask[3:5, 1:5, 1:5] = True
    return mask


def test_a_locked_slice_keeps_its_mask(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(fusion=False))
    session.add_click(CENTRE)
    finish_round(session)
    session.lock(10)
    before = session.results
    networks.drift = 2
    session.add_click(LOWER)
    finish_round(session)
    assert session.results[10] == before[10]
    assert session.results[12] != before[12]


def test_locked_slices_that_are_not_empty_are_references_in_permanent_mode(
    session_on_ball, networks
):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.lock(10)
    session.lock(0)
    session.add_click(LOWER)
    finish_round(session)
    assert networks.references_seen[-1] == (6, 8, 10)
    session.configure(RoundConfig(memory="paper"))
    session.add_click(LOWER)
    finish_round(session)
    assert networks.references_seen[-1] == (6,)


def test_a_click_unlocks_its_slice_in_the_same_undo_state(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.lock(8)
    before = session.state
    update = session.add_click(CENTRE)
    assert session.locked == frozenset()
    assert "unlocked" in update.message
    session.undo()
    assert session.state == before
    assert session.locked == {8}


def test_locking_twice_is_one_undo_step(session_on_ball):
    session = session_on_ball()
    session.lock(3)
    session.lock(3)
    session.undo()
    assert not session.can_undo
    session.unlock(3)
    assert not session.can_undo


def test_locking_a_clicked_slice_keeps_what_is_shown(session_on_ball):
    session = session_on_ball()
    update = session.add_click(CENTRE)
    session.add_click(LOWER)
    session.lock(8)
    assert np.array_equal(session.fused_mask(8), update.mask)
    assert not session.fused_mask(6).any()
    finish_round(session)
    assert np.array_equal(session.fused_mask(8), update.mask)


def test_edited_slices_become_locked_and_keep_their_masks(session_on_ball, square):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.set_mask(square, slices=[3, 4])
    assert session.locked == {3, 4}
    assert str(session.results[3].provenance) == "edited"
    session.add_click(LOWER)
    finish_round(session)
    assert np.array_equal(session.mask_volume()[3:5], square[3:5])


def test_without_a_list_the_slices_that_differ_are_the_edited_ones(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    mask = session.mask_volume()
    mask[10, 0, 0] = True
    session.set_mask(mask)
    assert session.locked == {10}
    session.set_mask(session.mask_volume())
    session.undo()
    assert session.locked == frozenset()


def test_one_slice_may_be_given_alone(session_on_ball, square):
    session = session_on_ball("sagittal")
    session.set_mask(square[3], slices=[5])
    assert np.array_equal(session.fused_mask(5), square[3])
    assert np.array_equal(session.mask_volume()[:, :, 5], square[3])


def test_an_edited_mask_is_the_previous_mask_of_a_click_as_zeros_and_ones(
    session_on_ball, networks, square
):
    session = session_on_ball()
    session.set_mask(square, slices=[3])
    session.add_click(Click(3, 2, 2))
    assert np.array_equal(networks.previous_seen[-1], square[3].astype(np.float32))


def test_an_edited_slice_is_the_reference_in_place_of_its_prompt(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.set_mask(np.zeros((16, 16), bool), slices=[8])
    assert 8 not in session.state.current.prompts
    session.add_click(LOWER)
    finish_round(session)
    assert networks.references_seen[-1] == (6,)
    assert not session.fused_mask(8).any()


def test_a_round_may_start_from_a_slice_clicked_and_then_edited(session_on_ball, ball_truth):
    session = session_on_ball()
    session.add_click(Click(8, 8, 8, positive=False))
    session.set_mask(ball_truth, slices=[8])
    finish_round(session)
    assert np.array_equal(session.mask_volume(), ball_truth)


def test_a_given_mask_is_where_the_session_starts_and_locks_nothing(session_on_ball, square):
    session = session_on_ball("coronal")
    session.set_mask(square, given=True)
    assert np.array_equal(session.mask_volume(), square)
    assert session.locked == frozenset()
    assert {str(result.provenance) for result in session.results} == {"given"}
    session.undo()
    assert not session.mask_volume().any()


def test_a_given_mask_takes_part_in_fusion_from_the_first_round_on(
    session_on_ball, networks, square
):
    session = session_on_ball()
    session.set_mask(square, given=True)
    networks.preference = 1.0
    session.add_click(CENTRE)
    finish_round(session)
    assert np.array_equal(np.delete(session.mask_volume(), 8, 0), np.delete(square, 8, 0))
    assert session.fused_mask(8)[8, 8]


def test_a_mask_may_be_given_in_an_oblique_plane(ball, networks, ball_truth):
    plane = covering_plane(ball.geometry, (0, 0.8, 0.6), (1, 0, 0))
    session = Session(ball, networks, plane)
    session.set_mask(ball_truth, given=True)
    wrong = session.mask_volume() ^ ball_truth
    assert wrong.sum() < 0.2 * ball_truth.sum()


def test_a_mask_of_another_shape_is_refused(session_on_ball, square):
    session = session_on_ball()
    for mask, slices in ((square[:5], None), (square[3], [3, 4]), (square[3], None)):
        with pytest.raises(SessionError, match="expected the volume's"):
            session.set_mask(mask, slices)
    with pytest.raises(SessionError, match="no slice 16"):
        session.set_mask(square, [16])
    assert not session.can_undo


def test_edits_belong_to_the_plane_that_is_clicked_in(session_on_ball, square):
    session = session_on_ball("sagittal")
    session.set_mask(square)
    assert session.locked == {1, 2, 3, 4}
    session.add_click(CENTRE, Plane(0))
    assert session.locked == frozenset()
