import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.evaluation.watched_session import WatchedSession
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.session.session import Session
from Testing.doubles import FakeNetworks

FIRST, SECOND = Click(8, 8, 8), Click(6, 8, 8)


def watched(ball, preference, **options):
    """Return a session whose propagated masks drift by a pixel a slice, under a stubborn judge."""
    networks = FakeNetworks(drift=1, preference=preference)
    config = RoundConfig(**{"follow": "clicked", **options})
    return WatchedSession(Session(ball, networks, Plane(0), config))


def play(session, truth, *clicks):
    """Return mask and notes after every round."""
    played = []
    for click in clicks:
        session.add_click(click)
        list(session.run_round(CancelToken()))
        played.append((session.mask_volume(), session.notes(truth)))
    return played


def better_by_slice(truth, *masks):
    """Return the volume of the better masks, slice by slice; the last if equal."""
    best = masks[-1].copy()
    for index in range(len(truth)):
        scores = [dice(truth[index], mask[index]) for mask in masks]
        best[index] = masks[-1][index] if scores[-1] >= max(scores) else masks[0][index]
    return best


def test_a_click_is_noted_with_its_probability_and_the_dice_of_its_slice(ball, ball_truth):
    [(_, notes)] = play(watched(ball, 1.0), ball_truth, FIRST)
    assert notes.clicked_probability == pytest.approx(0.9, abs=0.005)
    assert notes.prompt_dice == 1.0


def test_the_first_round_leaves_nothing_to_judge(ball, ball_truth):
    [(mask, notes)] = play(watched(ball, 1.0), ball_truth, FIRST)
    assert (notes.judged_slices, notes.regret) == (0, None)
    assert notes.oracle_dice == pytest.approx(dice(ball_truth, mask))


@pytest.mark.parametrize("preference", [0.0, 1.0])
@pytest.mark.parametrize("memory", ["permanent", "paper"])
def test_regret_and_oracle_are_those_of_both_masks_side_by_side(
    ball, ball_truth, preference, memory
):
    old = play(watched(ball, 1.0, memory=memory), ball_truth, FIRST)[0][0]
    new = play(watched(ball, 0.0, memory=memory), ball_truth, FIRST, SECOND)[1][0]
    chosen, notes = play(watched(ball, preference, memory=memory), ball_truth, FIRST, SECOND)[1]
    prompted = {6, 8} if memory == "permanent" else {6}
    judged = [i for i in range(16) if (old[i] != new[i]).any() and i not in prompted]
    regrets = [
        max(dice(ball_truth[i], old[i]), dice(ball_truth[i], new[i]))
        - dice(ball_truth[i], chosen[i])
        for i in judged
    ]
    assert judged
    assert notes.judged_slices == len(judged)
    assert notes.regret == pytest.approx(np.mean(regrets))
    best = better_by_slice(ball_truth, old, new)
    best[sorted(prompted)] = chosen[sorted(prompted)]
    assert notes.oracle_dice == pytest.approx(dice(ball_truth, best))


def test_without_fusion_regret_is_what_a_judge_could_win(ball, ball_truth):
    with_judge = play(watched(ball, 0.0), ball_truth, FIRST, SECOND)[1][1]
    without = play(watched(ball, 1.0, fusion=False), ball_truth, FIRST, SECOND)[1][1]
    assert without == with_judge


def test_of_another_tool_there_is_nothing_to_note(ball_truth):
    class Tool:
        def add_click(self, click):
            pass

        def run_round(self, cancel):
            yield 0

        def mask_volume(self):
            return ball_truth

    session = WatchedSession(Tool())
    assert play(session, ball_truth, FIRST) == [(ball_truth, None)]
