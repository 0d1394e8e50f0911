import json

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
from SlicerLIMNet.evaluation.run_settings import RunSettings
from SlicerLIMNet.evaluation.target_result import TargetResult, packed, unpacked
from SlicerLIMNet.evaluation.target_run import Target, click_one_slice, run_target
from SlicerLIMNet.session.session import Session
from Testing.doubles import FakeNetworks


def open_session(volume, config):
    return Session(volume, FakeNetworks(), Plane(0), config)


def test_a_result_comes_back_from_its_record(ball, ball_truth):
    settings = RunSettings(robot=RobotConfig(rounds=2, most_clicks=3))
    result = run_target(Target("v", ball, "ball", ball_truth), settings, open_session)
    assert TargetResult.from_record(json.loads(json.dumps(result.to_record()))) == result


def test_a_packed_mask_comes_back(ball_truth):
    for mask in (ball_truth[8, :13], np.zeros((3, 5), bool)):
        assert np.array_equal(unpacked(packed(mask), mask.shape), mask)
    assert len(packed(np.zeros((512, 512), bool))) < 100


@pytest.mark.parametrize(("spacing_mm", "is_measured"), [(0.36, False), (0.37, True)])
def test_an_object_no_longer_than_twice_the_tolerance_has_no_surface_dice(
    ball, ball_truth, spacing_mm, is_measured
):
    # the ball is 11 voxels long: 3.96 or 4.07 mm
    assert np.count_nonzero(ball_truth.any(axis=(1, 2))) == 11
    geometry = Geometry(ball.shape_zyx, (spacing_mm,) * 3)
    target = Target("v", Volume(ball.array, geometry, "EM"), "ball", ball_truth)
    result = run_target(target, RunSettings(robot=RobotConfig(rounds=1)), open_session)
    assert (result.rounds[0].nsd is not None) is is_measured


def test_clicks_are_repeated_as_they_were(ball, ball_truth):
    clicks = [Click(8, 8, 8), Click(6, 8, 8)]
    settings = RunSettings(robot=RobotConfig(rounds=3), same_clicks=True)
    target = Target("v", ball, "ball", ball_truth)
    result = run_target(target, settings, open_session, clicks)
    assert result.clicks == clicks
    assert result.rounds[2].seconds == 0
    assert result.slice_clicks is None  # belongs to the run that chose the clicks


def test_one_slice_is_clicked_twice_and_a_perfect_one_once(ball, ball_truth):
    target = Target("v", ball, "ball", ball_truth)
    found = click_one_slice(target, open_session, RoundConfig())
    assert found.dice == [1.0, 1.0]
    assert found.positive == [True, True]
    assert found.clicked_probability == pytest.approx(found.object_probability)
    assert found.clicked_probability[0] > 0.89
