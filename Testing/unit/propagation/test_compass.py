import numpy as np
import pytest

from SlicerLIMNet.networks.place import Place
from SlicerLIMNet.propagation.compass import Compass
from SlicerLIMNet.propagation.schedule import Direction

EMPTY = np.zeros((32, 32), bool)


def mask_of(rows, columns):
    mask = EMPTY.copy()
    mask[4 : 4 + rows, 6 : 6 + columns] = True
    return mask


def compass_of(references, direction=Direction.FORWARD, start=10, slice_step=2.0):
    return Compass(references, direction, start, slice_step)


def test_distances_are_in_extents_of_the_object_on_its_reference():
    compass = compass_of({10: mask_of(4, 8)})
    assert compass.place(14) == Place(behind=4 * 2.0 / 8)


@pytest.mark.parametrize(("mask", "ends"), [(EMPTY, True), (mask_of(2, 2), False)])
def test_the_next_reference_on_the_way_counts(mask, ends):
    references = {4: mask_of(1, 1), 10: mask_of(8, 8), 20: mask, 30: mask_of(1, 1)}
    assert compass_of(references).place(13) == Place(0.75, 1.75, ends)


def test_backward_the_next_reference_has_a_lower_index():
    references = {4: EMPTY, 10: mask_of(8, 8), 20: mask_of(2, 2)}
    assert compass_of(references, Direction.BACKWARD).place(8) == Place(0.5, 1.0, True)


def test_a_filled_reference_on_the_way_is_followed_from_then_on():
    compass = compass_of({10: mask_of(8, 8), 20: mask_of(4, 4)})
    compass.pass_reference(20)
    assert compass.place(22) == Place(1.0)


def test_an_empty_reference_on_the_way_is_not_followed():
    compass = compass_of({10: mask_of(8, 8), 20: EMPTY})
    compass.pass_reference(20)
    assert compass.place(22) == Place(3.0)


def test_without_distances_or_extent_no_place_is_known():
    assert compass_of({10: mask_of(4, 8)}, slice_step=None).place(12) is None
    assert compass_of({10: EMPTY}).place(12) is None
