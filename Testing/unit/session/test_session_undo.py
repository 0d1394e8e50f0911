"""Undo, redo and cancel: exact, and without end."""

from __future__ import annotations

import pytest

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import Cancelled, SessionError
from Testing.session_days import CENTRE, UPPER, busy_day, cut_round, finish_round


def test_undo_and_redo_walk_over_every_state_bit_for_bit(session_on_ball):
    session = session_on_ball()
    states = busy_day(session)
    for state in reversed(states[:-1]):
        session.undo()
        assert session.state == state
    assert not session.can_undo
    for state in states[1:]:
        session.redo()
        assert session.state == state
    assert not session.can_redo


def test_after_undo_the_same_steps_lead_to_the_same_states(session_on_ball):
    session = session_on_ball()
    states = busy_day(session)
    while session.can_undo:
        session.undo()
    assert busy_day(session) == states


def test_something_new_after_undo_ends_redo(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    session.undo()
    session.add_click(UPPER)
    assert not session.can_redo
    assert session.clicks == (UPPER,)


def test_nothing_to_undo_or_redo_is_said(session_on_ball):
    session = session_on_ball()
    with pytest.raises(SessionError, match="nothing to undo"):
        session.undo()
    with pytest.raises(SessionError, match="nothing to redo"):
        session.redo()


@pytest.mark.parametrize("slices_seen", [1, 2, 5, 16])
def test_a_cancelled_round_leaves_the_state_before_it(session_on_ball, slices_seen):
    session = session_on_ball(config=RoundConfig(incremental=False))
    session.add_click(CENTRE)
    finish_round(session)
    session.add_click(UPPER)
    before, cancel = session.state, CancelToken()
    results = session.run_round(cancel)
    for _ in range(slices_seen):
        next(results)
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(results)
    assert session.state == before
    finish_round(session)
    assert session.state.rounds == 2


def test_a_round_that_is_given_up_leaves_the_state_before_it(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    before = session.state
    results = session.run_round()
    next(results)
    results.close()
    assert session.state == before
    finish_round(session)


def test_a_round_cancelled_before_it_began_does_nothing(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    before, cancel = session.state, CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(session.run_round(cancel))
    assert session.state == before


def test_on_wish_the_slices_done_so_far_are_kept_and_fused(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    before = session.results
    networks.drift, networks.preference = 2, 0.2
    session.add_click(UPPER)
    cut_round(session, 4)
    provenances = [str(result.provenance) for result in session.results]
    changed = [i for i, text in enumerate(provenances) if text == "round 2"]
    assert changed == [9, 10, 11, 12, 13]  # 9 was under way together with 13
    assert session.results[2] == before[2]
    assert networks.slices_judged > 0
    assert session.state.rounds == 2
    session.undo()
    assert session.results == before


def test_cancelling_after_the_last_slice_leaves_the_state_before_too(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    cancel = CancelToken()
    results = session.run_round(cancel)
    for _ in range(16):
        next(results)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(results)
    assert session.state.rounds == 0
