"""The choice among windows learns to take the best mask, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SlicerLIMNet.networks.light_prompt import WINDOW_NUMBERS, LightPromptNetwork
from SlicerLIMNet.networks.weights import load_weights, save_weights
from SlicerLIMNet.training.config import TrainConfig
from SlicerLIMNet.training.pool import load_pool
from SlicerLIMNet.training.trainer import Trainer
from SlicerLIMNet.training.window_task import FirstLook, WindowBatches, WindowTask
from Testing.unit.training.tiny_data import write_images, write_volumes

SMALL = {"stages": [16, 16, 16, 16], "stem": 8, "eighth": 16, "half": 8}


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return load_pool(write_volumes(folder), write_images(folder), folder / "packs")


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    torch.manual_seed(0)
    configuration = {"widths": SMALL, "with_guides": True}
    path = tmp_path / "prompt.safetensors"
    network = LightPromptNetwork(**configuration)
    save_weights(
        path, network, network="light-prompt", configuration=configuration, trained_on="nothing"
    )
    return TrainConfig(
        volumes="-",
        run=str(tmp_path / "run"),
        output=str(tmp_path / "chosen.safetensors"),
        steps=12,
        batch=8,
        learning_rate=0.01,
        warm_up=2,
        average=0.5,
        threads=1,
        task={"weights": str(path), "samples": 6},
    )


def test_only_the_choice_learns(config, pool, tmp_path):
    task = WindowTask(config, pool)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    Trainer(config, task).run()
    trained, info = load_weights(tmp_path / "chosen.safetensors", "light-prompt")
    assert info.configuration == {"widths": SMALL, "with_guides": True, "with_choice": True}
    after = trained.state_dict()
    changed = {name for name in after if not torch.allclose(after[name], before[name], atol=2e-3)}
    assert changed
    assert all(name.startswith("choice.layers") for name in changed)


def test_first_looks_are_the_same_for_the_same_seed(config, pool):
    one, other = (WindowTask(config, pool).batches.draw(3) for _ in range(2))
    assert torch.equal(one.numbers, other.numbers)
    assert torch.equal(one.dice, other.dice)
    assert one.numbers.shape[-1] == WINDOW_NUMBERS
    assert one.dice.max() <= 1


def test_learning_finds_what_good_windows_have_in_common(config, pool):
    task = WindowTask(config, pool)
    rng = np.random.Generator(np.random.PCG64(1))
    looks = []
    for count in (5, 7) * 40:  # the better the larger the third number
        numbers = rng.standard_normal((count, WINDOW_NUMBERS)).astype(np.float32)
        looks.append(FirstLook(numbers, 1 / (1 + np.exp(-numbers[:, 2]))))
    batches = WindowBatches(looks, 32)
    learner = torch.optim.Adam(task.network.choice.parameters(), 0.02)
    task.network.choice.mean.zero_()
    task.network.choice.deviation.fill_(1)
    told = []
    for step in range(80):
        loss, facts = next(iter(task.losses(batches.draw(step))))
        learner.zero_grad()
        loss.backward()
        learner.step()
        told.append(float(facts["best"] - facts["dice"]))
    assert np.mean(told[-10:]) < 0.2 * np.mean(told[:3])
