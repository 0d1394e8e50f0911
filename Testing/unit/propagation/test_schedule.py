from __future__ import annotations

import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.propagation.schedule import (
    Direction,
    DirectionSchedule,
    Leg,
    RangeRule,
    gaps,
    legs_from_nearest,
)


def walk(schedule: DirectionSchedule, filled: set[int]) -> list[int]:
    visited = []
    while (current := schedule.current) is not None:
        visited.append(current)
        schedule.advance(is_empty=current not in filled)
    return visited


@pytest.mark.parametrize(
    ("direction", "expected"),
    [(Direction.FORWARD, [4, 5, 6, 7]), (Direction.BACKWARD, [2, 1, 0])],
)
def test_the_whole_volume_is_every_slice_on_the_way(direction, expected):
    schedule = DirectionSchedule(3, 8, direction, RangeRule.whole())
    assert walk(schedule, filled=set()) == expected
    assert list(schedule.beyond_end) == []


def test_a_range_each_way_ends_there_or_with_the_volume():
    forward = DirectionSchedule(3, 8, Direction.FORWARD, RangeRule.each_way(2))
    backward = DirectionSchedule(3, 8, Direction.BACKWARD, RangeRule.each_way(5))
    assert walk(forward, filled=set()) == [4, 5]
    assert walk(backward, filled=set()) == [2, 1, 0]
    assert list(forward.beyond_end) == []


def test_a_direction_stops_after_empty_slices_in_a_row():
    schedule = DirectionSchedule(0, 20, Direction.FORWARD, RangeRule.until_end(5))
    assert walk(schedule, filled={1, 2, 6}) == list(range(1, 12))
    assert list(schedule.beyond_end) == list(range(12, 20))


def test_a_direction_never_stops_before_its_last_reference():
    rule = RangeRule.until_end(2)
    forward = DirectionSchedule(5, 20, Direction.FORWARD, rule, references={5, 2, 12})
    assert walk(forward, filled=set()) == list(range(6, 13))
    backward = DirectionSchedule(5, 20, Direction.BACKWARD, rule, references={5, 2, 12})
    assert walk(backward, filled=set()) == [4, 3, 2]


def test_a_reference_with_a_mask_starts_the_count_anew():
    rule = RangeRule.until_end(2)
    schedule = DirectionSchedule(5, 20, Direction.FORWARD, rule, references={12})
    assert walk(schedule, filled={12}) == list(range(6, 15))


def test_a_stop_at_the_very_end_leaves_nothing_out():
    schedule = DirectionSchedule(0, 4, Direction.FORWARD, RangeRule.until_end(3))
    assert walk(schedule, filled=set()) == [1, 2, 3]
    assert list(schedule.beyond_end) == []


def test_a_start_at_the_end_has_nothing_to_visit():
    schedule = DirectionSchedule(3, 4, Direction.FORWARD, RangeRule.whole())
    assert schedule.current is None


def test_the_last_slice_of_the_range_is_known():
    schedule = DirectionSchedule(3, 8, Direction.FORWARD, RangeRule.each_way(2))
    assert not schedule.is_last
    schedule.advance(is_empty=False)
    assert schedule.is_last


@pytest.mark.parametrize("options", [{"slices_each_way": -1}, {"empty_run": 0}])
def test_rules_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="or more"):
        RangeRule(**options)


def test_settled_runs_have_no_legs():
    filled = {4: True, 9: True, 12: False}
    every, empty = legs_from_nearest(filled, 20, RangeRule.until_end())
    some, nothing = legs_from_nearest(
        filled, 20, RangeRule.until_end(), {*range(4), *range(13, 20)}
    )
    assert empty == list(range(13, 20))
    assert nothing == []
    assert some == every[1:]


def test_gaps_lie_between_references_and_ends():
    assert gaps({3, 4, 7}, 8) == [(-1, 3), (4, 7)]
    assert gaps((), 3) == [(-1, 3)]


def test_a_settled_reference_is_followed_up_to():
    anchors_and_beyond = {*range(5), *range(12, 20)}
    legs, empty = legs_from_nearest(
        {4: True, 8: True, 12: True}, 20, RangeRule.until_end(), anchors_and_beyond
    )
    assert legs == [
        Leg(8, Direction.BACKWARD, RangeRule(3)),
        Leg(8, Direction.FORWARD, RangeRule(3)),
    ]
    assert empty == []


def test_a_settled_reference_is_followed_where_the_other_is_empty():
    legs, _ = legs_from_nearest({4: True, 8: False}, 9, RangeRule.until_end(), {*range(5)})
    assert legs == [Leg(4, Direction.FORWARD, RangeRule(3, 5))]
