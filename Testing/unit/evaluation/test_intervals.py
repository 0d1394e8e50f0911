import numpy as np
import pytest

from SlicerLIMNet.evaluation.intervals import RESAMPLES, mean_of, means_by_round


def test_the_mean_is_over_what_is_there():
    found = mean_of([0.5, None, 1.0])
    assert found.mean == 0.75
    assert found.n == 2
    assert mean_of([None, None]) is None
    assert mean_of([]) is None


def test_the_interval_of_equal_values_is_a_point():
    found = mean_of([0.3] * 7)
    assert (found.low, found.high) == (pytest.approx(0.3), pytest.approx(0.3))


def test_the_interval_of_two_values_reaches_from_one_to_the_other():
    # a quarter of all resamples draws the same value twice
    found = mean_of([0.0, 1.0])
    assert (found.low, found.mean, found.high) == (0.0, 0.5, 1.0)


def test_the_interval_is_about_two_standard_errors_wide_on_each_side():
    values = np.random.default_rng(1).normal(size=400)
    found = mean_of(values)
    error = values.std() / 20
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.02)
    assert RESAMPLES >= 1000


def test_the_interval_is_the_same_every_time():
    values = [0.1, 0.5, 0.7, 0.9]
    assert mean_of(values) == mean_of(values)


def test_every_round_has_its_mean():
    means = means_by_round([[0.0, 0.5, None], [1.0, 0.7, None]])
    assert [mean and mean.mean for mean in means] == [0.5, pytest.approx(0.6), None]
