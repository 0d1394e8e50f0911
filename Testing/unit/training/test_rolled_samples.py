"""Wrong slices of rollouts as samples of corrections."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.training.rolled_samples import RolledSlices, softened

SIZE = 64


def disk(row: float, column: float, radius: float, side: int = 48) -> np.ndarray:
    rows, columns = np.ogrid[:side, :side]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def write_rollout(folder, name, truth, masks, images=None, clicked=(0, 2)):
    images = np.full(truth.shape, 90, np.uint8) if images is None else images
    np.savez_compressed(
        folder / f"{name}.npz",
        images=images,
        truth=np.packbits(truth),
        masks=np.packbits(masks),
        shape=np.array(masks.shape),
        clicked=np.array(clicked[: len(masks)]),
        slice_step=2.0,
    )


@pytest.fixture
def folder(tmp_path):
    """One object on slices 0 and 1: missed on 1 in round 1, and carried on to 2 in round 2."""
    nothing = np.zeros((48, 48), bool)
    ball = disk(24, 24, 8)
    truth = np.stack([ball, ball, nothing])
    rounds = np.stack([[ball, nothing, nothing], [ball, ball, ball]])
    write_rollout(tmp_path, "case_01-3", truth, rounds)
    return tmp_path


def rng_of(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_only_wrong_slices_are_drawn_with_the_click_that_corrects_them(folder):
    slices = RolledSlices(folder, lambda name: True)
    kinds = set()
    for seed in range(40):
        drawn = slices.draw(SIZE, rng_of(seed))
        if drawn is None:
            continue
        image, truth, before, click = drawn[:4]
        assert image.shape == truth.shape == before.shape == (SIZE, SIZE)
        assert 0 <= image.min() <= image.max() <= 1
        assert truth.any() != before.any()
        assert click.positive == truth.any()
        assert (truth | before)[int(click.row), int(click.column)]
        kinds.add(click.positive)
    assert kinds == {True, False}


def test_the_worst_slices_are_drawn_most_often(tmp_path):
    ball = disk(24, 24, 8)
    bad, good = disk(24, 32, 8), disk(24, 25, 8)
    images = np.stack([np.full(ball.shape, level, np.uint8) for level in (60, 200)])
    write_rollout(tmp_path, "case-1", np.stack([ball, ball]), np.stack([[bad, good]]), images)
    slices = RolledSlices(tmp_path, lambda name: True)
    drawn = [slices.draw(SIZE, rng_of(seed)) for seed in range(60)]
    of_bad_slice = [found[0].max() < 0.5 for found in drawn if found is not None]
    assert sum(of_bad_slice) > 0.9 * len(of_bad_slice) > 40


def test_a_first_look_sees_a_window_of_any_scale(folder):
    slices = RolledSlices(folder, lambda name: True)
    shares = []
    for seed in range(60):
        drawn = slices.draw(SIZE, rng_of(seed))
        if drawn is not None and drawn[3].positive:
            shares.append(drawn[1].mean())
    assert min(shares) < 0.2
    assert max(shares) > 0.5


def test_the_same_seed_gives_the_same_sample(folder):
    slices = RolledSlices(folder, lambda name: True)
    one, other = (slices.draw(SIZE, rng_of(3)) for _ in range(2))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_correction_knows_the_clicked_slices_and_the_nearest_mask(folder):
    slices = RolledSlices(folder, lambda name: True)
    drawn = [found for seed in range(60) if (found := slices.draw(SIZE, rng_of(seed)))]
    missed = [found for found in drawn if found.truth.any()]  # slice 1 after round 1
    carried = [found for found in drawn if not found.truth.any()]  # slice 2 after round 2
    assert missed
    assert carried
    for found in missed:  # slice 0 was clicked, and is the only one with a mask
        assert found.nearness == [pytest.approx(np.exp(-2 / 17))] * 2
        np.testing.assert_array_equal(found.guide_masks[0], found.guide_masks[1])
    for found in carried:  # slice 1 is nearer than slice 0, which was clicked
        assert found.nearness == pytest.approx([np.exp(-4 / 17), np.exp(-2 / 17)])
    assert {found.guide_pixels.shape for found in drawn} == {(2, SIZE, SIZE)}


def test_volumes_that_are_held_out_are_not_read(folder):
    asked = []
    with pytest.raises(ConfigError, match="holds no rollouts"):
        RolledSlices(folder, lambda name: bool(asked.append(name)))
    assert asked == ["case_01"]


def test_a_mask_becomes_soft_now_and_then():
    mask = disk(20, 20, 6)
    made = [softened(mask, rng_of(seed)) for seed in range(20)]
    is_soft = [bool(((soft > 0) & (soft < 1)).any()) for soft in made]
    assert 4 < sum(is_soft) < 16
    assert all(((soft > 0.5) == mask).mean() > 0.95 for soft in made)
