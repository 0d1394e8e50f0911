"""The loop of every stage: steps, moving average, checkpoints that resume, a CSV log."""

from __future__ import annotations

import copy
import csv
import json
import logging
import math
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.precision import bfloat16_is_fast
from SlicerLIMNet.networks.weights import load_weights, save_weights
from SlicerLIMNet.training.config import STAGES, TrainConfig, as_json, read_config

log = logging.getLogger(__name__)

_DAMAGE = (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError)
"""What torch raises at a file that is cut short, of another kind, or of another network."""


class Task(Protocol):
    """What a stage adds to the loop: a network, and losses that feed on its own answers."""

    registry_name: str
    configuration: dict[str, Any]

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    def start(self, seed: int) -> None:
        """Begin drawing data, as after a pause: same seed, same data."""

    def losses(self) -> Iterator[tuple[Tensor, dict[str, float]]]:
        """Yield losses of one batch, one optimiser step each, with figures for the log."""


def train(stage: str, config_path: Path) -> Path:
    """Train a stage from its configuration, going on from its last checkpoint.

    Returns:
        The checkpoint.

    Raises:
        ConfigError: Unknown stage, bad configuration, or missing data.
    """
    if stage not in STAGES:
        raise ConfigError(f"Stage {stage!r} is unknown; choose one of {', '.join(STAGES)}.")
    config = read_config(config_path)
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
        self._bfloat16 = config.precision == "bfloat16" or (
            config.precision == "auto" and bfloat16_is_fast()
        )
        if config.start_from:
            network, _ = load_weights(Path(config.start_from), task.registry_name)
            task.network.load_state_dict(network.state_dict())
        self._average = copy.deepcopy(task.network).eval()
        self._optimiser = torch.optim.AdamW(
            _parameter_groups(task.network, config.weight_decay), lr=config.learning_rate
        )
        self._step = 0
        self._seconds = 0.0
        self._restore()

    def run(self) -> Path:
        """Train to the last step; return the checkpoint."""
        config, task = self._config, self._task
        task.start(config.seed * 1_000_003 + self._step)
        saved_at = started_at = time.monotonic()
        before = self._seconds
        with tqdm(total=config.steps, initial=self._step, unit="step", mininterval=10) as bar:
            while self._step < config.steps:
                for loss, figures in self._batch():
                    self._update(loss)
                    bar.update()
                    now = time.monotonic()
                    self._seconds = before + now - started_at
                    self._log({"loss": loss.item(), **figures})
                    if now - saved_at > 60 * config.checkpoint_minutes:
                        self._save()
                        saved_at = now
                    if self._step >= config.steps:
                        break
        self._save()
        return self._folder / "checkpoint.pt"

    def _batch(self) -> Iterator[tuple[Tensor, dict[str, float]]]:
        """Yield the losses of one batch.

        Autocast ends before each is handed over: within it the converted copies of the weights
        would outlive the step that changes them, and gradients would be computed by its rules, too.
        """
        self._task.network.train()
        losses = self._task.losses()
        while True:
            with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
                answer = next(losses, None)
            if answer is None:
                return
            yield answer

    def _update(self, loss: Tensor) -> None:
        rate = self._learning_rate()
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._task.network.parameters(), self._config.clip)
        self._optimiser.step()
        self._step += 1
        decay = min(self._config.average, (1 + self._step) / (10 + self._step))
        with torch.no_grad():
            pairs = zip(
                self._average.state_dict().values(),
                self._task.network.state_dict().values(),
                strict=True,
            )
            for average, current in pairs:
                if average.is_floating_point():
                    average.lerp_(current, 1 - decay)
                else:
                    average.copy_(current)

    def _learning_rate(self) -> float:
        config = self._config
        rise = min(1.0, (self._step + 1) / config.warm_up)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, self._step / config.steps)))
        return config.learning_rate * rise * (0.01 + 0.99 * fall)

    def _log(self, figures: dict[str, float]) -> None:
        if self._step % 20:
            return
        path = self._folder / "log.csv"
        row = {"step": self._step, "seconds": round(self._seconds), "rate": self._learning_rate()}
        row |= {name: round(value, 4) for name, value in figures.items()}
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)

    def _save(self) -> None:
        state = {
            "step": self._step,
            "seconds": self._seconds,
            "network": self._task.network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "config": json.dumps(as_json(self._config)),
        }
        part = self._folder / "checkpoint.pt.part"
        torch.save(state, part)
        part.replace(self._folder / "checkpoint.pt")
        if self._config.output:
            given = (self._config.volumes, self._config.images)
            data = " and ".join(Path(path).name for path in given if path)
            save_weights(
                Path(self._config.output),
                self._average,
                network=self._task.registry_name,
                configuration=self._task.configuration,
                trained_on=f"{data}: {self._step} steps, {self._seconds / 60:.0f} minutes",
            )

    def _restore(self) -> None:
        path = self._folder / "checkpoint.pt"
        if not path.is_file():
            return
        try:
            state = torch.load(path, weights_only=True)
            self._task.network.load_state_dict(state["network"])
            self._average.load_state_dict(state["average"])
            self._optimiser.load_state_dict(state["optimiser"])
            self._step, self._seconds = state["step"], state["seconds"]
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
