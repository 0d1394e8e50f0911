from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SlicerLIMNet.imaging.resample import bounding_box, cut, paste, square_box, to_box

ROWS, COLUMNS = 60, 80
ROW_OF, COLUMN_OF = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)


def value_at(patch: np.ndarray, places: list[tuple[float, float]]) -> np.ndarray:
    """Read an image between pixel centres, linearly."""
    return ndimage.map_coordinates(patch, np.array(places).T, order=1)


@pytest.mark.parametrize(
    ("centre", "side", "box"),
    [
        ((10, 20), 5, (8, 13, 18, 23)),
        ((10.5, 20.5), 4, (9, 13, 19, 23)),
        ((0, 0), 3, (-1, 2, -1, 2)),
        ((7.5, 3.5), 0.1, (7, 9, 3, 5)),
    ],
)
def test_a_square_lies_around_its_centre(centre, side, box):
    assert square_box(centre, side) == box


@pytest.mark.parametrize("side", [2, 5, 8, 31, 64])
def test_a_square_is_off_its_centre_by_half_a_pixel_at_most(side):
    rng = np.random.default_rng(side)
    for row, column in rng.uniform(-5, 90, (50, 2)):
        top, bottom, left, right = square_box((row, column), side)
        assert bottom - top == right - left == side
        assert abs((top + bottom - 1) / 2 - row) <= 0.5
        assert abs((left + right - 1) / 2 - column) <= 0.5


def test_a_bounding_box_is_half_open_and_touches_the_mask_on_every_side():
    mask = np.zeros((9, 12), bool)
    mask[2:5, 3] = mask[4, 3:11] = True
    assert bounding_box(mask) == (2, 5, 3, 11)


def test_a_single_pixel_has_a_box_and_an_empty_mask_has_none():
    mask = np.zeros((9, 12), bool)
    assert bounding_box(mask) is None
    mask[8, 11] = True
    assert bounding_box(mask) == (8, 9, 11, 12)


def test_a_box_cut_at_its_own_size_is_a_copy_of_the_pixels():
    image = np.random.default_rng(0).random((ROWS, COLUMNS), dtype=np.float32)
    patch = cut(image, (10, 30, 5, 45), (20, 40))
    np.testing.assert_array_equal(patch, image[10:30, 5:45])
    patch[:] = 0
    assert image[10:30, 5:45].all()


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.int16, np.float64])
def test_numbers_and_masks_become_float32_of_the_same_values(dtype):
    image = (COLUMN_OF > 40).astype(dtype)
    patch = cut(image, (0, 20, 30, 50), (20, 20))
    assert patch.dtype == np.float32
    np.testing.assert_array_equal(patch, image[:20, 30:50])


def test_colours_keep_their_channels():
    image = np.stack([ROW_OF, COLUMN_OF, ROW_OF + COLUMN_OF], axis=2)
    patch = cut(image, (4, 44, 4, 44), (20, 20))
    assert patch.shape == (20, 20, 3)
    for channel in range(3):
        np.testing.assert_array_equal(
            patch[..., channel], cut(image[..., channel], (4, 44, 4, 44), (20, 20))
        )


@pytest.mark.parametrize(
    "box", [(-10, 30, -20, 20), (40, 80, 50, 90), (-10, 70, -10, 90), (20, 21, -3, 100)]
)
def test_what_sticks_out_of_the_slice_is_zero(box):
    top, bottom, left, right = box
    patch = cut(np.ones((ROWS, COLUMNS)), box, (bottom - top, right - left))
    inside = np.zeros(patch.shape, bool)
    inside[max(0, -top) : ROWS - top, max(0, -left) : COLUMNS - left] = True
    np.testing.assert_array_equal(patch, inside)


@pytest.mark.parametrize(
    "box", [(-40, -8, 5, 37), (5, 37, 80, 112), (ROWS, ROWS + 4, COLUMNS, COLUMNS + 4)]
)
def test_a_box_beside_the_slice_is_all_zero_both_ways(box):
    assert not cut(np.ones((ROWS, COLUMNS), bool), box, (16, 16)).any()
    assert not paste(np.ones((16, 16), np.float32), box, (ROWS, COLUMNS)).any()


def test_shrinking_averages_all_pixels():
    image = np.random.default_rng(1).random((32, 48), dtype=np.float32)
    patch = cut(image, (0, 32, 0, 48), (8, 8))
    np.testing.assert_allclose(patch, image.reshape(8, 4, 8, 6).mean(axis=(1, 3)), atol=1e-6)


def test_an_axis_that_grows_does_not_spoil_the_average_along_one_that_shrinks():
    stripes = np.zeros((32, 10), np.float32)
    stripes[::2] = 1
    np.testing.assert_allclose(cut(stripes, (0, 32, 0, 10), (16, 20)), 0.5, atol=1e-6)
    np.testing.assert_allclose(paste(stripes, (0, 16, 0, 20), (16, 20)), 0.5, atol=1e-6)


@pytest.mark.parametrize("size", [(128, 128), (20, 20), (37, 37), (13, 13), (128, 16), (9, 70)])
@pytest.mark.parametrize("box", [(10, 50, 20, 60), (-15, 55, 5, 75), (30, 50, 25, 45)])
def test_points_move_as_pixel_areas_do(box, size):
    places = [(31.0, 36.0), (40.25, 30.5), (44.0, 40.0), (36.75, 28.0)]
    moved = to_box(places, box, size)
    for ramp, axis in ((ROW_OF, 0), (COLUMN_OF, 1)):
        seen = value_at(cut(ramp, box, size), moved)
        np.testing.assert_allclose(seen, [place[axis] for place in places], atol=0.1)


def test_the_corners_of_a_box_are_half_a_pixel_outside_the_outermost_centres():
    (first, last) = to_box([(9.5, 19.5), (49.5, 59.5)], (10, 50, 20, 60), (80, 20))
    assert first == (-0.5, -0.5)
    assert last == (79.5, 19.5)


@pytest.mark.parametrize("size", [(20, 20), (40, 40), (120, 120), (128, 128), (31, 31)])
def test_an_answer_returns_to_where_it_was_cut(size):
    box = (8, 48, 30, 70)
    for ramp in (ROW_OF, COLUMN_OF):
        there_and_back = paste(cut(ramp, box, size), box, ramp.shape)
        inner = (slice(12, 44), slice(34, 66))
        np.testing.assert_allclose(there_and_back[inner], ramp[inner], atol=0.1)


@pytest.mark.parametrize("box", [(8, 48, 30, 70), (-20, 44, 20, 84), (0, 60, 0, 60)])
@pytest.mark.parametrize("size", [48, 128])
def test_a_mask_survives_the_round_trip(box, size):
    mask = np.hypot(ROW_OF - 28, COLUMN_OF - 48) < 12
    back = paste(cut(mask, box, (size, size)), box, mask.shape) > 0.5
    assert np.count_nonzero(back ^ mask) <= 0.04 * np.count_nonzero(mask)


def test_a_pasted_answer_is_zero_outside_its_box():
    whole = paste(np.ones((16, 16), np.float32), (-4, 12, 70, 86), (ROWS, COLUMNS))
    expected = np.zeros((ROWS, COLUMNS), np.float32)
    expected[:12, 70:] = 1
    np.testing.assert_array_equal(whole, expected)
    assert whole.dtype == np.float32


def test_slices_one_pixel_high_can_be_cut_and_pasted():
    row = np.arange(40, dtype=np.float32)[None]
    patch = cut(row, (-4, 5, 10, 19), (18, 18))
    assert not patch[:7].any()
    np.testing.assert_array_equal(np.flatnonzero(patch[8:10].any(axis=0)), np.arange(18))
    answer = np.zeros((18, 18), np.float32)
    answer[8:10, 4:8] = 1
    pasted = paste(answer, (-4, 5, 10, 19), row.shape)
    np.testing.assert_array_equal(np.flatnonzero(pasted), [12, 13])
