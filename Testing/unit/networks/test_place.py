import math

import pytest

from SlicerLIMNet.networks.place import PLACE_NUMBERS, SCALES, UNKNOWN_PLACE, Place


def test_numbers_fall_with_the_distance_at_every_scale():
    near, far = Place(0.1).numbers(), Place(1.0).numbers()
    assert all(a > b > 0 for a, b in zip(near, far[: len(SCALES)], strict=False))
    assert far[SCALES.index(1.0)] == pytest.approx(math.exp(-1))


def test_what_is_ahead_is_told_apart_by_whether_the_object_is_there():
    alone = Place(0.5).numbers()
    filled = Place(0.5, 0.25).numbers()
    empty = Place(0.5, 0.25, ends_ahead=True).numbers()
    third = len(SCALES)
    assert alone[:third] == filled[:third] == empty[:third]
    assert alone[third:] == [0.0] * (2 * third)
    assert filled[third : 2 * third] == empty[2 * third :] == Place(0.25).numbers()[:third]
    assert filled[2 * third :] == empty[third : 2 * third] == [0.0] * third


def test_an_unknown_place_has_as_many_numbers_as_a_known_one():
    assert len(Place(1.0, 2.0).numbers()) == len(UNKNOWN_PLACE) == PLACE_NUMBERS
    assert not any(UNKNOWN_PLACE)
