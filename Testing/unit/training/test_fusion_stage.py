"""Rollouts of the real session, pairs of their masks, and two steps of the judge."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.crops import JudgeCropConfig
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.training import fusion_task
from SlicerLIMNet.training.config import TrainConfig
from SlicerLIMNet.training.fusion_data import LEAST_DIFFERENCE, PairSampler
from SlicerLIMNet.training.fusion_task import FusionTask
from SlicerLIMNet.training.pool import load_pool
from SlicerLIMNet.training.rollouts import Rollout, RolloutConfig, describe, rollouts
from Testing.doubles import FakeNetworks
from Testing.unit.training.tiny_data import SHAPE, write_volumes

TWO_ROUNDS = RolloutConfig(rounds=2, jitter_pixels=0.0, most_per_group=2)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return load_pool(
        write_volumes(folder), None, folder / "packs", held_out=("kbp",), only_held_out=True
    )


def disc(row: int, column: int, radius: int) -> np.ndarray:
    rows, columns = np.mgrid[:40, :40]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


@pytest.fixture
def made() -> list[Rollout]:
    """One slice: a bad first round, a good second one."""
    truth = disc(20, 20, 9)[None]
    masks = np.stack([disc(20, 20, 5)[None], disc(20, 20, 8)[None]])
    images = (80 + 100 * truth).astype(np.uint8)
    return [Rollout(images, truth, masks, np.zeros(2, np.int64), 1.0)]


def test_rollouts_hold_every_round_of_the_session(pool, tmp_path):
    found = rollouts(pool, tmp_path, TWO_ROUNDS, FakeNetworks)
    assert len(found) == 2
    for rollout in found:
        assert rollout.images.shape == rollout.truth.shape == SHAPE
        assert rollout.masks.shape == (2, *SHAPE)
        assert rollout.masks[0].any()
        assert rollout.truth[rollout.clicked[0]].any()
        assert rollout.slice_step > 0
    assert describe(found).startswith("2 objects, mean Dice a round ")


def test_rollouts_that_are_there_are_not_made_again(pool, tmp_path):
    first = rollouts(pool, tmp_path, TWO_ROUNDS, FakeNetworks)

    def no_engine():
        raise AssertionError("nothing is missing")

    second = rollouts(pool, tmp_path, TWO_ROUNDS, no_engine)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.truth, other.truth)
        assert np.array_equal(one.masks, other.masks)


def test_the_better_mask_of_a_pair_has_the_larger_target(made):
    sampler = PairSampler(made, JudgeCropConfig(size=32), seed=5)
    for pair in (sampler.draw() for _ in range(40)):
        assert abs(pair.difference) >= LEAST_DIFFERENCE
        assert (pair.target > 0.5) == (pair.difference > 0)
        assert 0.02 <= pair.target <= 0.98
        assert 0.25 <= pair.weight <= 1.0


def test_neighbouring_rounds_come_in_both_orders_with_their_own_dice(made):
    sampler = PairSampler(made, JudgeCropConfig(size=32), seed=7)
    gap = dice(made[0].truth, made[0].masks[1]) - dice(made[0].truth, made[0].masks[0])
    differences = [sampler.draw().difference for _ in range(60)]
    assert any(value == pytest.approx(gap) for value in differences)
    assert any(value == pytest.approx(-gap) for value in differences)


def test_the_same_seed_draws_the_same_pairs(made):
    one, other = (PairSampler(made, JudgeCropConfig(size=32), seed=9).draw() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.crop, other.crop, strict=True))
    assert one.difference == other.difference


def fusion_config(folder, **task) -> TrainConfig:
    return TrainConfig(
        str(write_volumes(folder)),
        cache=str(folder / "packs"),
        held_out=("kbp",),
        batch=4,
        task={"rollouts": {"rounds": 2, "most_per_group": 2}, **task},
    )


def test_a_batch_of_the_judge_gives_a_loss_with_gradient(tmp_path, monkeypatch):
    monkeypatch.setattr(fusion_task, "_engine", lambda device, weights: FakeNetworks())
    task = FusionTask(fusion_config(tmp_path))
    ((loss, figures),) = task.losses(task.batches.draw(0))
    loss.backward()
    assert 0 < loss.item() < 2
    assert 0 <= figures["accuracy"] <= 1
    assert all(p.grad is not None for p in task.network.head.parameters())


@pytest.mark.parametrize("wrong", [{"unknown": 1}, {"rollouts": {"laps": 3}}])
def test_an_unknown_setting_is_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match="do not fit the stage"):
        FusionTask(fusion_config(tmp_path, **wrong))
