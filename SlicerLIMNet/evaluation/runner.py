"""The robot user on all targets of a manifest: figures a round, and their means."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.robot_rounds import (
    ClickedSession,
    Clock,
    RobotConfig,
    RoundOutcome,
    run_rounds,
)
from SlicerLIMNet.evaluation.robot_user import SEED, RobotUser
from SlicerLIMNet.io.manifest import ManifestVolume, load_case
from SlicerLIMNet.session.parts import Networks
from SlicerLIMNet.session.session import Session

BoolArray = npt.NDArray[np.bool_]
SessionFactory = Callable[[Volume, RoundConfig], ClickedSession]
ProgressReport = Callable[[Progress], None]


def sessions_on(engine: Networks) -> SessionFactory:
    """Return how to open sessions on an engine, with slices along the first array axis."""
    return lambda volume, config: Session(volume, engine, Plane(axis=0), config)


@dataclass(frozen=True)
class TargetResult:
    """The figures of one object of one volume; every list has one entry a round."""

    volume: str
    """Name of the volume."""
    label: str
    """Name of the object."""
    dice: list[float]
    """Of the whole volume."""
    seconds: list[float]
    """Of click and round; 0 where the robot had nothing left to click."""
    slices_worsened: list[float]
    """Share of slices whose Dice fell by more than 0.01."""
    clicks: list[Click]
    """The clicks, fewer than rounds where the robot stopped early."""

    @classmethod
    def of(cls, volume: str, label: str, outcomes: Sequence[RoundOutcome]) -> TargetResult:
        """Return the figures of a run."""
        return cls(
            volume,
            label,
            dice=[outcome.dice for outcome in outcomes],
            seconds=[outcome.seconds for outcome in outcomes],
            slices_worsened=[outcome.slices_worsened for outcome in outcomes],
            clicks=[outcome.click for outcome in outcomes if outcome.click is not None],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures as they stand in a report."""
        return {
            "name": self.volume,
            "label": self.label,
            "dice": self.dice,
            "seconds": [round(seconds, 4) for seconds in self.seconds],
            "clicks": [click.to_json() for click in self.clicks],
            "slices_worsened": self.slices_worsened,
        }


@dataclass(frozen=True)
class Evaluation:
    """All targets of a run, and how they were run."""

    targets: list[TargetResult]
    """In the order of the manifest."""
    robot: RobotConfig
    """How the robot user clicked."""
    rounds: RoundConfig
    """How the sessions ran."""

    @property
    def mean_dice(self) -> list[float]:
        """The mean over targets, one a round."""
        return mean_by_round([target.dice for target in self.targets])

    def to_json(self) -> dict[str, Any]:
        """Return the report that `limnet evaluate --json` writes."""
        settings = {
            "protocol": self.robot.rule.value,
            "rounds": self.robot.rounds,
            "jitter_pixels": self.robot.jitter_pixels,
            "seed": SEED,
            "fusion": self.rounds.fusion,
            "memory": self.rounds.memory,
            "range": self.rounds.range,
        }
        return {
            "format": 1,
            "settings": settings,
            "targets": [target.to_json() for target in self.targets],
            "mean": {"dice": self.mean_dice},
        }


def evaluate(
    volumes: Sequence[ManifestVolume],
    open_session: SessionFactory,
    rounds: RoundConfig,
    robot: RobotConfig | None = None,
    limit: int | None = None,
    report: ProgressReport = lambda _: None,
    cancel: CancelToken | None = None,
    clock: Clock = time.perf_counter,
) -> Evaluation:
    """Run the robot user on every target of a manifest.

    Args:
        volumes: From `read_manifest`.
        open_session: From `sessions_on`.
        rounds: How sessions run: fusion, memory mode, range.
        robot: How the robot user clicks; six rounds on the worst slice unless said.
        limit: Only so many targets, from the first.
        report: Told after every round.
        cancel: A wish to stop.
        clock: Seconds, from any start.

    Raises:
        ConfigError: The limit leaves no target, a target occurs nowhere, or labels lie on another
            grid than their image.
        VolumeError: An image or labelmap cannot be read.
        Cancelled: Somebody asked the work to stop.
    """
    robot = robot or RobotConfig()
    plan = _plan(volumes, limit)
    total = robot.rounds * sum(len(labels) for _, labels in plan)
    results: list[TargetResult] = []
    for entry, labels in plan:
        volume, truths = _read(entry, labels)
        for label, truth in truths:
            user = RobotUser(truth, volume.geometry.spacing_zyx_mm, robot.rule, robot.jitter_pixels)
            session = open_session(volume, rounds)
            outcomes = []
            for outcome in run_rounds(session, truth, user, robot.rounds, cancel, clock):
                outcomes.append(outcome)
                done = len(results) * robot.rounds + len(outcomes)
                text = f"{entry.name} {label}: Dice {outcome.dice:.3f}"
                report(Progress(done, total, text))
            results.append(TargetResult.of(entry.name, label, outcomes))
    return Evaluation(results, robot, rounds)


def mean_by_round(curves: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of equally long curves, point by point; empty for none."""
    return [float(np.mean(scores)) for scores in zip(*curves, strict=True)]


def _plan(
    volumes: Sequence[ManifestVolume], limit: int | None
) -> list[tuple[ManifestVolume, list[str]]]:
    """Return which labels of which volumes are run."""
    left = sum(len(volume.targets) for volume in volumes) if limit is None else limit
    if left < 1:
        raise ConfigError("nothing to evaluate: the limit must be 1 or more, and targets be listed")
    plan = []
    for volume in volumes:
        labels = list(volume.targets)[:left]
        left -= len(labels)
        if labels:
            plan.append((volume, labels))
    return plan


def _read(
    entry: ManifestVolume, labels: Sequence[str]
) -> tuple[Volume, Iterator[tuple[str, BoolArray]]]:
    """Return a volume and its objects, each made when it is asked for."""
    volume, labelmap = load_case(entry)
    return volume, ((label, _truth(entry, label, labelmap)) for label in labels)


def _truth(entry: ManifestVolume, label: str, labelmap: npt.NDArray[Any]) -> BoolArray:
    truth = np.asarray(labelmap == entry.targets[label])
    if not truth.any():
        value = entry.targets[label]
        raise ConfigError(f"{entry.name} has no voxel of {label} (label value {value})")
    return truth
