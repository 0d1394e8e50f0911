from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.imaging.crops import JudgeCropConfig, judge_crop

CONFIG = JudgeCropConfig(size=96, expansion=1.5, least_side=64)


def masks_of(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> list[np.ndarray]:
    """A mask for every box (first row, end row, first column, end column)."""
    masks = [np.zeros(shape, bool) for _ in boxes]
    for mask, (top, bottom, left, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


def test_the_crop_is_a_square_around_the_union_half_as_large_again():
    a, b = masks_of((512, 512), (200, 296, 200, 232), (216, 280, 232, 264))
    crop = judge_crop(np.ones((512, 512), np.float32), a, b, CONFIG)
    # the union is 96 rows high, so 144 pixels become 96: two thirds
    assert crop.mask_a.sum() == pytest.approx(64 * 64 / 3, rel=0.05)
    rows, columns = np.nonzero(crop.mask_a | crop.mask_b)
    assert (rows.min(), rows.max() + 1) == (16, 80)
    assert abs((columns.min() + columns.max()) / 2 - 47.5) <= 0.5


def test_a_small_object_keeps_its_surroundings():
    a, b = masks_of((512, 512), (250, 258, 250, 258), (250, 254, 250, 258))
    crop = judge_crop(np.ones((512, 512), np.float32), a, b, CONFIG)
    assert crop.mask_a.sum() == (8 * 96 / 64) ** 2  # 64 pixels become 96


def test_the_smallest_crop_follows_the_size_of_the_slice():
    a, b = masks_of((128, 100), (60, 62, 50, 52), (60, 61, 50, 52))
    crop = judge_crop(np.ones((128, 100), np.float32), a, b, CONFIG)
    side = 64 * 128 / 512
    assert crop.mask_a.sum() == pytest.approx((2 * 96 / side) ** 2, rel=0.1)


def test_what_lies_outside_the_slice_is_empty():
    a, b = masks_of((128, 128), (0, 40, 0, 40), (0, 40, 0, 30))
    crop = judge_crop(np.ones((128, 128), np.float32), a, b, CONFIG)
    assert not crop.image[0].any()
    assert not crop.mask_a[0].any()
    assert crop.image[48, 48] == 1
    assert crop.mask_a[48, 48]


def test_a_colour_slice_keeps_its_colours():
    image = np.zeros((128, 128, 3), np.float32)
    image[..., 1] = 0.5
    a, b = masks_of((128, 128), (40, 80, 40, 80), (40, 80, 40, 70))
    crop = judge_crop(image, a, b, CONFIG)
    assert crop.image.shape == (96, 96, 3)
    np.testing.assert_allclose(crop.image[48, 48], [0, 0.5, 0])


def test_exchanged_masks_give_the_exchanged_crop():
    image = np.random.default_rng(0).random((90, 128), np.float32)
    a, b = masks_of((90, 128), (10, 70, 30, 80), (20, 60, 40, 120))
    one, other = judge_crop(image, a, b, CONFIG), judge_crop(image, b, a, CONFIG)
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.mask_a, other.mask_b)
    np.testing.assert_array_equal(one.mask_b, other.mask_a)


def test_an_empty_mask_is_compared_with_the_other_one():
    a, b = masks_of((128, 128), (40, 80, 40, 80), (0, 0, 0, 0))
    crop = judge_crop(np.ones((128, 128), np.float32), a, b, CONFIG)
    assert crop.mask_a.any()
    assert not crop.mask_b.any()


def test_two_empty_masks_are_nothing_to_compare():
    a, b = masks_of((128, 128), (0, 0, 0, 0), (0, 0, 0, 0))
    with pytest.raises(ValueError, match="both masks are empty"):
        judge_crop(np.ones((128, 128), np.float32), a, b, CONFIG)
