import numpy as np
import pytest

from SlicerLIMNet.domain.masks import EMPTY_BOX, SparseProbability, quantise


def test_no_probability_changes_sides_when_it_becomes_a_byte():
    near_half = np.float32(0.5) + np.arange(-50, 51, dtype=np.float32) * np.float32(2**-24)
    everywhere = np.linspace(0, 1, 100_001, dtype=np.float32)
    neighbours = np.nextafter(np.arange(256, dtype=np.float32) / 255, np.float32(0.5))
    for probability in (near_half, everywhere, neighbours):
        np.testing.assert_array_equal(quantise(probability) >= 128, probability > 0.5)


def test_bytes_come_back_through_probabilities_unchanged():
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    sparse = SparseProbability.from_bytes(stored)
    np.testing.assert_array_equal(quantise(sparse.dense()), stored)
    assert SparseProbability.from_dense(sparse.dense()) == sparse


def test_only_the_box_around_the_object_is_kept():
    dense = np.zeros((100, 200), np.float32)
    dense[10:12, 150:153] = 0.8
    sparse = SparseProbability.from_dense(dense)
    assert sparse.box == (10, 12, 150, 153)
    assert sparse.values.shape == (2, 3)
    assert sparse.values.base is None
    np.testing.assert_array_equal(sparse.mask(), dense > 0.5)
    np.testing.assert_allclose(sparse.dense(), dense, atol=0.5 / 255)
    assert sparse.dense().dtype == np.float32


def test_equal_content_is_equal_however_it_was_given():
    values = np.zeros((4, 4), np.uint8)
    values[1, 2] = 9
    wide = SparseProbability((8, 8), (2, 6, 1, 5), values)
    tight = SparseProbability((8, 8), (3, 4, 3, 4), np.array([[9]], np.uint8))
    assert wide == tight
    assert hash(wide) == hash(tight)
    assert wide != SparseProbability((8, 9), (3, 4, 3, 4), np.array([[9]], np.uint8))
    assert wide != SparseProbability((8, 8), (3, 4, 3, 4), np.array([[8]], np.uint8))
    assert wide != "something else"


def test_a_stored_slice_cannot_be_changed():
    sparse = SparseProbability.from_mask(np.eye(3, dtype=bool))
    with pytest.raises(ValueError, match="read-only"):
        sparse.values[0, 0] = 1
    assert sparse.values.max() == 255


def test_an_empty_slice_has_no_box():
    empty = SparseProbability.from_dense(np.zeros((5, 6), np.float32))
    assert empty == SparseProbability.empty((5, 6))
    assert empty.is_empty
    assert not empty.has_foreground
    assert empty.box == EMPTY_BOX
    assert empty.mask().shape == empty.dense().shape == (5, 6)
    assert not empty.mask().any()


def test_a_weak_probability_is_kept_without_a_mask():
    weak = SparseProbability.from_dense(np.full((2, 2), 0.3, np.float32))
    assert not weak.is_empty
    assert not weak.has_foreground


def test_probabilities_beyond_their_range_are_clipped():
    np.testing.assert_array_equal(quantise(np.array([-1.0, 2.0])), [0, 255])


def test_masks_are_compared_whatever_the_probabilities():
    mask = np.zeros((9, 11), bool)
    mask[3:6, 4:8] = True
    sure = SparseProbability.from_mask(mask)
    unsure = SparseProbability.from_dense(np.where(mask, 0.6, 0.3).astype(np.float32))
    assert sure.has_mask_of(unsure)
    assert unsure.has_mask_of(sure)
    other = mask.copy()
    other[4, 5] = False
    assert not sure.has_mask_of(SparseProbability.from_mask(other))
    assert not sure.has_mask_of(SparseProbability.from_mask(np.roll(mask, 1, axis=0)))
    assert not sure.has_mask_of(SparseProbability.from_mask(np.pad(mask, ((0, 1), (0, 0)))))


def test_empty_masks_are_equal():
    faint = SparseProbability.from_dense(np.full((5, 6), 0.2, np.float32))
    assert faint.has_mask_of(SparseProbability.empty((5, 6)))
    assert not faint.has_mask_of(SparseProbability.from_mask(np.ones((5, 6), bool)))
