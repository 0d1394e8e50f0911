import json

import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.evaluation.evaluation_tables import (
    challenge_table,
    dice_table,
    difference_table,
    failure_table,
    fusion_table,
    lines_of,
    reach_table,
    target_table,
)
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
from SlicerLIMNet.evaluation.robot_user import ClickRule
from SlicerLIMNet.evaluation.run_settings import RunSettings
from SlicerLIMNet.evaluation.runner import Evaluation
from SlicerLIMNet.evaluation.summary import RunSummary, difference
from SlicerLIMNet.evaluation.target_result import RoundFigures, SliceClicks, TargetResult


def target(name, modality, dice, later=(), **figures):
    """Return a result with prepared Dice a round; other figures are the same in all rounds."""
    rounds = [RoundFigures(score, 0.5, 0.25, nsd=score / 2, **figures) for score in dice]
    return TargetResult(
        volume=name,
        label="organ",
        modality=modality,
        shape_zyx=(5, 20, 24),
        spacing_zyx_mm=(3.0, 1.0, 1.0),
        voxels=100,
        rounds=rounds,
        clicks=[Click(1, 2, 3)] * len(dice),
        later_dice=list(later),
        dice_at_distances=[[1.0, dice[0], None, None, None, None]] * 2,
        slice_clicks=SliceClicks([0.6, dice[-1]], [0.9, 0.8], [True, False], [0.7, 0.7]),
    )


TARGETS = [
    target("a", "CT", [0.5, 0.7, 0.85], later=[0.9, 0.95], regret=0.1, judged_slices=4),
    target("b", "MR", [0.4, 0.5, 0.45], later=[0.6, 0.7]),
    target("c", "CT", [0.6, 0.9, 0.95], later=[0.95, 0.9], regret=0.3, judged_slices=2),
]
LONG = RunSettings(robot=RobotConfig(rounds=3, most_clicks=5))


def summary(targets=TARGETS, settings=LONG):
    return RunSummary(Evaluation(settings, list(targets)))


def test_means_are_over_the_targets_that_have_the_figure():
    found = summary()
    assert [mean.mean for mean in found.by_round("dice")] == pytest.approx([0.5, 0.7, 0.75])
    assert found.by_round("regret")[0].mean == pytest.approx(0.2)
    assert found.by_round("regret")[0].n == 2
    assert found.by_round("overrun") == [None] * 3


def test_rounds_without_a_click_take_no_time_and_do_not_count():
    idle = target("d", "CT", [1.0, 1.0, 1.0])
    idle.rounds[1] = RoundFigures(1.0, 0.0, 0.0)
    seconds = summary([*TARGETS, idle]).by_round("seconds")
    assert (seconds[1].mean, seconds[1].n) == (0.5, 3)


def test_the_area_is_that_of_the_trapezoids():
    areas = [0.6 + 0.775, 0.45 + 0.475, 0.75 + 0.925]
    assert summary().area.mean == pytest.approx(sum(areas) / 3)


def test_clicks_to_a_dice_count_later_rounds_and_all_clicks_of_those_that_never_come_so_far():
    at80, at85, at90 = summary().clicks_to_reach
    assert (at80.clicks.mean, at80.reached, at80.most) == (pytest.approx((3 + 5 + 2) / 3), 2, 5)
    assert (at85.clicks.mean, at85.reached) == (pytest.approx((3 + 5 + 2) / 3), 2)
    assert (at90.clicks.mean, at90.reached) == (pytest.approx((4 + 5 + 2) / 3), 2)


def test_a_dice_that_is_first_reached_with_the_last_click_is_reached():
    late = target("d", "CT", [0.1, 0.1, 0.1], later=[0.1, 0.8])
    at80 = summary([late]).clicks_to_reach[0]
    assert (at80.clicks.mean, at80.reached) == (5, 1)


def test_groups_are_by_modality_and_by_volume():
    ct, mr = summary().by_modality
    assert (ct.name, ct.n, ct.dice[-1].mean) == ("CT", 2, pytest.approx(0.9))
    assert (mr.name, mr.n) == ("MR", 1)
    assert [group.name for group in summary().by_volume] == ["a", "b", "c"]


def test_the_challenge_has_its_figures_in_its_own_protocol_only():
    assert summary().challenge == {}
    settings = RunSettings(robot=RobotConfig(ClickRule.CVPR25, 3))
    found = summary(settings=settings).challenge
    assert found["final_dice"].mean == pytest.approx(0.75)
    assert found["area_nsd"].mean == pytest.approx(summary().area.mean / 2)


def test_probabilities_at_clicks_are_told_apart_by_their_sign():
    at_positive = summary().clicked_probability(positive=True)
    at_negative = summary().clicked_probability(positive=False)
    assert (at_positive[0].mean, at_positive[1]) == (pytest.approx(0.9), None)
    assert (at_negative[0], at_negative[1].mean) == (None, pytest.approx(0.8))


def test_a_difference_is_taken_target_by_target():
    worse = [target(t.volume, t.modality, [score - 0.1 for score in t.dice]) for t in TARGETS]
    found = difference(summary(), summary(worse))
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))


def test_the_summary_is_json():
    content = json.loads(json.dumps(summary().to_json()))
    assert content["by_round"]["dice"][2]["n"] == 3
    assert content["clicks_to_reach"]["0.80"]["most"] == 5
    assert content["slice_clicks"]["dice"][1]["mean"] == pytest.approx(0.75)
    assert content["by_modality"]["MR"]["n"] == 1
    assert content["dice_at_distances"]["first_round"][1]["mean"] == pytest.approx(0.5)


class TestTables:
    OTHER = RunSettings(robot=RobotConfig(rounds=3), rounds=RoundConfig(fusion=False))

    def test_the_dice_of_every_run_stand_below_each_other(self):
        found = dice_table([summary(), summary(TARGETS[:1], self.OTHER)])
        assert found.header[:3] == ["run", "round 1", "round 2"]
        assert found.rows[0][:4] == ["permanent memory, with fusion", "0.500", "0.700", "0.750"]
        assert found.rows[1][1:] == ["0.500", "0.700", "0.850", "[0.850, 0.850]"]
        assert all("  " in line for line in lines_of(found))

    def test_clicks_are_shown_for_the_longest_runs_only(self):
        found = reach_table([summary(), summary(settings=self.OTHER)])
        assert found.header[4] == "clicks to 0.80 (most 5)"
        assert found.rows[0][4] == "3.3 (2 of 3)"
        assert found.rows[1][4] == "–"  # noqa: RUF001 - a dash, as tables have it

    def test_runs_that_were_never_judged_have_no_row(self):
        assert len(fusion_table([summary(), summary(TARGETS[1:2])]).rows) == 1

    def test_differences_are_to_the_first_run(self):
        found = difference_table([summary(), summary(settings=self.OTHER)])
        assert found.rows == [["permanent memory, without", "+0.000", "[+0.000, +0.000]"]]

    def test_other_tables_have_a_row_a_run_or_target(self):
        assert len(failure_table([summary()] * 2).rows) == 2
        assert challenge_table([summary()]).rows == []
        rows = target_table(summary()).rows
        assert rows[0][:4] == ["a organ", "CT", "5 x 20 x 24", "3 x 1 x 1"]
        for made in (failure_table([summary()]), target_table(summary())):
            assert {len(row) for row in made.rows} == {len(made.header)}
