"""Fine-tuning of prompt and propagation network on a user's own volumes, and whether it helped.

Nothing else is mixed in. Some of the volumes are never trained on: the robot user segments them
with the weights from before and with those from after.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from SlicerLIMNet.domain.config import preset_by_name
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.intervals import Mean, mean_of
from SlicerLIMNet.evaluation.robot_rounds import run_rounds
from SlicerLIMNet.evaluation.robot_user import RobotUser
from SlicerLIMNet.evaluation.runner import sessions_on
from SlicerLIMNet.io.write_aside import write_aside
from SlicerLIMNet.networks.weights import read_info
from SlicerLIMNet.session.engine import Engine
from SlicerLIMNet.session.engine_networks import weights_paths
from SlicerLIMNet.session.parts import Networks
from SlicerLIMNet.training.config import TrainConfig, read_json
from SlicerLIMNet.training.memory_task import MemoryTask
from SlicerLIMNet.training.pool import Pool
from SlicerLIMNet.training.prompt_task import PromptTask
from SlicerLIMNet.training.trainer import Trainer
from SlicerLIMNet.training.user_data import Case, pool_of_cases, read_cases, split

log = logging.getLogger(__name__)

LEAST_VOLUMES = 3
"""With fewer measured ones chance cannot be told from gain."""
TRAINED = ("prompt", "memory")
_GUIDED = 0.55
"""Share of the samples that show other slices, where the network looks at them."""
_SHARES: Mapping[str, dict[str, float]] = {
    "prompt": {"real": 1, "images": 0, "pseudo": 0, "superpixels": 0, "made": 0},
    "memory": {"real": 1, "pseudo": 0, "images": 0, "made": 0},
}


@dataclass(frozen=True)
class FinetuneConfig:
    """How to fine-tune.

    Raises:
        ConfigError: A number is out of range.
    """

    source: Path
    """Folder or manifest of volumes with segmentations."""
    output: Path
    """Folder of the new weights; a call that was stopped goes on there."""
    only: str | None = None
    """Regular expression of the names of the volumes to take."""
    measured_share: float = 0.3
    """Of the volumes that are not trained on."""
    steps: int = 400
    """Optimiser steps of each network."""
    minutes: float = 15.0
    """Longest time of each network."""
    learning_rate: float = 2e-4
    """Peak; a fifth of what networks are trained with from the start."""
    batch: int = 16
    """Crops a step; the propagation network sees twice as many slices."""
    rounds: int = 3
    """Clicks of the robot user for each object that is measured."""
    most_objects: int = 24
    """That are measured."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    seed: int = 1
    """Of the choice of volumes, and of training."""

    def __post_init__(self) -> None:
        for name in ("steps", "minutes", "learning_rate", "batch", "rounds", "most_objects"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 < self.measured_share < 1:
            raise ConfigError(f"the measured share lies between 0 and 1, not {self.measured_share}")


@dataclass(frozen=True)
class MeasuredObject:
    """The Dice of one object after every round, with the weights from before and from after."""

    volume: str
    name: str
    before: list[float]
    after: list[float]


@dataclass(frozen=True)
class FinetuneReport:
    """What fine-tuning led to."""

    objects: list[MeasuredObject]
    trained_volumes: list[str]
    weights: dict[str, str]

    @property
    def gain(self) -> Mean:
        """What Dice after the last round gained, a mean over volumes with its 95% interval."""
        gains: dict[str, list[float]] = defaultdict(list)
        for measured in self.objects:
            gains[measured.volume].append(measured.after[-1] - measured.before[-1])
        found = mean_of(float(np.mean(values)) for values in gains.values())
        assert found is not None
        return found

    @property
    def is_better(self) -> bool:
        """Whether the gain is surely above 0."""
        return self.gain.n >= LEAST_VOLUMES and self.gain.low > 0

    @property
    def verdict(self) -> str:
        """One sentence for the user."""
        gain = self.gain
        figures = f"Dice {gain.mean:+.3f} on {gain.n} volumes not trained on"
        if gain.n < LEAST_VOLUMES:
            return f"{figures}: too few to call it better; measure on {LEAST_VOLUMES} or more"
        interval = f"{figures} (95% interval {gain.low:+.3f} to {gain.high:+.3f})"
        if self.is_better:
            return f"{interval}: better"
        if gain.mean <= 0:
            return f"{interval}: not better; keep the weights that you had"
        return f"{interval}: this may be chance, so it is not called better"

    def to_json(self) -> dict[str, Any]:
        """Return all as plain values."""
        return {
            "format": 1,
            "verdict": self.verdict,
            "better": self.is_better,
            "gain": self.gain.to_json(),
            "objects": [asdict(measured) for measured in self.objects],
            "trained_volumes": self.trained_volumes,
            "weights": self.weights,
        }


def finetune(
    config: FinetuneConfig,
    base: Mapping[str, Path],
    tell: Callable[[str], None] = log.info,
) -> FinetuneReport:
    """Fine-tune and measure; the weights and `report.json` lie in the output folder.

    Args:
        config: What to train on, and how.
        base: Weights files to start from, by role; the shipped ones where there is none.
        tell: Told what is being done.

    Raises:
        ConfigError: The data cannot be used, or something else was trained in the folder.
        VolumeError: A file cannot be read.
        WeightsError: The weights to start from are missing, or of no light network.
        OutputError: The output folder cannot be written.
    """
    cases = read_cases(config.source, config.only)
    learned, measured = split(cases, config.measured_share, config.seed)
    started_from = weights_paths(preset_by_name("light"), base)
    _claim(config, learned, started_from)
    tell(f"{len(learned)} volumes to learn from, {len(measured)} to measure on")
    targets = list(_spread(measured, config.most_objects))
    before = _measure(targets, started_from, config)
    tell(f"mean Dice before: {_mean(before):.3f}")
    written = dict(started_from)
    pool = pool_of_cases(learned)
    for role in TRAINED:
        tell(f"training the {role} network")
        written[role] = _train(role, started_from[role], pool, config)
    after = _measure(targets, written, config)
    tell(f"mean Dice after: {_mean(after):.3f}")
    report = FinetuneReport(
        [
            MeasuredObject(case.volume.name, name, one, other)
            for (case, name), one, other in zip(targets, before, after, strict=True)
        ],
        [case.volume.name for case in learned],
        {role: written[role].name for role in TRAINED},
    )
    with write_aside(config.output / "report.json") as aside:
        aside.write_text(json.dumps(report.to_json(), indent=1), "utf-8")
    return report


def _claim(config: FinetuneConfig, learned: Sequence[Case], base: Mapping[str, Path]) -> None:
    """Take the output folder, unless something else was trained there: that must not go on.

    Raises:
        ConfigError: Other volumes, settings or weights were.
    """
    content = {
        "volumes": {case.volume.name: _checksum(case) for case in learned},
        "weights": {role: read_info(base[role]).sha256 for role in TRAINED},
        **{name: getattr(config, name) for name in ("steps", "learning_rate", "batch", "seed")},
    }
    path = config.output / "training" / "settings.json"
    if path.is_file() and read_json(path) != content:
        raise ConfigError(
            f"{config.output} has weights of other volumes or settings; choose another folder, or "
            "remove it"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(path) as aside:
        aside.write_text(json.dumps(content, indent=1), "utf-8")


def _checksum(case: Case) -> str:
    labels = hashlib.sha256(case.labels.tobytes()).hexdigest()
    return f"{case.volume.sha256} {labels}"


def _spread(cases: Sequence[Case], most: int) -> Iterator[tuple[Case, str]]:
    """Yield objects to measure, one of each volume after the other."""
    left = [(case, list(case.targets)) for case in cases]
    while most and any(names for _, names in left):
        for case, names in left:
            if names and most:
                most -= 1
                yield case, names.pop(0)


def _train(role: str, start: Path, pool: Pool, config: FinetuneConfig) -> Path:
    """Train one network; return its new weights file."""
    output = config.output / f"{role}.safetensors"
    built = read_info(start).configuration
    task: dict[str, Any] = {"shares": dict(_SHARES[role])}
    if role == "memory":
        task |= {**built, "slices": 2 * config.batch, "second_reference": 0.5}
    elif built.get("with_guides"):
        task["guided"] = _GUIDED
    stage = TrainConfig(
        volumes=str(config.source),
        run=str(config.output / "training" / role),
        output=str(output),
        start_from=str(start),
        steps=config.steps,
        minutes=config.minutes,
        batch=config.batch,
        learning_rate=config.learning_rate,
        warm_up=max(1, config.steps // 20),
        average=0.98,
        device=config.device,
        seed=config.seed,
        task=task,
    )
    torch.manual_seed(config.seed)
    made = PromptTask(stage, pool) if role == "prompt" else MemoryTask(stage, pool)
    Trainer(stage, made).run()
    return output


def _measure(
    targets: Sequence[tuple[Case, str]], weights: Mapping[str, Path], config: FinetuneConfig
) -> list[list[float]]:
    """Return the Dice a round of every object, with some weights."""
    engine: Networks = Engine("light", config.device, weights=weights)
    open_session = sessions_on(engine)
    found = []
    for case, name in targets:
        truth = case.labels == case.targets[name]
        user = RobotUser(truth, case.volume.geometry.spacing_zyx_mm)
        session = open_session(case.volume, engine.default_config)
        found.append([outcome.dice for outcome in run_rounds(session, truth, user, config.rounds)])
    return found


def _mean(curves: Sequence[Sequence[float]]) -> float:
    return float(np.mean([curve[-1] for curve in curves]))
