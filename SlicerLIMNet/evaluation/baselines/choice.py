"""Choosing the parameters of the tools for comparison: on training volumes, before any figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.baselines.grow_from_seeds import GrowFromSeeds
from SlicerLIMNet.evaluation.baselines.random_walker import RandomWalker
from SlicerLIMNet.evaluation.baselines.region_growing import RegionGrowing
from SlicerLIMNet.evaluation.baselines.session import BaselineSession, Grower
from SlicerLIMNet.evaluation.robot_rounds import run_rounds
from SlicerLIMNet.evaluation.robot_user import RobotUser
from SlicerLIMNet.io.manifest import ManifestVolume, load_case

ProgressReport = Callable[[Progress], None]

CANDIDATES: Mapping[str, Sequence[Grower]] = {
    "grow-from-seeds": [
        GrowFromSeeds(distance_penalty=penalty, is_clipped=clipped)
        for penalty, clipped in product((0.0, 0.01), (False, True))
    ],
    "random-walker": [
        RandomWalker(beta=beta) for beta in (1000.0, 4000.0, 16000.0, 64000.0, 256000.0)
    ],
    "region-growing": [
        RegionGrowing(multiplier=multiplier, smoothing_steps=steps)
        for multiplier, steps in product((1.0, 1.5, 2.5, 3.5), (0, 5))
    ],
}
"""What is tried, by the name of the method."""


@dataclass(frozen=True)
class Trial:
    """How well a candidate did."""

    method: str
    """By name."""
    grower: Grower
    """With the parameters that were tried."""
    mean_dice: Sequence[float]
    """Over the targets, one a round."""

    @property
    def score(self) -> float:
        """The mean over targets and rounds, by which candidates are compared."""
        return float(np.mean(self.mean_dice))


def try_candidates(
    volumes: Sequence[ManifestVolume],
    rounds: int,
    candidates: Mapping[str, Sequence[Grower]] = CANDIDATES,
    report: ProgressReport = lambda _: None,
    cancel: CancelToken | None = None,
) -> list[Trial]:
    """Let the robot user click in every candidate (worst slice, one click a round).

    Args:
        volumes: From `spread_choice`; of each its middle target is taken.
        rounds: Clicks on every target.
        candidates: What is tried.
        report: Told after every target and candidate.
        cancel: A wish to stop.

    Returns:
        All trials by method, the best first.

    Raises:
        ConfigError: A volume cannot be read or its target occurs nowhere.
        Cancelled: Somebody asked the work to stop.
    """
    growers = [(method, grower) for method, tried in candidates.items() for grower in tried]
    curves: list[list[list[float]]] = [[] for _ in growers]
    total, done = len(volumes) * len(growers), 0
    for entry in volumes:
        label, value = list(entry.targets.items())[len(entry.targets) // 2]
        volume, labels = load_case(entry)
        truth = np.asarray(labels == value)
        if not truth.any():
            raise ConfigError(f"{entry.name} has no voxel of {label} (label value {value})")
        for place, (method, grower) in enumerate(growers):
            user = RobotUser(truth, volume.geometry.spacing_zyx_mm)
            session = BaselineSession(volume, grower)
            outcomes = run_rounds(session, truth, user, rounds, cancel)
            curves[place].append([outcome.dice for outcome in outcomes])
            done += 1
            report(Progress(done, total, f"{entry.name} {label}: {method}"))
    trials = [
        Trial(method, grower, np.mean(scores, axis=0).tolist())
        for (method, grower), scores in zip(growers, curves, strict=True)
    ]
    order = list(candidates)
    return sorted(trials, key=lambda trial: (order.index(trial.method), -trial.score))


def spread_choice(volumes: Sequence[ManifestVolume], most: int) -> list[ManifestVolume]:
    """Return a few labelled volumes that differ most, of series spread over the manifest.

    A series are the names that differ only in digits, as those of one source do; a second volume
    of a series is taken only where there are fewer series than asked for.
    """
    series: dict[str, list[ManifestVolume]] = {}
    for volume in volumes:
        if volume.targets:
            series.setdefault(re.sub(r"\d+", "", volume.name), []).append(volume)
    members = list(series.values())
    if len(members) > most:
        return [members[place * len(members) // most][0] for place in range(most)]
    return list(_in_turn(members))[:most]


def _in_turn(series: Sequence[Sequence[ManifestVolume]]) -> Iterator[ManifestVolume]:
    for place in range(max((len(members) for members in series), default=0)):
        yield from (members[place] for members in series if place < len(members))
