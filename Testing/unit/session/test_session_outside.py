"""A mask that another program shows and edits: what it should show, and what comes back."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane, covering_plane
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.session.replay import replay
from SlicerLIMNet.session.session import Session
from Testing.session_days import finish_round, steps_of_a_day

CENTRE = Click(slice_index=8, row=8, column=8)


def shown_volume(session: Session) -> np.ndarray:
    (z, y, x), box = session.shown_box()
    whole = np.zeros(session.volume.shape_zyx, bool)
    whole[z : z + box.shape[0], y : y + box.shape[1], x : x + box.shape[2]] = box
    return whole


@pytest.fixture
def session(session_on_ball):
    """After a round, without fusion."""
    session = session_on_ball(config=RoundConfig(fusion=False))
    session.add_click(CENTRE)
    finish_round(session)
    return session


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 6, 7, 9, 10, 11, 12])
def test_the_shown_box_is_the_fused_mask_with_waiting_prompts(session_on_ball, steps):
    session = session_on_ball()
    for step in steps_of_a_day(session)[:steps]:
        step()
    expected = session.mask_volume()
    along = np.moveaxis(expected, session.plane.axis, 0)
    for index in session.state.pending:
        along[index] = session.shown_mask(index)
    if not session.state.others:  # else prompted slices of the other plane are not overwritten
        np.testing.assert_array_equal(shown_volume(session), expected)
    (_, _, _), box = session.shown_box()
    for axis in range(3):
        if box.size:
            assert np.moveaxis(box, axis, 0)[[0, -1]].any(axis=(1, 2)).all()


def test_prompted_slices_of_another_plane_are_not_drawn_over(session):
    before = shown_volume(session)
    session.add_click(Click(8, 8, 5, positive=False), Plane(2))
    after = shown_volume(session)
    assert (after != before).any()
    np.testing.assert_array_equal(after[8], before[8])


def test_the_box_of_nothing_is_empty(session_on_ball):
    corner, box = session_on_ball().shown_box()
    assert corner == (0, 0, 0)
    assert box.shape == (0, 0, 0)


def test_what_was_edited_by_hand_becomes_locked(session):
    before = shown_volume(session)
    mask = before.copy()
    mask[5, 1:3, 1:3] = True
    mask[6] = False
    session.take_outside(mask, before)
    assert session.locked == {5, 6}
    assert str(session.results[5].provenance) == "edited"
    assert str(session.results[8].provenance) == "round 1"
    np.testing.assert_array_equal(shown_volume(session), mask)


def test_edits_need_not_lock(session):
    before = shown_volume(session)
    mask = before.copy()
    mask[5, 1:3, 1:3] = True
    session.take_outside(mask, before, lock=False)
    assert session.locked == frozenset()
    assert str(session.results[5].provenance) == "given"


def test_what_could_not_be_drawn_keeps_its_provenance_and_score(session):
    wanted = shown_volume(session)
    shown = wanted.copy()
    shown[:, :, 8:] = False
    session.take_outside(shown, before=shown)
    assert session.locked == frozenset()
    assert str(session.results[9].provenance) == "round 1"
    np.testing.assert_array_equal(shown_volume(session), shown)
    kept = session.results[9].probability.dense_bytes()[:, :8]
    assert 128 < kept.max() < 255  # certainty stays where nothing was cut


def test_a_waiting_prompt_mask_is_adopted_as_drawn(session):
    session.add_click(Click(11, 8, 8, positive=False))
    shown = shown_volume(session)
    shown[11, :4] = True
    session.take_outside(shown, before=shown)
    assert session.state.pending == (11,)
    np.testing.assert_array_equal(session.shown_mask(11), shown[11])
    finish_round(session)
    np.testing.assert_array_equal(session.fused_mask(11), shown[11])


def test_waiting_prompt_masks_are_no_edits(session):
    session.add_click(Click(11, 8, 8, positive=False))
    state = session.state
    shown = shown_volume(session)
    session.take_outside(shown, before=shown)
    assert session.state is state


def test_edits_in_an_oblique_plane_touch_only_their_slices(session_on_ball):
    session = session_on_ball()
    slanted = covering_plane(session.volume.geometry, (0, 0.8, 0.6), (1, 0, 0))
    session.add_click(Click(12, 9.125, 8), slanted)
    finish_round(session)
    before = shown_volume(session)
    state = session.state
    session.take_outside(before.copy(), before)
    assert session.state is state
    mask = before.copy()
    mask[2, 2, 2] = True
    session.take_outside(mask, before)
    assert 1 <= len(session.locked) <= 3


def test_undo_walks_over_what_came_from_outside_and_the_journal_tells_it(
    session_on_ball, networks, tmp_path
):
    session = session_on_ball(folder=tmp_path / "a.limnet")
    session.add_click(CENTRE)
    finish_round(session)
    wanted = shown_volume(session)
    shown = wanted.copy()
    shown[9, :8] = False
    edited = shown.copy()
    edited[4, 2:4, 2:4] = True
    session.take_outside(edited, before=shown)
    opened = Session.open(tmp_path / "a.limnet", session.volume, networks)
    assert opened.state == session.state
    assert replay(tmp_path / "a.limnet", session.volume, networks).state == session.state
    session.undo()
    session.undo()
    np.testing.assert_array_equal(shown_volume(session), wanted)


def test_a_mask_of_another_shape_is_refused(session):
    with pytest.raises(SessionError, match="has shape"):
        session.take_outside(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 2), bool))
