"""Every slice is followed from its nearest reference."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.propagation.schedule import (
    Direction,
    DirectionSchedule,
    RangeRule,
    legs_from_nearest,
)


def visited(is_filled: dict[int, bool], n_slices: int, rule: RangeRule) -> dict[int, int]:
    """Return the origin from which every slice is reached if nothing ends early."""
    origins: dict[int, int] = {}
    for leg in legs_from_nearest(is_filled, n_slices, rule)[0]:
        schedule = DirectionSchedule(leg.origin, n_slices, leg.direction, leg.rule)
        while (index := schedule.current) is not None:
            assert index not in origins
            origins[index] = leg.origin
            schedule.advance(is_empty=False)
    return origins


def test_one_reference_is_followed_both_ways():
    assert visited({3: True}, 6, RangeRule.whole()) == {0: 3, 1: 3, 2: 3, 4: 3, 5: 3}


def test_a_gap_is_shared_by_the_references_at_its_ends():
    origins = visited({2: True, 8: True}, 10, RangeRule.until_end())
    assert [origins[i] for i in range(3, 8)] == [2, 2, 2, 8, 8]


def test_a_gap_up_to_an_empty_reference_is_followed_from_the_filled_one_only():
    origins = visited({2: True, 6: False}, 9, RangeRule.until_end())
    assert [origins[i] for i in range(3, 6)] == [2, 2, 2]
    assert not {7, 8} & set(origins)


def test_slices_that_only_empty_references_touch_are_empty():
    _, empty = legs_from_nearest({2: False, 5: True, 7: False}, 10, RangeRule.until_end())
    assert empty == [0, 1, 8, 9]


def test_nothing_stops_early_between_two_filled_references():
    legs, _ = legs_from_nearest({2: True, 8: True}, 12, RangeRule.until_end(3))
    inner = [leg for leg in legs if (leg.origin, leg.direction.name) == (2, "FORWARD")]
    assert [leg.rule.empty_run for leg in inner] == [None]
    outer = [leg for leg in legs if (leg.origin, leg.direction.name) == (8, "FORWARD")]
    assert [leg.rule.empty_run for leg in outer] == [3]


@pytest.mark.parametrize("seed", range(6))
def test_every_slice_is_reached_once_or_known_to_be_empty(seed):
    rng = np.random.default_rng(seed)
    is_filled = {int(i): bool(rng.random() < 0.7) for i in rng.choice(40, 5, replace=False)}
    is_filled[int(rng.integers(40))] = True
    origins = visited(is_filled, 40, RangeRule.until_end())
    _, empty = legs_from_nearest(is_filled, 40, RangeRule.until_end())
    assert sorted([*origins, *empty, *is_filled]) == list(range(40))
    assert all(is_filled[origin] for origin in origins.values())


def test_an_empty_reference_ends_the_object_at_once():
    schedule = DirectionSchedule(2, 12, Direction.FORWARD, RangeRule.until_end(5), {2, 4})
    schedule.advance(is_empty=False)
    schedule.advance(is_empty=True, is_reference=True)
    assert schedule.current is None
    assert list(schedule.beyond_end) == list(range(5, 12))


def test_an_empty_reference_before_another_one_ends_nothing():
    schedule = DirectionSchedule(2, 12, Direction.FORWARD, RangeRule.until_end(5), {2, 3, 6})
    schedule.advance(is_empty=True, is_reference=True)
    assert schedule.current == 4
