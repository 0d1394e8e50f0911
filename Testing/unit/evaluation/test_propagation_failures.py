import numpy as np
import pytest

from SlicerLIMNet.evaluation.propagation_failures import (
    DISTANCES,
    decay,
    dice_at_distances,
    false_positives,
    flooding,
    overrun,
)

SHAPE = (12, 10, 10)


def box(*slices, rows=(2, 6), columns=(2, 6)):
    """Return a mask with the same rectangle on some slices; by default of 16 pixels."""
    mask = np.zeros(SHAPE, bool)
    for index in slices:
        mask[index, rows[0] : rows[1], columns[0] : columns[1]] = True
    return mask


TRUTH = box(4, 5, 6, 7)


class TestFalsePositives:
    def test_slices_and_voxels_are_counted_where_the_object_is_not(self):
        mask = TRUTH | box(8, 9) | box(5, columns=(6, 9))  # the last is on a slice of the object
        found = false_positives(TRUTH, mask)
        assert found.slices == pytest.approx(2 / 8)
        assert found.voxels == pytest.approx(32 / 64)

    def test_a_perfect_mask_has_none(self):
        assert false_positives(TRUTH, TRUTH) == (0.0, 0.0)

    def test_an_object_on_all_slices_leaves_no_room_for_them(self):
        assert false_positives(box(*range(12)), box(*range(12), columns=(0, 9))) == (0.0, 0.0)


class TestFlooding:
    def test_it_is_the_share_of_the_mask_outside_on_the_clicked_slice_and_its_neighbours(self):
        mask = TRUTH | box(5, columns=(6, 8)) | box(7, columns=(6, 10))
        # slices 4, 5, 6: 48 pixels right, 8 beside; slice 7 is not near
        assert flooding(TRUTH, mask, clicked=5) == pytest.approx(8 / 56)

    def test_a_slice_past_the_end_does_not_count(self):
        mask = TRUTH | box(8)
        assert flooding(TRUTH, mask, clicked=7) == 0.0

    def test_missed_pixels_are_no_flood_and_an_empty_mask_has_none(self):
        assert flooding(TRUTH, box(5, columns=(2, 4)), clicked=5) == 0.0
        assert flooding(TRUTH, np.zeros(SHAPE, bool), clicked=5) == 0.0

    def test_far_from_the_object_there_is_nothing_to_say(self):
        assert flooding(TRUTH, box(0, 1), clicked=0) is None

    def test_at_the_border_of_the_volume_there_is_one_neighbour(self):
        truth = box(0, 1, 2)
        mask = truth | box(1, columns=(6, 8))
        assert flooding(truth, mask, clicked=0) == pytest.approx(8 / 40)


class TestOverrun:
    def test_it_counts_the_slices_in_a_row_past_each_end(self):
        mask = TRUTH | box(8, 9, 10)  # three past the upper end, none past the lower one
        assert overrun(TRUTH, mask) == 1.5

    def test_what_begins_again_after_a_gap_does_not_count(self):
        assert overrun(TRUTH, TRUTH | box(8, 10, 11)) == 0.5

    def test_it_counts_even_where_the_mask_ended_before_and_came_back(self):
        assert overrun(TRUTH, box(5, 8, 9)) == 1.0

    def test_an_end_at_the_border_does_not_count(self):
        truth = box(*range(6))
        assert overrun(truth, truth | box(6, 7)) == 2.0
        assert overrun(box(*range(12)), box(*range(12))) is None

    def test_it_reaches_the_border(self):
        assert overrun(TRUTH, box(*range(12))) == 4.0


class TestDecay:
    def test_it_is_the_dice_lost_in_ten_slices(self):
        truth = box(*range(6), rows=(0, 10), columns=(0, 10))
        mask = truth.copy()
        for index, columns in enumerate((10, 9, 8, 7, 6, 5)):
            mask[index, :, columns:] = False
        scores = np.array([2 * c / (10 + c) for c in (9, 8, 7, 6, 5)])
        expected = -10 * np.polyfit([1, 2, 3, 4, 5], scores, 1)[0]
        assert decay(truth, mask, {0}) == pytest.approx(expected)

    def test_a_mask_that_is_equally_good_everywhere_does_not_decay(self):
        assert decay(TRUTH, TRUTH, {4}) == pytest.approx(0)

    def test_the_nearest_of_the_clicked_slices_counts(self):
        mask = TRUTH.copy()
        mask[5:7, :, 4:] = False  # Dice 2/3 on slices 5 and 6, each one from a click
        assert decay(TRUTH, mask, {4, 7}) is None  # all lie at one distance
        # from slice 4: distances 1, 2, 3 with Dice 2/3, 2/3, 1
        assert decay(TRUTH, mask, {4}) == pytest.approx(-10 / 6)

    def test_slices_without_the_object_do_not_count(self):
        assert decay(TRUTH, TRUTH | box(8, 9, 10), {4}) == pytest.approx(0)


def test_dice_by_distance_is_the_mean_of_the_slices_in_each_group():
    truth = box(*range(12))
    mask = truth.copy()
    mask[1, :, 4:] = False  # Dice 2/3 at distance 1
    mask[4] = False  # 0 at distance 4
    found = dice_at_distances(truth, mask, {0})
    # clicked; 1 and 2; 3 to 5; 6 to 10; 11 alone; none
    assert found == [1.0, pytest.approx(5 / 6), pytest.approx(2 / 3), 1.0, 1.0, None]
    assert len(DISTANCES) == len(found)
