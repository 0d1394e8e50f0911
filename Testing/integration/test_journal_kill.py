"""The process is killed in the middle of a round: nothing before that round is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from SlicerLIMNet.session.replay import replay
from SlicerLIMNet.session.session import Session
from Testing.integration.session_to_kill import begin, click_before, noisy_ball
from Testing.tiny_engine import tiny_engine

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 6


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """The folder of a session whose process was killed in its sixth round."""
    folder = tmp_path_factory.mktemp("killed") / "ball.limnet"
    script = ROOT / "Testing" / "integration" / "session_to_kill.py"
    bootstrap = f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); sys.argv = sys.argv[1:]; "
    command = [
        sys.executable, "-c", bootstrap + "runpy.run_path(sys.argv[0], run_name='__main__')",
        str(script), str(folder), str(ROUNDS),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "in the middle\n"
        finally:
            process.kill()
    assert process.returncode < 0
    last = (folder / "journal.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["op"] == "propagate_begin"
    return folder


@pytest.fixture(scope="module")
def undisturbed() -> Session:
    """A session with the same clicks whose process lives, right before its sixth round."""
    session = begin()
    for number in range(1, ROUNDS + 1):
        click_before(session, number)
        if number < ROUNDS:
            for _ in session.run_round():
                pass
    return session


def test_opening_gives_the_state_before_the_round_bit_for_bit(killed, undisturbed):
    opened = Session.open(killed, noisy_ball(), tiny_engine())
    assert opened.state == undisturbed.state
    assert opened.state.rounds == ROUNDS - 1
    assert opened.mask_volume().any()
    assert np.array_equal(opened.probability_volume(), undisturbed.probability_volume())


def test_replaying_gives_the_state_before_the_round_bit_for_bit(killed, undisturbed):
    replayed = replay(killed, noisy_ball(), tiny_engine())
    assert replayed.state == undisturbed.state


@pytest.fixture
def copied(killed, tmp_path) -> Path:
    """The folder once more, for what goes on writing in it."""
    shutil.copytree(killed, tmp_path / "copy.limnet")
    return tmp_path / "copy.limnet"


def test_all_that_was_done_can_still_be_undone(copied, undisturbed):
    opened = Session.open(copied, noisy_ball(), tiny_engine())
    while opened.can_undo:
        opened.undo()
        undisturbed.undo()
        assert opened.state == undisturbed.state
    while undisturbed.can_redo:
        undisturbed.redo()


def test_the_round_can_be_run_after_all(copied, undisturbed):
    opened = Session.open(copied, noisy_ball(), tiny_engine())
    for session in (opened, undisturbed):
        for _ in session.run_round():
            pass
    assert opened.state == undisturbed.state
    assert opened.state.rounds == ROUNDS
    assert Session.open(copied, noisy_ball(), tiny_engine()).state == opened.state
