from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.training.augment import Warp, blur, change_intensity, coarsen, draw_window
from SlicerLIMNet.training.pool_files import LabelledVolume

SIZE = 48


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def volume_of(modality: str, window: tuple[float, float]) -> LabelledVolume:
    empty = np.zeros((1, 1, 1))
    return LabelledVolume(
        "made",
        "made",
        1.0,
        empty.astype(np.uint8),
        empty.astype(np.uint16),
        (),
        (1.0, 1.0, 1.0),
        window,
        modality,
    )


def windows_of(modality: str, window: tuple[float, float]) -> np.ndarray:
    generator, volume = rng(), volume_of(modality, window)
    return np.array([draw_window(volume, generator) for _ in range(400)])


def test_ct_mostly_gets_the_window_of_the_engine():
    low, high = (np.array([-160.0, 240.0]) + 250) * 255 / 650
    windows = windows_of("CT", (-250.0, 400.0))
    is_own = np.abs(windows - (low, high)).max(axis=1) < 25
    assert 0.5 < is_own.mean() < 0.75


@pytest.mark.parametrize(
    ("modality", "window"), [("MR", (-250.0, 400.0)), ("CT", (300.0, 1300.0)), ("PET", (0.0, 9.0))]
)
def test_everything_else_gets_nearly_all_that_is_stored(modality, window):
    windows = windows_of(modality, window)
    assert windows[:, 0].min() >= 0
    assert windows[:, 0].max() <= 0.08 * 255
    assert windows[:, 1].min() >= 0.85 * 255
    assert windows[:, 1].max() <= 1.1 * 255


@pytest.mark.parametrize("seed", range(12))
def test_a_warp_keeps_the_centre_and_about_the_area(seed):
    matrix = Warp.draw(SIZE, rng(seed)).matrix.astype(float)
    middle = (SIZE - 1) / 2
    np.testing.assert_allclose(matrix @ [middle, middle, 1], [middle, middle], atol=1e-3)
    assert 0.6 < abs(np.linalg.det(matrix[:, :2])) < 1.7


def test_warps_turn_over_and_transpose():
    linear = np.array([Warp.draw(SIZE, rng(seed)).matrix[:, :2] for seed in range(40)])
    assert set(np.sign(np.linalg.det(linear))) == {-1, 1}
    assert 2 < np.count_nonzero(np.abs(linear[:, 0, 1]) > np.abs(linear[:, 0, 0])) < 25


@pytest.mark.parametrize("seed", range(6))
def test_images_and_masks_move_together(seed):
    warp = Warp.draw(SIZE, rng(seed))
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[14:30, 10:38] = 1
    colours = np.dstack([mask, 0.5 * mask, 0 * mask])
    moved = warp.apply(colours)
    np.testing.assert_allclose(moved[..., 0], warp.apply(mask), atol=1e-6)
    np.testing.assert_allclose(moved[..., 1], 0.5 * warp.apply(mask), atol=1e-6)
    assert warp.apply(mask).shape == mask.shape


def test_what_comes_from_outside_is_zero():
    warp = Warp(np.array([[1, 0, 10], [0, 1, 0]], np.float32))
    moved = warp.apply(np.ones((SIZE, SIZE), np.float32))
    assert (moved[:, :10] == 0).all()
    assert (moved[:, 10:] == 1).all()


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (SIZE, SIZE, 3), (4, SIZE, SIZE)])
def test_changed_intensities_stay_in_range_and_shape(shape):
    image = rng().random(shape, dtype=np.float32)
    for seed in range(12):
        changed = change_intensity(image, rng(seed))
        assert changed.shape == shape
        assert changed.dtype == np.float32
        assert 0 <= changed.min() <= changed.max() <= 1


def test_slices_of_a_sequence_are_changed_alike():
    image = rng().random((SIZE, SIZE), dtype=np.float32)
    for seed in range(20):
        one, other = change_intensity(np.stack([image, image]), rng(seed))
        assert np.abs(one - other).mean() < 0.15  # noise alone differs
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.8


def test_a_blur_comes_now_and_then_and_changes_nothing_else():
    image = rng().random((SIZE, SIZE, 3), dtype=np.float32)
    blurred = [blur(image, rng(seed)) for seed in range(60)]
    softer = [answer for answer in blurred if answer is not image]
    assert 3 <= len(softer) <= 25
    for answer in softer:
        assert answer.shape == image.shape
        assert answer.std() < image.std()
        assert answer.mean() == pytest.approx(image.mean(), abs=0.02)


def test_a_seed_fixes_every_change():
    image = rng().random((SIZE, SIZE), dtype=np.float32)
    for change in (change_intensity, blur):
        np.testing.assert_array_equal(change(image, rng(7)), change(image, rng(7)))
    np.testing.assert_array_equal(Warp.draw(9, rng(7)).matrix, Warp.draw(9, rng(7)).matrix)


def test_coarser_slices_keep_their_shape_and_lose_detail():
    rng = np.random.Generator(np.random.PCG64(4))
    checks = np.indices((32, 32)).sum(axis=0) % 2
    images = np.stack([checks, checks]).astype(np.float32)
    draws = [coarsen(images, rng) for _ in range(30)]
    assert all(draw.shape == images.shape and draw.dtype == np.float32 for draw in draws)
    changed = [draw for draw in draws if not np.array_equal(draw, images)]
    assert 0 < len(changed) < len(draws)
    assert all(draw.std() < images.std() for draw in changed)
