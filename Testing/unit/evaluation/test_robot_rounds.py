import itertools

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import Cancelled, ConfigError
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig, run_rounds
from SlicerLIMNet.evaluation.robot_user import RobotUser

MM = (1.0, 1.0, 1.0)
TRUTH = np.zeros((4, 16, 16), bool)
TRUTH[1:3, 2:8, 2:8] = True


class ScriptedSession:
    """Gives prepared masks, one a round, and notes what it was asked."""

    def __init__(self, *masks):
        self.masks = list(masks)
        self.calls = []

    def add_click(self, click):
        self.calls.append(click)

    def run_round(self, cancel):
        for index in range(len(TRUTH)):
            cancel.raise_if_cancelled()
            yield index
        self.calls.append("whole round")

    def mask_volume(self):
        return self.masks[sum(call == "whole round" for call in self.calls) - 1]


def clock_of_seconds():
    return itertools.count().__next__


def half(side):
    mask = TRUTH.copy()
    mask[:, :, side] = False
    return mask


LEFT, RIGHT = half(slice(5, 16)), half(slice(0, 5))


def run(session, rounds):
    return list(run_rounds(session, TRUTH, RobotUser(TRUTH, MM), rounds, clock=clock_of_seconds()))


def test_each_round_clicks_propagates_to_the_end_and_scores_the_volume():
    session = ScriptedSession(LEFT, TRUTH)
    outcomes = run(session, 2)
    assert session.calls == [Click(1, 4, 4), "whole round", Click(1, 3, 6), "whole round"]
    assert [outcome.dice for outcome in outcomes] == [pytest.approx(2 / 3), 1.0]
    assert [outcome.click for outcome in outcomes] == [Click(1, 4, 4), Click(1, 3, 6)]
    assert [outcome.seconds for outcome in outcomes] == [1, 1]


def test_slices_worsened_compare_a_round_with_the_one_before():
    smaller = LEFT.copy()
    smaller[2, :4] = False
    outcomes = run(ScriptedSession(LEFT, smaller), 2)
    assert [outcome.slices_worsened for outcome in outcomes] == [0.0, 0.5]


def test_where_nothing_is_left_to_click_the_result_is_copied():
    session = ScriptedSession(TRUTH)
    outcomes = run(session, 4)
    assert [outcome.dice for outcome in outcomes] == [1.0] * 4
    assert [outcome.seconds for outcome in outcomes] == [1, 0, 0, 0]
    assert [outcome.click is None for outcome in outcomes] == [False, True, True, True]
    assert session.calls.count("whole round") == 1


def test_a_cancelled_run_ends_between_two_slices():
    cancel = CancelToken()
    session = ScriptedSession(LEFT, RIGHT)
    outcomes = run_rounds(session, TRUTH, RobotUser(TRUTH, MM), 2, cancel)
    next(outcomes)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(outcomes)
    assert session.calls.count("whole round") == 1


def test_a_robot_without_rounds_is_refused():
    with pytest.raises(ConfigError, match="one round or more"):
        RobotConfig(rounds=0)
