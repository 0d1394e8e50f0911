from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SlicerLIMNet.imaging.error_clicks import (
    PixelClick,
    depth_map,
    next_click,
    training_candidates,
)

EMPTY = np.zeros((9, 11), bool)
BLOCK = EMPTY.copy()
BLOCK[2:7, 3:8] = True


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (57, 31), (130, 200)])
def test_depths_are_exact_distances(shape):
    rng = np.random.default_rng(2)
    mask = ndimage.gaussian_filter(rng.standard_normal(shape), 2) > -0.05
    expected = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    np.testing.assert_allclose(depth_map(mask), expected, atol=1e-5)


def test_the_click_is_the_deepest_pixel_of_what_is_missed():
    assert next_click(BLOCK, EMPTY) == PixelClick(4, 5, True)


def test_the_click_is_negative_on_what_is_too_much():
    assert next_click(EMPTY, BLOCK) == PixelClick(4, 5, False)


def test_a_right_mask_gets_no_click():
    assert next_click(BLOCK, BLOCK) is None


def test_a_clicked_pixel_is_not_clicked_again_whatever_its_sign():
    clicked = [PixelClick(4, 5, False)]
    assert next_click(BLOCK, EMPTY, clicked) == PixelClick(3, 4, True)


def test_no_click_is_left_when_every_wrong_pixel_was_clicked():
    wrong = EMPTY.copy()
    wrong[4, 4] = True
    assert next_click(wrong, EMPTY, [PixelClick(4, 4, True)]) is None


def test_ignored_pixels_are_never_clicked():
    assert next_click(np.where(BLOCK, -1, 0), BLOCK) is None


def test_candidates_lie_deeper_than_half_the_deepest_in_raster_order():
    candidates = training_candidates(BLOCK, EMPTY)
    assert candidates is not None
    assert candidates.positive
    inner = [(row, column) for row in range(3, 6) for column in range(4, 7)]
    assert [tuple(place) for place in candidates.rows_columns.tolist()] == inner


def test_a_pixel_at_the_threshold_is_no_error_of_either_kind():
    assert training_candidates(BLOCK, np.full(BLOCK.shape, 0.49)) is None
