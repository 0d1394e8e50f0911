"""A session without its stored masks: the journal travels apart from them, and comes back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.rounds import ObjectState
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.session.replay import replay
from SlicerLIMNet.session.session import Session
from Testing.session_days import day_with_second_thoughts, finish_round, steps_of_a_day

CENTRE = Click(slice_index=8, row=8, column=8)
STEPS = 17


def shown_volume(session: Session) -> np.ndarray:
    """The mask [z, y, x] that a user sees."""
    (z, y, x), box = session.shown_box()
    whole = np.zeros(session.volume.shape_zyx, bool)
    whole[z : z + box.shape[0], y : y + box.shape[1], x : x + box.shape[2]] = box
    return whole


def resumed(session: Session, networks, **options) -> Session:
    """The session as it comes back from its condensed journal, written as text and read."""
    entries = json.loads(json.dumps(session.condensed_journal))
    return Session.resume(entries, shown_volume(session), session.volume, networks, **options)


def known(state: ObjectState) -> tuple:
    """All that a state knows apart from masks."""
    planes = {state.plane: state.current} | {p: left.stored for p, left in state.others.items()}
    parts = {
        plane: (
            stored.clicks,
            stored.locked,
            {i: prompt.zoom for i, prompt in stored.prompts.items()},
            {
                i: (
                    str(result.provenance),
                    None if result.score is None else round(result.score, 4),
                )
                for i, result in stored.results.items()
            },
        )
        for plane, stored in planes.items()
    }
    return state.plane, state.rounds, state.window, state.pending, parts


@pytest.mark.parametrize("steps", range(1, STEPS))
def test_after_every_step_of_a_day_all_but_earlier_states_comes_back(
    session_on_ball, networks, steps
):
    session = session_on_ball()
    for step in steps_of_a_day(session)[:steps]:
        step()
    back = resumed(session, networks)
    here, there = known(session.state), known(back.state)
    assert here[:4] == there[:4]
    for plane, (clicks, locked, zooms, results) in here[4].items():
        assert there[4][plane][:3] == (clicks, locked, zooms)
        assert {**results, **there[4][plane][3]} == there[4][plane][3]
    assert not back.can_undo
    assert back.notices == []


def test_the_masks_of_an_array_plane_are_those_of_the_segment(session_on_ball, networks):
    session = session_on_ball()
    for step in steps_of_a_day(session)[:12]:
        step()
    back = resumed(session, networks)
    np.testing.assert_array_equal(shown_volume(back), shown_volume(session))
    np.testing.assert_array_equal(back.mask_volume(), shown_volume(session))


def test_a_resumed_session_goes_on_as_the_first_one_would(session_on_ball, networks):
    session = session_on_ball(config=RoundConfig(fusion=False))
    session.add_click(CENTRE)
    finish_round(session)
    back = resumed(session, networks)
    for either in (session, back):
        either.add_click(Click(11, 8, 8))
        finish_round(either)
    np.testing.assert_array_equal(back.mask_volume(), session.mask_volume())
    assert back.results[11].provenance == session.results[11].provenance
    assert back.config == session.config


def test_what_was_undone_does_not_travel(session_on_ball, networks):
    session = session_on_ball()
    day_with_second_thoughts(session)
    operations = [entry["op"] for entry in session.condensed_journal[1:]]
    assert not {"undo", "redo", "propagate_begin", "option"} & set(operations)
    assert operations[-1] == "present"
    assert known(resumed(session, networks).state)[:4] == known(session.state)[:4]


def test_the_journal_does_not_grow_with_rounds_on_the_same_slices(session_on_ball):
    session = session_on_ball()
    sizes = []
    for _ in range(12):
        session.add_click(CENTRE)
        finish_round(session)
        sizes.append(len(json.dumps(session.condensed_journal)))
    growth = np.diff(sizes)
    assert growth.max() < 450
    assert session.state.rounds == 12


def test_resuming_twice_keeps_everything(session_on_ball, networks):
    session = session_on_ball()
    for step in steps_of_a_day(session)[:7]:
        step()
    once = resumed(session, networks)
    once.add_click(Click(4, 8, 8))
    twice = resumed(once, networks)
    assert known(twice.state)[:4] == known(once.state)[:4]
    assert twice.clicks == (*session.clicks, Click(4, 8, 8))


def test_a_resumed_session_writes_a_journal_of_its_own(session_on_ball, networks, tmp_path):
    session = session_on_ball()
    for step in steps_of_a_day(session)[:4]:
        step()
    folder = tmp_path / "back.limnet"
    back = resumed(session, networks, folder=folder)
    back.add_click(Click(10, 8, 8))
    finish_round(back)
    opened = Session.open(folder, session.volume, networks)
    assert opened.state == back.state
    again = replay(folder, session.volume, networks)
    assert again.state == back.state


def test_undo_ends_where_the_session_was_resumed(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    back = resumed(session, networks)
    before = back.state
    back.add_click(Click(9, 8, 8))
    back.undo()
    assert back.state is before
    with pytest.raises(SessionError, match="nothing to undo"):
        back.undo()


def test_nothing_has_happened_and_nothing_travels(session_on_ball):
    assert session_on_ball().condensed_journal == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda entries: [], "holds no session"),
        (lambda entries: ["text"], "holds no session"),
        (lambda entries: entries[:-1], "not with present"),
        (lambda entries: [*entries[:-1], {"op": "present"}], "cannot be used"),
        (lambda entries: [entries[0], {"op": "dance"}, entries[-1]], "unknown"),
        (lambda entries: [entries[0], 7, entries[-1]], "cannot be used"),
        (lambda entries: [{"format": 1}, *entries[1:]], "cannot be used"),
        (lambda entries: [*entries[:-1], {"op": "present", "planes": []}], "cannot be used"),
    ],
)
def test_a_damaged_journal_is_one_clear_sentence(session_on_ball, networks, damage, message):
    session = session_on_ball()
    session.add_click(CENTRE)
    entries, mask = damage(session.condensed_journal), shown_volume(session)
    with pytest.raises(SessionError, match=message):
        Session.resume(entries, mask, session.volume, networks)


def test_a_mask_of_another_size_is_refused(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    entries, mask = session.condensed_journal, np.zeros((4, 4, 4), bool)
    with pytest.raises(SessionError, match="expected the volume's"):
        Session.resume(entries, mask, session.volume, networks)


def test_other_weights_are_told(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    entries = session.condensed_journal
    networks.pretend(device="cuda")
    back = Session.resume(entries, shown_volume(session), session.volume, networks)
    assert "device cpu, now it is cuda" in back.notices[0]


def test_a_window_may_be_two_numbers_and_the_place_in_the_history_is_known(session_on_ball):
    session = session_on_ball(window=(-5, 250))
    assert session.position == 0
    session.add_click(CENTRE)
    assert (session.window.low, session.window.high) == (-5.0, 250.0)
    session.lock(3)
    assert session.position == 2
    session.undo()
    assert session.position == 1
