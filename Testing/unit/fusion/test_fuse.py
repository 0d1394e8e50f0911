from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.rounds import SliceResult
from SlicerLIMNet.fusion.fuse import (
    foreground_certainty,
    keeps_previous,
    next_slice_to_check,
    slice_score,
)


def probability(*values: float) -> SparseProbability:
    """A slice of one row."""
    return SparseProbability.from_dense(np.array([values], np.float32))


def results(*scores: float | None) -> list[SliceResult]:
    """A result for every score, in the order of the slices."""
    empty = SparseProbability.empty((1, 4))
    return [SliceResult(index, empty, score=score) for index, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("preference", "margin", "kept"),
    [
        (0.51, 0.0, True),
        (0.5, 0.0, False),
        (0.49, 0.0, False),
        (0.55, 0.1, False),
        (0.61, 0.1, True),
    ],
)
def test_the_previous_mask_stays_only_where_it_is_preferred(preference, margin, kept):
    assert keeps_previous(preference, margin) is kept


def test_a_mask_is_as_certain_as_its_foreground():
    assert foreground_certainty(probability(1, 1, 0, 0)) == 1.0
    assert foreground_certainty(probability(1, 0.51, 0, 0)) == pytest.approx(0.51, abs=0.01)
    assert foreground_certainty(probability(0.51, 0.51)) == pytest.approx(0.02, abs=0.01)


def test_what_is_not_foreground_does_not_make_a_mask_less_certain():
    assert foreground_certainty(probability(1, 1, 0.4, 0.4)) == 1.0


def test_an_empty_mask_is_certain_unless_it_nearly_had_a_foreground():
    assert foreground_certainty(probability(0, 0)) == 1.0
    assert foreground_certainty(probability(0, 0.49)) == pytest.approx(0.02, abs=0.01)
    assert foreground_certainty(SparseProbability.empty((4, 4))) == 1.0


@pytest.mark.parametrize("preference", [0.2, 0.8])
def test_the_score_is_that_of_the_side_taken(preference):
    assert slice_score(probability(1, 1), preference) == pytest.approx(0.8)
    assert slice_score(probability(1, 1)) == 1.0


def test_the_least_certain_slice_is_checked_next():
    assert next_slice_to_check(results(0.9, 0.3, 0.5)) == 1


def test_of_equally_uncertain_slices_the_first_is_checked_next():
    assert next_slice_to_check(results(0.9, 0.3, 0.3)) == 1


def test_slices_of_the_user_and_slices_without_score_are_not_checked():
    assert next_slice_to_check(results(0.9, 0.3, None), skip={1}) == 0
    assert next_slice_to_check(results(0.9, None), skip=[0]) is None
    assert next_slice_to_check([]) is None
