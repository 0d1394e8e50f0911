"""What the prompt and memory stages show their networks, and what they learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.training.config import TrainConfig
from SlicerLIMNet.training.memory_task import MemoryTask
from SlicerLIMNet.training.prompt_task import PromptTask
from Testing.unit.training.tiny_data import write_images, write_volumes

SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_volumes(folder)
    write_images(folder)
    return folder


def config_of(folder: Path, batch: int = 2, **task) -> TrainConfig:
    return TrainConfig(
        str(folder / "train.json"),
        str(folder / "train2d.json"),
        str(folder / "packs"),
        batch=batch,
        task={"size": SIZE, **task},
    )


class Recorder(nn.Module):
    """A prompt network that keeps what it is shown and answers with the previous mask, doubted."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, Tensor]] = []
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        self.seen.append((image, points))
        return self.weight * (image[:, 3:] - 0.4)


def used_rows(points: Tensor) -> Tensor:
    return (points[..., :2].amax(dim=2) >= 0).sum(dim=1)


def test_later_passes_see_the_answer_before_and_a_click_on_its_errors(folder):
    task = PromptTask(config_of(folder, batch=6, passes=[0, 0, 1]))
    task.network = Recorder()
    figures = [figure for _, figure in task.losses(task.batches.draw(0))]
    assert [figure["pass"] for figure in figures] == [1, 2, 3]
    (first, clicks), (second, more), (third, most) = task.network.seen
    for before, after in ((first, second), (second, third)):
        torch.testing.assert_close(after[:, 3], (before[:, 3] - 0.4).sigmoid())
        assert torch.equal(before[:, :3], after[:, :3])
    for before, after in ((clicks, more), (more, most)):
        added = used_rows(after) - used_rows(before)
        assert set(added.tolist()) <= {0, 1}  # none where nothing is wrong
        assert added.sum() >= 3


@pytest.mark.parametrize("passes", [[1], [0, 1], [0, 0, 0, 1]])
def test_a_batch_gives_a_loss_a_pass(folder, passes):
    task = PromptTask(config_of(folder, passes=passes))
    task.network = Recorder()
    losses = [loss for loss, _ in task.losses(task.batches.draw(0))]
    assert len(losses) == len(passes)
    assert all(loss.isfinite() and loss > 0 for loss in losses)
    assert len(task.network.seen[0][0]) == 2


def test_a_perfect_answer_to_an_absent_object_counts_as_perfect(folder):
    task = PromptTask(config_of(folder, batch=40, passes=[1]))

    class Nothing(Recorder):
        def forward(self, image: Tensor, points: Tensor) -> Tensor:
            return super().forward(image, points) * 0 - 9

    task.network = Nothing()
    ((_, figures),) = task.losses(task.batches.draw(0))
    assert 0 <= figures["dice"] < 0.3


def test_the_same_seed_gives_the_same_batches(folder):
    task = PromptTask(config_of(folder, passes=[1]))
    task.network = Recorder()
    for seed in (3, 3, 4):
        list(task.losses(task.batches.draw(seed)))
    (one, _), (same, _), (other, _) = task.network.seen
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_memory_batch_holds_as_many_sequences_as_fit(folder):
    class Counting(LightMemoryNetwork):
        def encode_key(self, image: Tensor):
            counts.append(len(image))
            return super().encode_key(image)

    counts: list[int] = []
    task = MemoryTask(config_of(folder, lengths=[4], slices=15))
    task.network = Counting()
    ((loss, figures),) = task.losses(task.batches.draw(0))
    assert counts == [12]
    assert figures["length"] == 4
    assert 0 <= figures["dice"] <= 1
    assert loss.isfinite()


@pytest.mark.parametrize("second_reference", [0.0, 1.0])
def test_gradients_reach_every_part_of_the_memory_network(folder, second_reference):
    task = MemoryTask(
        config_of(
            folder, lengths=[5], slices=10, deep_update=1.0, second_reference=second_reference
        )
    )
    ((loss, _),) = task.losses(task.batches.draw(0))
    loss.backward()
    for name, parameter in task.network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_a_second_reference_is_not_predicted(folder):
    class Counting(LightMemoryNetwork):
        def decode(self, *arguments):
            self.decoded = getattr(self, "decoded", 0) + 1
            return super().decode(*arguments)

    for chance, expected in ((0.0, 3), (1.0, 2)):
        task = MemoryTask(config_of(folder, lengths=[4], slices=8, second_reference=chance))
        task.network = Counting()
        list(task.losses(task.batches.draw(0)))
        assert task.network.decoded == expected
