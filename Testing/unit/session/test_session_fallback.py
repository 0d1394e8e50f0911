"""A device without memory: smaller steps, then the CPU, and it is said."""

from __future__ import annotations

import json

import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.errors import DeviceError
from SlicerLIMNet.session.replay import replay
from SlicerLIMNet.session.session import Session
from Testing.doubles import FakeNetworks
from Testing.session_days import CENTRE, UPPER, finish_round


@pytest.mark.parametrize("step", ["prompt", "spread", "prefer"])
def test_work_goes_on_after_a_fallback_with_the_same_result(session_on_ball, networks, step):
    def two_rounds(session):
        session.add_click(CENTRE)
        finish_round(session)
        networks.drift = 1
        session.add_click(UPPER)
        finish_round(session)
        networks.drift = 0
        return session

    expected = two_rounds(session_on_ball()).state
    networks.memory_errors = [step]
    session = two_rounds(session_on_ball())
    assert session.state == expected
    assert networks.info.fallback == "small"
    assert len(session.notices) == 1
    assert "no memory left" in session.notices[0]


def test_a_fallback_is_noted_in_the_journal_and_repeated_in_replay(
    session_on_ball, networks, tmp_path, ball
):
    session = session_on_ball(folder=tmp_path / "a.limnet")
    session.add_click(CENTRE)
    networks.memory_errors = ["spread", "spread"]
    finish_round(session)
    lines = [json.loads(line) for line in session.journal_text.splitlines()[1:]]
    ops = [(line.get("op"), line.get("name")) for line in lines]
    assert ops == [
        ("click", None),
        ("propagate_begin", None),
        ("option", "engine"),
        ("propagate_begin", None),
        ("option", "engine"),
        ("propagate_begin", None),
        ("propagate_end", None),
    ]
    engine = FakeNetworks()
    assert replay(tmp_path / "a.limnet", ball, engine).state == session.state
    assert engine.info.fallback == "cpu"


def test_a_round_that_begins_again_yields_its_slices_again(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    networks.memory_errors = ["spread"]
    indices = [result.slice_index for result in session.run_round()]
    assert indices[:2] == [8, 8]


def test_when_nothing_is_left_to_give_up_the_session_stays_as_it_was(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    before = session.state
    networks.most_fallbacks = 0
    for step, work in (
        ("spread", lambda: finish_round(session)),
        ("prompt", lambda: session.add_click(Click(5, 8, 8))),
    ):
        networks.memory_errors = [step]
        with pytest.raises(DeviceError, match="free memory"):
            work()
        assert session.state == before
    finish_round(session)


def test_a_session_goes_on_with_another_engine_and_the_journal_tells(session_on_ball, tmp_path):
    session = session_on_ball(folder=tmp_path / "a.limnet")
    session.add_click(CENTRE)
    other = FakeNetworks()
    other.pretend(preset="paper", device="cuda")
    session.use_engine(other)
    finish_round(session)
    lines = [json.loads(line) for line in session.journal_text.splitlines()]
    (noted,) = [line["value"] for line in lines if line.get("name") == "engine"]
    assert noted["device"] == "cuda"
    assert other.slices_encoded > 0
    opened = Session.open(tmp_path / "a.limnet", session.volume, other)
    assert opened.notices == []
    assert opened.state == session.state
