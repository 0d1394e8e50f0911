"""What is known of two masks of a slice besides how they look."""

from __future__ import annotations

import math

import numpy as np
import pytest

from SlicerLIMNet.fusion.facts import (
    FACTS,
    OF_EACH,
    OF_PAIR,
    MaskRow,
    pair_facts,
    round_facts,
    swapped,
)
from SlicerLIMNet.metrics import dice

SHAPE = (10, 32, 32)


def square(side: int) -> np.ndarray:
    mask = np.zeros(SHAPE[1:], bool)
    mask[8 : 8 + side, 8 : 8 + side] = True
    return mask


@pytest.fixture
def masks() -> tuple[np.ndarray, np.ndarray]:
    """Before: squares of 8 pixels on slices 2 to 5. After a click on 8: up to slice 8."""
    before, after = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    before[2:6] = square(8)
    after[2:9] = square(8)
    return before, after


@pytest.fixture
def about(masks):
    before, after = masks
    return round_facts(
        8, {3}, MaskRow(before.__getitem__), MaskRow(after.__getitem__), 2, 4.0, len(before)
    )


def facts_of(index, masks, about):
    before, after = masks
    return pair_facts(index, MaskRow(before.__getitem__), MaskRow(after.__getitem__), about)


def test_a_round_is_measured_by_the_masks_that_are_vouched_for(about):
    assert (about.extent, about.area) == (8, 64)
    assert about.goes_on
    assert about.agreement == 0  # nothing was there before
    assert about.progress == pytest.approx(1 / 3)


def test_a_slice_between_two_clicks_is_near_to_both(masks, about):
    near_click, near_known, is_nearer, is_between, *_ = facts_of(6, masks, about)
    assert near_click == pytest.approx(math.exp(-2 * 4 / 8))
    assert near_known == pytest.approx(math.exp(-3 * 4 / 8))
    assert (is_nearer, is_between) == (1, 1)
    assert facts_of(9, masks, about)[3] == 0  # beyond the new click


def test_each_mask_is_told_by_area_emptiness_neighbours_and_age(masks, about):
    facts = facts_of(6, masks, about)
    previous, current = facts[OF_PAIR : OF_PAIR + OF_EACH], facts[OF_PAIR + OF_EACH :]
    np.testing.assert_allclose(previous, [math.log(1 / 65), 1, 0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(current, [0, 0, 1, 1], atol=1e-6)


def test_the_first_and_the_last_slice_have_one_neighbour(masks, about):
    assert facts_of(0, masks, about)[OF_PAIR + 2] == 1
    assert facts_of(9, masks, about)[-2] == 0


def test_swapping_twice_changes_nothing_and_once_moves_the_masks_only(masks, about):
    facts = facts_of(6, masks, about)
    other = swapped(facts)
    assert facts.shape == (FACTS,)
    np.testing.assert_array_equal(swapped(other), facts)
    np.testing.assert_array_equal(other[:OF_PAIR], facts[:OF_PAIR])
    np.testing.assert_array_equal(other[OF_PAIR : OF_PAIR + OF_EACH], facts[-OF_EACH:])


def test_neighbours_are_compared_in_their_boxes_as_on_whole_slices():
    draw = np.random.default_rng(0)
    masks = draw.random((6, 20, 24)) > 0.9
    masks[:3, 10:] = False
    masks[2] = False
    masks[4, :15] = False
    row = MaskRow(masks.__getitem__)
    for i in range(5):
        assert row.pixels(i) == masks[i].sum()
        assert row.likeness(i, i + 1) == dice(masks[i], masks[i + 1])
        assert row.likeness(i + 1, i) == row.likeness(i, i + 1)


def test_a_plane_of_one_slice_has_no_neighbours():
    mask = square(4)[None]
    about = round_facts(0, set(), MaskRow(mask.__getitem__), MaskRow(mask.__getitem__), 9, 1.0, 1)
    assert about.progress == 1
    facts = pair_facts(0, MaskRow(mask.__getitem__), MaskRow(mask.__getitem__), about)
    assert facts[:2] == pytest.approx([1, 0])
    assert np.isfinite(facts).all()
