import sys

import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.metrics import (
    area_under_curve,
    challenge_scores,
    clicks_to_reach,
    dice,
    dice_by_slice,
    slices_worsened,
    surface_dice,
)

EMPTY = np.zeros((3, 4, 5), bool)


def block(*bounds: tuple[int, int], shape=(3, 4, 5)):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(low, high) for low, high in bounds)] = True
    return mask


def test_dice_counts_the_overlap_twice():
    truth = block((0, 1), (0, 2), (0, 2))  # 4 voxels
    predicted = block((0, 1), (0, 2), (1, 4))  # 6 voxels, 2 of them shared
    assert dice(truth, predicted) == pytest.approx(0.4)


def test_dice_of_empty_masks_is_one_and_of_one_empty_mask_zero():
    full = block((0, 1), (0, 2), (0, 2))
    assert dice(EMPTY, EMPTY) == 1.0
    assert dice(full, EMPTY) == 0.0
    assert dice(EMPTY, full) == 0.0


def test_dice_by_slice_follows_the_same_rules_on_every_slice():
    truth = block((0, 2), (0, 2), (0, 2))
    predicted = block((1, 3), (0, 2), (0, 1))
    # missed, half of it found, drawn where nothing is
    assert dice_by_slice(truth, predicted) == pytest.approx([0, 2 / 3, 0])
    assert dice_by_slice(EMPTY, EMPTY) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(("spacing", "expected"), [(1.0, 1.0), (3.0, 0.0)])
def test_surface_dice_measures_in_millimetres(spacing, expected):
    # two parallel plates one voxel thick, two voxels apart, along an axis of 1 or 3 mm
    shape = (12, 9, 9)
    one = np.zeros(shape, bool)
    other = np.zeros(shape, bool)
    one[4], other[6] = True, True
    assert surface_dice(one, other, (spacing, 1, 1)) == pytest.approx(expected)


def test_surface_dice_of_equal_and_of_empty_masks():
    full = block((1, 2), (1, 3), (1, 4))
    assert surface_dice(full, full, (2, 1, 1)) == 1.0
    assert surface_dice(EMPTY, EMPTY, (2, 1, 1)) == 1.0
    assert surface_dice(full, EMPTY, (2, 1, 1)) == 0.0
    assert surface_dice(EMPTY, full, (2, 1, 1)) == 0.0


def test_surface_dice_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "surface_distance", None)
    full = block((1, 2), (1, 3), (1, 4))
    with pytest.raises(ConfigError, match="pip install"):
        surface_dice(full, full, (1, 1, 1))


def test_slices_worsened_counts_slices_with_an_object_or_a_mask():
    truth = block((0, 2), (0, 2), (0, 2))
    before = truth.copy()
    after = truth.copy()
    after[1, 1, 1] = False  # worse
    after[2, 0, 0] = True  # drawn where nothing was: worse, and the slice counts
    assert slices_worsened(truth, before, after) == pytest.approx(2 / 3)
    assert slices_worsened(truth, after, before) == 0.0
    assert slices_worsened(EMPTY, EMPTY, EMPTY) == 0.0


def test_slices_worsened_forgives_a_fall_within_the_margin():
    truth = np.ones((1, 20, 20), bool)
    after = truth.copy()
    after[0, 0, :4] = False  # Dice 396 / 398
    assert slices_worsened(truth, truth, after) == 0.0
    assert slices_worsened(truth, truth, after, margin=0.004) == 1.0


def test_area_under_the_curve_of_five_perfect_scores_is_four():
    assert area_under_curve([1.0] * 5) == 4.0
    assert area_under_curve([0.0, 1.0, 0.5]) == pytest.approx(1.25)
    assert area_under_curve([0.7]) == 0.0


def test_clicks_to_reach_counts_from_one_and_gives_the_most_if_never():
    scores = [0.5, 0.85, 0.8, 0.9]
    assert clicks_to_reach(scores, 0.8) == 2
    assert clicks_to_reach(scores, 0.85) == 2
    assert clicks_to_reach(scores, 0.95) == 20
    assert clicks_to_reach([0.1] * 6 + [0.9], 0.9, most=5) == 5


def test_the_challenge_counts_five_clicks_and_no_surface_of_a_mask_that_hardly_overlaps():
    dice_scores = [0.1, 0.2, 0.4, 0.8, 1.0, 0.0]
    surface_scores = [0.9, 0.9, 0.5, 0.7, 0.9, 0.0]
    found = challenge_scores(dice_scores, surface_scores)
    assert found["area_dice"] == pytest.approx(0.05 + 0.2 + 0.4 + 0.8 + 0.5)
    assert found["area_nsd"] == pytest.approx(0 + 0 + 0.5 + 0.7 + 0.45)  # 0, 0, .5, .7, .9
    assert (found["final_dice"], found["final_nsd"]) == (1.0, 0.9)
    assert challenge_scores([1.0] * 5, [1.0] * 5)["area_nsd"] == 4.0
