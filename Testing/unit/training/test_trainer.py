from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from SlicerLIMNet.errors import ConfigError, WeightsError
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.networks.weights import load_weights, save_weights
from SlicerLIMNet.training.config import TrainConfig
from SlicerLIMNet.training.pictures import Picture, Tile
from SlicerLIMNet.training.trainer import Trainer, train
from Testing.unit.training.tiny_data import write_images, write_volumes

TASKS = {
    "prompt": {"size": 64},
    "memory": {"size": 64, "lengths": [3], "slices": 6},
}
STATE = ("network", "average")


class Stopped(Exception):  # noqa: N818
    """As if the machine had been switched off."""


class Seeds:
    """Batches that are nothing but their seeds."""

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def draw(self, seed: int) -> int:
        self.drawn.append(seed)
        return seed


class LineTask:
    """Fits a line through a few points, the same ones in every step."""

    registry_name = "line"

    def __init__(self, seed: int = 0, passes: int = 1, last: int | None = None) -> None:
        torch.manual_seed(seed)
        self.configuration: dict = {"kind": "straight"}
        self.network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
        self.passes = passes
        self.left = last
        self.batches = Seeds()
        self.answers: list[Tensor] = []

    def losses(self, batch: int) -> Iterator[tuple[Tensor, dict[str, float]]]:
        points = torch.linspace(-1, 1, 24).reshape(8, 3)
        for number in range(self.passes):
            if self.left == 0:
                raise Stopped
            self.left = None if self.left is None else self.left - 1
            answer = self.network(points).float()
            self.answers.append(answer.detach())
            yield (answer[:, 0] - points.sum(dim=1)).square().mean(), {"pass": number}

    def pictures(self, batch: int) -> list[Picture]:
        assert not self.network.training
        return [[Tile(np.zeros((4, 4), np.float32), caption=str(batch))]]


def config_of(folder: Path, **settings) -> TrainConfig:
    values = {"steps": 4, "warm_up": 2, "precision": "float32", "device": "cpu", **settings}
    return TrainConfig("none", run=str(folder / "run"), **values)


def checkpoint_of(folder: Path) -> dict:
    return torch.load(folder / "run" / "checkpoint.pt", weights_only=True)


def same_tensors(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def stage_config(folder: Path, stage: str, **settings) -> Path:
    values = {
        "volumes": str(folder / "train.json"),
        "images": str(folder / "train2d.json"),
        "cache": str(folder / "packs"),
        "run": str(folder / "run"),
        "output": str(folder / "models" / f"{stage}.safetensors"),
        "held_out": ["kbp_0.1$"],
        "steps": 2,
        "batch": 2,
        "precision": "float32",
        "device": "cpu",
        "picture_steps": 1,
        "task": TASKS[stage],
        **settings,
    }
    path = folder / "stage.json"
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("stage", TASKS)
def test_a_stage_trains_resumes_and_writes_its_weights(tmp_path, stage):
    write_volumes(tmp_path)
    write_images(tmp_path)
    path = train(stage, stage_config(tmp_path, stage))
    first = torch.load(path, weights_only=True)
    assert path == tmp_path / "run" / "checkpoint.pt"
    assert first["step"] == 2

    train(stage, stage_config(tmp_path, stage, steps=3))
    second = torch.load(path, weights_only=True)
    assert second["step"] == 3
    assert not same_tensors(first["network"], second["network"])
    for name in STATE:
        assert all(torch.isfinite(tensor).all() for tensor in second[name].values())

    weights = tmp_path / "models" / f"{stage}.safetensors"
    network, info = load_weights(weights, f"light-{stage}")
    assert info.metadata["trained_on"].startswith("train.json and train2d.json: 3 steps")
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            assert torch.equal(tensor, second["average"][name].half().float())


def test_a_run_goes_on_with_the_weights_that_were_saved(tmp_path):
    Trainer(config_of(tmp_path), LineTask()).run()
    saved = checkpoint_of(tmp_path)
    other = LineTask(seed=9)
    Trainer(config_of(tmp_path), other)
    assert same_tensors(dict(other.network.state_dict()), saved["network"])


def test_a_finished_run_stays_as_it_is(tmp_path):
    Trainer(config_of(tmp_path), LineTask()).run()
    saved = checkpoint_of(tmp_path)
    again = LineTask(seed=9)
    Trainer(config_of(tmp_path), again).run()
    assert again.answers == []
    assert all(same_tensors(checkpoint_of(tmp_path)[name], saved[name]) for name in STATE)


def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    Trainer(config_of(whole, steps=9), LineTask()).run()
    config = config_of(halves, steps=9, checkpoint_minutes=1e-12)
    with pytest.raises(Stopped):
        Trainer(config, LineTask(last=5)).run()
    assert checkpoint_of(halves)["step"] == 5
    Trainer(config, LineTask(seed=9)).run()
    one, other = checkpoint_of(whole), checkpoint_of(halves)
    assert one["step"] == other["step"] == 9
    assert all(same_tensors(one[name], other[name]) for name in STATE)


def test_a_run_goes_on_with_the_batches_that_it_has_not_seen(tmp_path):
    whole, first, second = LineTask(passes=2), LineTask(passes=2), LineTask(passes=2)
    Trainer(config_of(tmp_path / "whole", steps=12), whole).run()
    Trainer(config_of(tmp_path / "halves", steps=6), first).run()
    Trainer(config_of(tmp_path / "halves", steps=12), second).run()
    assert first.batches.drawn + second.batches.drawn == whole.batches.drawn
    assert len(set(whole.batches.drawn)) == 6


def test_a_checkpoint_is_taken_between_two_batches(tmp_path):
    config = config_of(tmp_path, steps=99, checkpoint_minutes=1e-12)
    with pytest.raises(Stopped):
        Trainer(config, LineTask(passes=3, last=8)).run()
    assert checkpoint_of(tmp_path)["step"] == 6
    assert checkpoint_of(tmp_path)["batches"] == 2


def test_a_checkpoint_of_before_batches_were_counted_goes_on(tmp_path):
    Trainer(config_of(tmp_path), LineTask()).run()
    state = checkpoint_of(tmp_path)
    del state["batches"]
    torch.save(state, tmp_path / "run" / "checkpoint.pt")
    Trainer(config_of(tmp_path, steps=6), LineTask()).run()
    assert checkpoint_of(tmp_path)["step"] == checkpoint_of(tmp_path)["batches"] == 6


def test_the_clock_may_end_a_run(tmp_path):
    task = LineTask()
    Trainer(config_of(tmp_path, steps=10**6, minutes=1e-9), task).run()
    assert checkpoint_of(tmp_path)["step"] == len(task.answers) == 1


def test_pictures_show_the_same_batch_every_so_many_steps(tmp_path):
    task = LineTask()
    Trainer(config_of(tmp_path, steps=5, picture_steps=2), task).run()
    pictures = sorted((tmp_path / "run" / "pictures").iterdir())
    assert [path.name for path in pictures] == ["step-000002.png", "step-000004.png"]
    shown = [seed for seed in set(task.batches.drawn) if task.batches.drawn.count(seed) == 2]
    assert len(shown) == 1
    assert task.network.training


def test_a_torn_checkpoint_is_not_looked_at(tmp_path):
    Trainer(config_of(tmp_path), LineTask()).run()
    (tmp_path / "run" / "checkpoint.pt.part").write_bytes(b"torn")
    Trainer(config_of(tmp_path, steps=6), LineTask(seed=9)).run()
    assert checkpoint_of(tmp_path)["step"] == 6
    assert not (tmp_path / "run" / "checkpoint.pt.part").exists()


def test_a_torn_first_checkpoint_means_starting_anew(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt.part").write_bytes(b"torn")
    task = LineTask()
    Trainer(config_of(tmp_path), task).run()
    assert len(task.answers) == checkpoint_of(tmp_path)["step"] == 4


def damage(path: Path, how: str) -> None:
    if how == "cut short":
        path.write_bytes(path.read_bytes()[:-300])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("nothing of the kind")
    else:
        torch.save({"step": 3, "network": nn.Linear(2, 2).state_dict()}, path)


@pytest.mark.parametrize("how", ["cut short", "empty", "text", "of another network"])
def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, how):
    Trainer(config_of(tmp_path), LineTask()).run()
    damage(tmp_path / "run" / "checkpoint.pt", how)
    with pytest.raises(ConfigError, match="no checkpoint of this stage"):
        Trainer(config_of(tmp_path), LineTask())


def test_the_last_batch_stops_at_the_last_step(tmp_path):
    task = LineTask(passes=3)
    Trainer(config_of(tmp_path, steps=4), task).run()
    assert checkpoint_of(tmp_path)["step"] == 4
    assert len(task.answers) == 4


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_pass_over_a_batch_sees_the_weights_of_the_step_before(tmp_path, precision):
    """Autocast would keep its copy of a matrix for as long as it lasts."""
    task = LineTask(passes=4)
    task.network = nn.Linear(3, 1, bias=False)
    Trainer(config_of(tmp_path, precision=precision, learning_rate=0.3), task).run()
    for one, other in zip(task.answers, task.answers[1:], strict=False):
        assert not torch.equal(one, other)


def test_the_average_follows_the_weights(tmp_path):
    task = LineTask()
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items()}
    Trainer(config_of(tmp_path, steps=1, average=0.9), task).run()
    state = checkpoint_of(tmp_path)
    decay = 2 / 11  # a young run forgets quickly
    for name, average in state["average"].items():
        current = state["network"][name]
        if average.is_floating_point():
            expected = decay * before[name] + (1 - decay) * current
            torch.testing.assert_close(average, expected)
        else:
            assert average == current == 1


def test_only_matrices_decay(tmp_path):
    class Indifferent(LineTask):
        def losses(self, batch: int) -> Iterator[tuple[Tensor, dict[str, float]]]:
            yield sum(p.sum() for p in self.network.parameters()) * 0, {}

    task = Indifferent()
    before = {name: tensor.clone() for name, tensor in task.network.named_parameters()}
    Trainer(config_of(tmp_path, weight_decay=0.5, learning_rate=0.1), task).run()
    for name, parameter in task.network.named_parameters():
        if parameter.ndim > 1:
            assert parameter.abs().sum() < 0.99 * before[name].abs().sum()
        else:
            assert torch.equal(parameter, before[name])


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "run" / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_log_has_a_header_and_a_line_every_twenty_steps(tmp_path):
    Trainer(config_of(tmp_path, steps=50), LineTask()).run()
    rows = rows_of(tmp_path)
    assert list(rows[0]) == ["step", "seconds", "rate", "loss", "pass"]
    assert [row["step"] for row in rows] == ["20", "40"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])


def test_a_run_that_goes_on_adds_to_its_log(tmp_path):
    for steps in (20, 40):
        Trainer(config_of(tmp_path, steps=steps), LineTask()).run()
    assert [row["step"] for row in rows_of(tmp_path)] == ["20", "40"]


def test_steps_that_are_made_anew_are_logged_once(tmp_path):
    config = config_of(tmp_path, steps=100, checkpoint_minutes=1e9)
    Trainer(config_of(tmp_path, steps=30), LineTask()).run()
    with pytest.raises(Stopped):
        Trainer(config, LineTask(last=55)).run()
    assert [row["step"] for row in rows_of(tmp_path)] == ["20", "40", "60", "80"]
    Trainer(config, LineTask()).run()
    assert [row["step"] for row in rows_of(tmp_path)] == ["20", "40", "60", "80", "100"]


def test_a_log_of_other_figures_keeps_its_columns(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.csv").write_text("step,seconds,loss\n20,1,0.5\n40,2,0.")
    Trainer(config_of(tmp_path, steps=20), LineTask()).run()
    (row,) = rows_of(tmp_path)
    assert list(row) == ["step", "seconds", "loss"]


def test_another_file_is_no_log(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.csv").write_text("name,size\nliver,3\n")
    with pytest.raises(ConfigError, match="no log"):
        Trainer(config_of(tmp_path), LineTask())


def test_the_rate_rises_and_falls_to_a_hundredth(tmp_path):
    Trainer(config_of(tmp_path, steps=200, warm_up=61, learning_rate=0.01), LineTask()).run()
    rates = [float(row["rate"]) for row in rows_of(tmp_path)]
    assert rates[:3] == sorted(rates[:3])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0.007 < rates[2] < 0.01
    assert rates[-1] == pytest.approx(0.0001)


class NetworkTask(LineTask):
    """Like it, with a network that weights files know."""

    registry_name = "quality"

    def __init__(self) -> None:
        super().__init__()
        self.configuration = {"kind": "small"}
        self.network = QualityNetwork("small")


def test_a_run_may_start_from_a_weights_file(tmp_path):
    path, source, target = tmp_path / "q.safetensors", NetworkTask(), NetworkTask()
    save_weights(path, source.network, network="quality", configuration={}, trained_on="nothing")
    Trainer(config_of(tmp_path, start_from=str(path)), target)
    for name, tensor in source.network.state_dict().items():
        if tensor.is_floating_point():
            assert torch.equal(target.network.state_dict()[name], tensor.half().float())
    assert all(parameter.requires_grad for parameter in target.network.parameters())


def test_a_run_does_not_start_from_another_network(tmp_path):
    path = tmp_path / "q.safetensors"
    save_weights(
        path, NetworkTask().network, network="quality", configuration={}, trained_on="nothing"
    )
    with pytest.raises(WeightsError, match="line is needed"):
        Trainer(config_of(tmp_path, start_from=str(path)), LineTask())


def test_an_unknown_stage_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="prompt, memory, fusion"):
        train("everything", tmp_path / "none.json")


@pytest.mark.parametrize(
    ("stage", "task"),
    [
        ("prompt", {"sizes": 64}),
        ("prompt", {"shares": {"unreal": 1}}),
        ("prompt", {"size": 65}),
        ("prompt", {"passes": []}),
        ("memory", {"size": 63}),
        ("memory", {"lengths": [2]}),
        ("memory", {"shares": 5}),
    ],
)
def test_settings_of_a_stage_that_make_no_sense_are_refused(tmp_path, stage, task):
    with pytest.raises(ConfigError, match="task"):
        train(stage, stage_config(tmp_path, stage, task=task))
