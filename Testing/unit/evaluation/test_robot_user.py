import json
from pathlib import Path

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.error_regions import (
    deepest_voxels,
    largest_error,
    smallest_area,
    worst_slices,
)
from SlicerLIMNet.evaluation.robot_user import ClickRule, RobotUser

MM = (1.0, 1.0, 1.0)
PARITY = Path(__file__).resolve().parents[2] / "parity"


def volume(*blocks, shape=(6, 32, 32)):
    """Return a mask of blocks, each ((z0, z1), (y0, y1), (x0, x1)), half-open."""
    mask = np.zeros(shape, bool)
    for block in blocks:
        mask[tuple(slice(low, high) for low, high in block)] = True
    return mask


EMPTY = volume()


def second_click(truth, predicted, rule=ClickRule.WORST_SLICE, spacing=MM):
    """Return the click after a first one somewhere else."""
    robot = RobotUser(truth, spacing, rule)
    robot.next_click(EMPTY)
    return robot.next_click(predicted)


class TestFirstRound:
    @pytest.mark.parametrize("rule", [ClickRule.WORST_SLICE, ClickRule.ERROR_CENTRE])
    def test_it_clicks_the_deepest_point_of_the_largest_slice(self, rule):
        truth = volume(((1, 4), (4, 9), (4, 9)), ((3, 4), (20, 29), (10, 19)))
        click = RobotUser(truth, MM, rule).next_click(EMPTY)
        assert click == Click(3, 24, 14, positive=True)

    def test_of_equally_large_slices_it_takes_the_first(self):
        truth = volume(((2, 5), (4, 9), (4, 9)))
        assert RobotUser(truth, MM).next_click(EMPTY) == Click(2, 6, 6)

    def test_of_equally_deep_pixels_it_takes_the_first_in_raster_order(self):
        truth = volume(((2, 3), (20, 23), (4, 7)), ((2, 3), (10, 13), (20, 23)))
        assert RobotUser(truth, MM).next_click(EMPTY) == Click(2, 11, 21)

    def test_a_tiny_object_is_clicked_although_its_slices_are_not_judged_later(self):
        truth = volume(((2, 3), (4, 6), (4, 6)))
        robot = RobotUser(truth, MM)
        assert robot.next_click(EMPTY) == Click(2, 4, 4)
        assert robot.next_click(EMPTY) is None

    @pytest.mark.parametrize("rule", list(ClickRule))
    def test_without_an_object_there_is_nothing_to_click(self, rule):
        assert RobotUser(EMPTY, MM, rule).next_click(EMPTY) is None


class TestWorstSlice:
    def test_it_clicks_on_the_slice_of_lowest_dice(self):
        truth = volume(((0, 4), (10, 20), (10, 20)))
        predicted = truth.copy()
        predicted[1, 10:20, 10:13] = False  # Dice 0.82
        predicted[2, 10:20, 10:15] = False  # Dice 0.67
        click = second_click(truth, predicted)
        assert click == Click(2, 12, 12, positive=True)

    def test_the_dice_decides_and_not_the_number_of_wrong_pixels(self):
        truth = volume(((0, 1), (0, 30), (0, 30)), ((1, 2), (0, 4), (0, 4)))
        predicted = truth.copy()
        predicted[0, :10] = False  # 300 wrong pixels, Dice 0.8
        predicted[1, :2] = False  # 8 wrong pixels, Dice 0.67
        assert second_click(truth, predicted).slice_index == 1

    def test_equal_dice_goes_to_the_slice_with_more_wrong_pixels(self):
        truth = volume(((1, 2), (10, 20), (10, 20)), ((3, 4), (5, 25), (5, 25)))
        assert worst_slices(truth, EMPTY) == [3, 1]

    def test_equal_dice_and_equal_errors_go_to_the_lowest_index(self):
        truth = volume(((1, 4), (10, 20), (10, 20)))
        assert worst_slices(truth, EMPTY) == [1, 2, 3]

    def test_slices_with_less_than_the_smallest_area_do_not_count(self):
        truth = volume(((1, 2), (0, 3), (0, 3)), ((2, 3), (0, 2), (0, 5)))  # 9 and 10 pixels
        assert worst_slices(truth, EMPTY) == [2]

    def test_a_small_object_does_not_count_even_under_a_large_mask(self):
        truth = volume(((1, 2), (0, 3), (0, 3)))
        predicted = volume(((1, 2), (0, 20), (0, 20)))
        assert worst_slices(truth, predicted) == []

    def test_a_mask_without_an_object_counts_from_the_smallest_area_on(self):
        truth = volume(((0, 1), (0, 5), (0, 5)))
        predicted = truth | volume(((2, 3), (0, 3), (0, 3)), ((4, 5), (0, 2), (0, 5)))
        assert worst_slices(truth, predicted) == [4]

    @pytest.mark.parametrize(
        ("rows", "columns", "pixels"),
        [(512, 512, 100), (32, 32, 10), (256, 256, 25), (512, 256, 50)],
    )
    def test_the_smallest_area_goes_with_the_slice_and_is_ten_at_least(self, rows, columns, pixels):
        assert smallest_area(rows, columns) == pixels

    def test_the_sign_is_that_of_the_deeper_error(self):
        truth = volume(((1, 2), (2, 12), (2, 12)))
        predicted = volume(((1, 2), (2, 12), (2, 7)), ((1, 2), (20, 29), (20, 29)))
        assert second_click(truth, predicted) == Click(1, 24, 24, positive=False)

    def test_equally_deep_errors_give_a_negative_click(self):
        truth = volume(((1, 2), (2, 11), (2, 11)), ((2, 3), (2, 11), (2, 11)))
        predicted = volume(((2, 3), (2, 11), (2, 11)), ((1, 2), (20, 29), (20, 29)))
        assert second_click(truth, predicted) == Click(1, 24, 24, positive=False)

    def test_the_edge_of_the_slice_is_an_edge_of_the_error(self):
        truth = volume(((1, 2), (0, 5), (0, 5)), ((2, 3), (0, 20), (0, 20)))
        assert second_click(truth, volume(((2, 3), (0, 20), (0, 20)))) == Click(1, 2, 2)

    def test_a_clicked_pixel_is_not_clicked_again(self):
        truth = volume(((1, 2), (4, 9), (4, 9)))
        robot = RobotUser(truth, MM)
        clicks = [robot.next_click(EMPTY) for _ in range(3)]
        assert clicks == [Click(1, 6, 6), Click(1, 5, 5), Click(1, 5, 6)]

    def test_where_all_wrong_pixels_were_clicked_it_takes_the_next_worst_slice(self):
        truth = volume(((1, 2), (4, 9), (4, 9)), ((3, 4), (4, 9), (4, 9)))
        predicted = truth.copy()
        predicted[1, 6, 6] = False  # the pixel of the first click
        predicted[1, 4, 4] = False
        predicted[3, 5, 5] = False
        robot = RobotUser(truth, MM)
        clicks = [robot.next_click(mask) for mask in (EMPTY, predicted, predicted, predicted)]
        assert clicks == [Click(1, 6, 6), Click(1, 4, 4), Click(3, 5, 5), None]


class TestErrorCentre:
    def test_it_clicks_the_middle_of_the_largest_error_of_the_volume(self):
        truth = volume(((0, 1), (0, 20), (0, 20)), ((2, 5), (22, 25), (22, 25)))
        predicted = volume(((0, 1), (0, 20), (0, 20)))
        click = second_click(truth, predicted, ClickRule.ERROR_CENTRE)
        assert click == Click(3, 23, 23, positive=True)

    def test_a_surplus_gives_a_negative_click(self):
        truth = volume(((0, 1), (0, 20), (0, 20)))
        predicted = truth | volume(((2, 5), (22, 25), (22, 25)))
        click = second_click(truth, predicted, ClickRule.ERROR_CENTRE)
        assert click == Click(3, 23, 23, positive=False)

    def test_depth_is_measured_in_millimetres(self):
        # a cube of 3 x 3 x 3, joined to a plate of 11 x 11 that is one slice thick
        error = volume(
            ((1, 4), (2, 5), (2, 5)), ((5, 6), (2, 13), (2, 13)), ((4, 5), (2, 3), (2, 3))
        )
        assert deepest_voxels(error, (1.0, 1.0, 1.0))[0].tolist() == [2, 3, 3]
        assert deepest_voxels(error, (10.0, 1.0, 1.0))[0].tolist() == [5, 7, 7]

    def test_voxels_that_touch_by_a_corner_belong_together(self):
        corner = volume(((1, 2), (4, 6), (4, 6)), ((2, 3), (6, 8), (6, 8)))
        apart = volume(((4, 5), (20, 22), (20, 23)))
        assert np.array_equal(largest_error(corner | apart, EMPTY), corner)

    def test_missed_and_surplus_voxels_that_touch_are_one_error(self):
        truth = volume(((1, 2), (4, 8), (4, 8)))
        predicted = volume(((1, 2), (4, 8), (8, 12)))
        assert np.array_equal(largest_error(truth, predicted), truth | predicted)

    def test_of_equally_large_errors_the_first_in_raster_order_counts(self):
        first = volume(((1, 2), (20, 23), (20, 23)))
        second = volume(((2, 3), (4, 7), (4, 7)))
        assert np.array_equal(largest_error(first | second, EMPTY), first)

    def test_of_equally_deep_voxels_the_first_in_raster_order_is_clicked(self):
        truth = volume(((0, 1), (0, 20), (0, 20)), ((2, 4), (22, 24), (22, 24)))
        predicted = volume(((0, 1), (0, 20), (0, 20)))
        assert second_click(truth, predicted, ClickRule.ERROR_CENTRE) == Click(2, 22, 22)

    def test_the_border_of_the_volume_is_an_edge_of_the_error(self):
        assert deepest_voxels(volume(((0, 5), (0, 5), (0, 5))), MM).tolist() == [[2, 2, 2]]

    def test_a_perfect_mask_ends_the_work(self):
        truth = volume(((0, 2), (0, 20), (0, 20)))
        assert second_click(truth, truth, ClickRule.ERROR_CENTRE) is None
        assert second_click(truth, truth, ClickRule.WORST_SLICE) is None


class TestCvpr25:
    def test_the_first_click_is_in_the_middle_of_the_volume_in_voxels(self):
        truth = volume(((1, 4), (10, 21), (10, 21)))
        truth[0, 0, 0] = True
        click = RobotUser(truth, (9.0, 1.0, 1.0), ClickRule.CVPR25).next_click(EMPTY)
        assert click.slice_index == 2
        assert 11 <= click.row < 20
        assert 11 <= click.column < 20

    def test_of_equally_deep_voxels_one_is_drawn_from_the_same_seed_every_time(self):
        truth = volume(((1, 4), (2, 29), (2, 29)))

        def first_click():
            return RobotUser(truth, MM, ClickRule.CVPR25).next_click(EMPTY)

        assert first_click() == first_click()
        robot = RobotUser(truth, MM, ClickRule.CVPR25)
        assert len({robot.next_click(EMPTY) for _ in range(5)}) > 1


class TestJitter:
    TRUTH = volume(((1, 2), (4, 20), (4, 20)), ((1, 2), (24, 28), (24, 28)))

    def test_a_click_moves_within_its_distance_and_its_part_of_the_error(self):
        robot = RobotUser(self.TRUTH, MM, jitter_pixels=30.0)
        clicks = [robot.next_click(EMPTY) for _ in range(40)]
        assert all(4 <= c.row < 20 and 4 <= c.column < 20 for c in clicks)
        assert len(set(clicks)) == 40  # no pixel twice
        near = RobotUser(self.TRUTH, MM, jitter_pixels=2.0).next_click(EMPTY)
        assert np.hypot(near.row - 11, near.column - 11) <= 2

    def test_the_same_object_is_clicked_alike_every_time(self):
        def clicks():
            robot = RobotUser(self.TRUTH, MM, jitter_pixels=5.0)
            return [robot.next_click(EMPTY) for _ in range(6)]

        assert clicks() == clicks()
        assert clicks()[0] != RobotUser(self.TRUTH, MM).next_click(EMPTY)

    def test_in_a_mixed_error_the_sign_is_that_of_the_pixel_clicked(self):
        truth = volume(((1, 2), (4, 12), (4, 8)), ((0, 1), (0, 32), (0, 32)))
        predicted = volume(((1, 2), (4, 12), (8, 12)), ((0, 1), (0, 32), (0, 32)))
        robot = RobotUser(truth, MM, ClickRule.ERROR_CENTRE, jitter_pixels=8.0)
        robot.next_click(EMPTY)
        clicks = [robot.next_click(predicted) for _ in range(12)]
        assert all(c.positive == (c.column < 8) for c in clicks)
        assert {c.positive for c in clicks} == {True, False}

    @pytest.mark.parametrize("jitter", [-1.0, float("nan")])
    def test_a_negative_distance_is_refused(self, jitter):
        with pytest.raises(ConfigError, match="0 or more"):
            RobotUser(self.TRUTH, MM, jitter_pixels=jitter)


PIECES = json.loads((PARITY / "ritm_pieces.json").read_text())
PUBLISHED = np.load(PARITY / "ritm_pieces.npz")


def test_on_a_single_slice_the_robot_clicks_the_published_sequence():
    sequence = PIECES["robot_sequence"]
    truth = PUBLISHED["robot_sequence_gt"][None] == 1
    rows, columns = np.indices(truth.shape[1:])
    robot, mask, clicks = RobotUser(truth, MM), np.zeros_like(truth), []
    for _ in sequence["clicks"]:
        click = robot.next_click(mask)
        clicks.append([click.row, click.column, int(click.positive)])
        squared = (rows - click.row) ** 2 + (columns - click.column) ** 2
        mask[0][squared <= sequence["disc_radius_sq"]] = click.positive
    assert clicks == sequence["clicks"]


NOT_IN_A_VOLUME = {"ignore_region", "perfect"}  # no pixel is ignored; what is right is left alone
CASES = [c for c in PIECES["robot"] if not c["clicked"] and c["name"] not in NOT_IN_A_VOLUME]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_on_the_worst_slice_the_robot_clicks_where_the_published_one_does(case):
    label = PUBLISHED[f"robot_{case['name']}_gt"][None] == 1
    mask = PUBLISHED[f"robot_{case['name']}_pred"][None] > 0
    # a slice full of the object takes the first click, and is right from then on
    full = np.ones_like(label)
    robot = RobotUser(np.concatenate([full, label]), MM)
    robot.next_click(np.zeros((2, *label.shape[1:]), bool))
    click = robot.next_click(np.concatenate([full, mask]))
    assert (click.slice_index, click.row, click.column) == (1, *case["click"])
    assert click.positive == case["positive"]


def test_the_robot_remembers_its_clicks():
    truth = volume(((1, 2), (4, 9), (4, 9)))
    robot = RobotUser(truth, MM)
    assert robot.clicks == ()
    assert robot.next_click(EMPTY) == robot.clicks[0]
