"""The loop of every stage: steps, moving average, checkpoints that resume, log and pictures."""

from __future__ import annotations

import copy
import json
import logging
import math
import pickle
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.weights import load_weights, save_weights
from SlicerLIMNet.training.batches import Batches, batch_seed, stream
from SlicerLIMNet.training.config import STAGES, TrainConfig, as_json, read_config
from SlicerLIMNet.training.machine import Stepper, make_fabric
from SlicerLIMNet.training.pictures import Picture, write_pictures
from SlicerLIMNet.training.run_log import EVERY, RunLog

log = logging.getLogger(__name__)

Figures = Mapping[str, float | Tensor]

CHECKPOINT = "checkpoint.pt"
_DAMAGE = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError)
"""What torch raises at a file that is cut short, of another kind, or of another network."""
_SHOWN = 0
"""Number of the batch that pictures show; training begins with the next one."""


class Task(Protocol):
    """What a stage adds to the loop: a network, data, and losses that feed on its own answers."""

    registry_name: str
    configuration: dict[str, Any]

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    @property
    def batches(self) -> Batches:
        """What makes its data."""

    def losses(self, batch: Any) -> Iterator[tuple[Tensor, Figures]]:
        """Yield losses of one batch, one optimiser step each, with figures for the log."""

    def pictures(self, batch: Any) -> list[Picture]:
        """Return what the network makes of a batch, item by item, to be looked at."""


def train(stage: str, config_path: Path) -> Path:
    """Train a stage from its configuration, going on from its last checkpoint.

    Returns:
        The checkpoint.

    Raises:
        ConfigError: Unknown stage, bad configuration, or missing data.
    """
    if stage not in STAGES:
        raise ConfigError(f"Stage {stage!r} is unknown; choose one of {', '.join(STAGES)}.")
    return train_stage(stage, read_config(config_path))


def train_stage(stage: str, config: TrainConfig) -> Path:
    """Train a stage that is known, going on from its last checkpoint; return the checkpoint.

    Raises:
        ConfigError: Bad settings of the stage, or missing data.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    return Trainer(config, _task(stage, config)).run()


def _task(stage: str, config: TrainConfig) -> Task:
    """Build the task of a stage; imported late, since each loads its own data code."""
    if stage == "prompt":
        from SlicerLIMNet.training.prompt_task import PromptTask

        return PromptTask(config)
    if stage == "memory":
        from SlicerLIMNet.training.memory_task import MemoryTask

        return MemoryTask(config)
    from SlicerLIMNet.training.fusion_task import FusionTask

    return FusionTask(config)


class Trainer:
    """Owns the optimiser, the averaged weights and the run's folder."""

    def __init__(self, config: TrainConfig, task: Task) -> None:
        self._config = config
        self._task = task
        self._folder = Path(config.run)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._fabric = make_fabric(config)
        if config.start_from:
            network, _ = load_weights(Path(config.start_from), task.registry_name)
            task.network.load_state_dict(network.state_dict())
        self._optimiser = torch.optim.AdamW(
            _parameter_groups(task.network, config.weight_decay), lr=config.learning_rate
        )
        self._stepper, self._stepping = self._fabric.setup(Stepper(task.network), self._optimiser)
        self._average = copy.deepcopy(task.network).eval()
        self._step = 0
        self._batches = _SHOWN
        self._seconds = 0.0
        self._restore()
        self._saved_at = 0.0
        self._log = RunLog(self._folder / "log.csv", self._step) if self._leads else None

    @property
    def _leads(self) -> bool:
        """Whether this is the process that writes files."""
        return bool(self._fabric.is_global_zero)

    def run(self) -> Path:
        """Train to the last step or minute; return the checkpoint."""
        started_at, before = time.monotonic(), self._seconds
        self._saved_at = started_at
        losses = self._losses()
        with tqdm(
            total=self._config.steps,
            initial=self._step,
            unit="step",
            mininterval=10,
            disable=not self._leads,
        ) as bar:
            while (progress := self._progress()) < 1:
                loss, figures = self._stepper(lambda: next(losses))
                self._update(loss, progress)
                bar.update()
                self._seconds = before + time.monotonic() - started_at
                self._write_log({"loss": loss.detach(), **figures})
                self._draw_pictures()
        self._save()
        self._fabric.barrier()
        return self._folder / CHECKPOINT

    def _losses(self) -> Iterator[tuple[Tensor, Figures]]:
        """Yield the losses of batch after batch; checkpoints are taken between two of them.

        Autocast ends before each is handed over: within it the converted copies of the weights
        would outlive the step that changes them, and gradients would be computed by its rules, too.
        """
        config, fabric = self._config, self._fabric
        batches = stream(
            self._task.batches,
            config.seed,
            fabric.global_rank,
            self._batches + 1,
            config.workers,
            pinned=fabric.device.type == "cuda",
        )
        for batch in batches:
            self._batches += 1
            self._task.network.train()
            yield from self._task.losses(batch)
            if time.monotonic() - self._saved_at > 60 * config.checkpoint_minutes:
                self._save()
                self._saved_at = time.monotonic()

    def _update(self, loss: Tensor, progress: float) -> None:
        rate = self._learning_rate(progress)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._stepping.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        nn.utils.clip_grad_norm_(self._task.network.parameters(), self._config.clip)
        self._stepping.step()
        self._step += 1
        self._follow(min(self._config.average, (1 + self._step) / (10 + self._step)))

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        """Move the averaged weights towards the current ones."""
        averages = list(self._average.state_dict().values())
        currents = list(self._task.network.state_dict().values())
        floats = [number for number, tensor in enumerate(averages) if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [averages[n] for n in floats], [currents[n] for n in floats], 1 - decay
        )
        for number in set(range(len(averages))) - set(floats):
            averages[number].copy_(currents[number])

    def _progress(self) -> float:
        """Return how much of the run is done, 0 to 1; all processes agree."""
        done = self._done()
        return float(self._fabric.broadcast(done)) if self._config.minutes else done

    def _done(self) -> float:
        """Return the same by the steps and by the clock of this process."""
        by_steps = self._step / self._config.steps
        by_clock = self._seconds / (60 * (self._config.minutes or math.inf))
        return min(1.0, max(by_steps, by_clock))

    def _learning_rate(self, progress: float) -> float:
        rise = min(1.0, (self._step + 1) / self._config.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * progress))
        return self._config.learning_rate * rise * (0.01 + 0.99 * fall)

    def _write_log(self, figures: Figures) -> None:
        if self._log is None or self._step % EVERY:
            return
        rate = self._learning_rate(self._done())
        row = {"step": self._step, "seconds": round(self._seconds), "rate": rate}
        self._log.write(row | {name: round(float(value), 4) for name, value in figures.items()})

    @torch.no_grad()
    def _draw_pictures(self) -> None:
        every = self._config.picture_steps
        if not self._leads or not every or self._step % every:
            return
        batch = self._task.batches.draw(batch_seed(self._config.seed, 0, _SHOWN))
        self._task.network.eval()
        pictures = self._task.pictures(batch)
        self._task.network.train()
        path = self._folder / "pictures" / f"step-{self._step:06d}.png"
        write_pictures(path, pictures, f"{self._task.registry_name}, step {self._step}")

    def _save(self) -> None:
        if not self._leads:
            return
        state = {
            "step": self._step,
            "batches": self._batches,
            "seconds": self._seconds,
            "network": self._task.network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "config": json.dumps(as_json(self._config)),
        }
        part = self._folder / f"{CHECKPOINT}.part"
        torch.save(state, part)
        part.replace(self._folder / CHECKPOINT)
        if self._config.output:
            given = (self._config.pack, self._config.volumes, self._config.images)
            data = " and ".join(Path(path).name for path in given if path)
            save_weights(
                Path(self._config.output),
                self._average,
                network=self._task.registry_name,
                configuration=self._task.configuration,
                trained_on=f"{data}: {self._step} steps, {self._seconds / 60:.0f} minutes",
            )

    def _restore(self) -> None:
        path = self._folder / CHECKPOINT
        if not path.is_file():
            return
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self._task.network.load_state_dict(state["network"])
            self._average.load_state_dict(state["average"])
            self._optimiser.load_state_dict(state["optimiser"])
            self._step, self._seconds = state["step"], state["seconds"]
            self._batches = state.get("batches", self._step)
        except _DAMAGE as error:
            raise ConfigError(
                f"{path} is no checkpoint of this stage; name another run folder or remove it."
            ) from error
        log.info("Going on from step %d of %s.", self._step, path)


def _parameter_groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices only: not for biases and norms."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
