"""How much the masks of labelled objects depend on what makes rounds faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.bench.engines import BenchEngine, BenchEngines
from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.domain.rounds import SliceResult
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.robot_rounds import (
    ClickedSession,
    RepeatedClicks,
    User,
    run_rounds,
)
from SlicerLIMNet.evaluation.robot_user import RobotUser
from SlicerLIMNet.evaluation.target_run import Target, target_of
from SlicerLIMNet.io.manifest import ManifestVolume, load_case
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.session.session import Session

BoolArray = npt.NDArray[np.bool_]

FLOAT32, PLAIN, ANEW, WHOLE_SLICES = "float32", "plain", "anew", "whole-slices"
WAYS: Mapping[str, str] = {
    FLOAT32: "in float32",
    PLAIN: "on the plain path, in float32",
    ANEW: "every round through all slices",
    WHOLE_SLICES: "on the plain path, whole slices",
}
"""What masks are compared with, by its name in options and JSON, and as a table says it."""
USUAL = (FLOAT32, PLAIN, ANEW)
"""Without whole slices, which take minutes an object where slices are large."""
_SHIPPED = "as shipped"


@dataclass(frozen=True)
class Agreement:
    """Dice of every object and round, on the way that is shipped and on others."""

    to_truth: dict[str, list[list[float]]]
    """By way, the shipped one first: one list an object, one number a round."""
    to_shipped: dict[str, list[list[float]]]
    """By way: between its masks and the shipped ones, likewise; differences add up."""
    one_round: dict[str, list[list[float]]]
    """The same of rounds that begin with the shipped masks, so that only one round differs."""
    facts: dict[str, Any]
    """Preset, device, precision."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "format": 1,
            "objects": len(self.to_truth[_SHIPPED]),
            "ways": {
                way: {
                    "dice_to_truth": _means(self.to_truth[name]),
                    "dice_to_shipped": _means(self.to_shipped[name]),
                    "least_dice_to_shipped": round(float(np.min(self.to_shipped[name])), 4),
                    "dice_to_shipped_of_one_round": _means(self.one_round[name]),
                }
                for way, name in ((way, WAYS[way]) for way in WAYS if WAYS[way] in self.to_shipped)
            },
            "shipped": {"dice_to_truth": _means(self.to_truth[_SHIPPED])},
            **self.facts,
        }

    def lines(self) -> list[str]:
        """Return a table for a terminal."""
        facts = self.facts
        shown = [
            f"{len(self.to_truth[_SHIPPED])} objects; {facts['preset']}, {facts['device']}, "
            f"{facts['precision']}; mean Dice after each round",
            *(f"to the truth, {name}: {_row(found)}" for name, found in self.to_truth.items()),
        ]
        for name, found in self.to_shipped.items():
            least = float(np.min(found))
            shown.append(f"to the masks as shipped, {name}: {_row(found)}; least {least:.4f}")
            alone = self.one_round[name]
            shown.append(f"the same, if only that round is {name}: {_row(alone)}")
        return shown


def measure_agreement(
    engines: BenchEngines,
    volumes: Sequence[ManifestVolume],
    ways: Sequence[str] = USUAL,
    rounds: int = 3,
    limit: int | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    cancel: CancelToken | None = None,
) -> Agreement:
    """Let the robot user click on the way that is shipped, and repeat its clicks on others.

    Every round is compared twice: after all rounds were run on the other way, and after only this
    one was, from the masks that the shipped way had before it.

    Args:
        engines: To measure.
        volumes: From `read_manifest`.
        ways: Of `WAYS`, what to compare with.
        rounds: Of one click each.
        limit: Only so many objects, from the first.
        report: Told after every object.
        cancel: A wish to stop.

    Raises:
        ConfigError: Nothing would be measured, or the weights are random.
        VolumeError: A file of a volume cannot be read.
        Cancelled: Somebody asked the work to stop.
    """
    count = sum(len(entry.targets) for entry in volumes)
    count = count if limit is None else min(count, limit)
    if count < 1 or rounds < 1:
        raise ConfigError("nothing to compare: give 1 object and 1 round or more")
    if engines.has_random_weights:
        raise ConfigError("masks of random weights say nothing; install the preset's weights")
    if unknown := [way for way in ways if way not in WAYS]:
        raise ConfigError(f"{unknown[0]!r} is nothing to compare with; choose of {', '.join(WAYS)}")
    shipped = Way(engines.make(), engines.rounds)
    others = {WAYS[way]: _way(way, engines) for way in ways}
    to_truth: dict[str, list[list[float]]] = {name: [] for name in (_SHIPPED, *others)}
    to_shipped: dict[str, list[list[float]]] = {name: [] for name in others}
    one_round: dict[str, list[list[float]]] = {name: [] for name in others}
    for done, target in enumerate(_targets(volumes, count), start=1):
        robot = RobotUser(target.truth, target.volume.geometry.spacing_zyx_mm)
        session = _TriedFirst(target, shipped, others)
        clicks, masks = _rounds_of(session, target, robot, rounds, cancel)
        to_truth[_SHIPPED].append([dice(target.truth, mask) for mask in masks])
        for name, way in others.items():
            again = RepeatedClicks(clicks)
            _, other = _rounds_of(way.session(target), target, again, rounds, cancel)
            to_truth[name].append([dice(target.truth, mask) for mask in other])
            to_shipped[name].append([dice(*pair) for pair in zip(masks, other, strict=True)])
            one_round[name].append(session.likeness[name] + [1.0] * (rounds - len(clicks)))
        report(Progress(done, count, f"{target.volume_name} {target.label}"))
    info = shipped.engine.info
    facts = {"preset": info.preset, "device": info.device, "precision": info.precision}
    return Agreement(to_truth, to_shipped, one_round, facts)


@dataclass(frozen=True)
class Way:
    """How rounds are run."""

    engine: BenchEngine
    """Its own, with what it keeps."""
    rounds: RoundConfig
    """Their options."""

    def session(self, target: Target) -> Session:
        """Return a session of a target without any click."""
        return Session(target.volume, self.engine, Plane(0), self.rounds)


class _TriedFirst:
    """A session that tries every round on other ways, and takes it back, before it counts."""

    def __init__(self, target: Target, shipped: Way, others: Mapping[str, Way]) -> None:
        self._session = shipped.session(target)
        self._shipped, self._others = shipped, others
        self._click: Click | None = None
        self.likeness: dict[str, list[float]] = {name: [] for name in others}
        """Dice of what the other ways made of each round."""

    def add_click(self, click: Click) -> None:
        """Keep a click for the round that follows."""
        self._click = click

    def run_round(self, cancel: CancelToken) -> Iterator[SliceResult]:
        """Run the round on every way, the shipped one last."""
        tried = {}
        for name, way in self._others.items():
            yield from self._run(way, cancel)
            tried[name] = self._session.mask_volume()
            self._session.undo()  # the round
            self._session.undo()  # the click
        yield from self._run(self._shipped, cancel)
        for name, mask in tried.items():
            self.likeness[name].append(dice(self._session.mask_volume(), mask))

    def mask_volume(self) -> BoolArray:
        """Return the result so far, [z, y, x]."""
        return self._session.mask_volume()

    def _run(self, way: Way, cancel: CancelToken) -> Iterator[SliceResult]:
        assert self._click is not None
        self._session.use_engine(way.engine)
        self._session.configure(way.rounds)
        self._session.add_click(self._click)
        return self._session.run_round(cancel)


def _way(way: str, engines: BenchEngines) -> Way:
    """Return a way by its name in options."""
    if way == FLOAT32:
        return Way(replace(engines, precision="float32").make(), engines.rounds)
    if way == ANEW:
        return Way(engines.make(), replace(engines.rounds, incremental=False))
    return Way(engines.make_naive(in_region=way == PLAIN), engines.rounds)


def _targets(volumes: Sequence[ManifestVolume], count: int) -> Iterator[Target]:
    """Yield the first objects of a manifest; one volume is in memory at a time."""
    for entry in volumes:
        if count <= 0:
            return
        volume, labelmap = load_case(entry)
        for label in list(entry.targets)[:count]:
            yield target_of(entry, label, volume, labelmap)
        count -= len(entry.targets)


def _rounds_of(
    session: ClickedSession,
    target: Target,
    user: User,
    rounds: int,
    cancel: CancelToken | None,
) -> tuple[list[Click], list[BoolArray]]:
    """Return the clicks that a user made and the mask after each round, [z, y, x]."""
    outcomes = list(run_rounds(session, target.truth, user, rounds, cancel))
    clicks = [outcome.click for outcome in outcomes if outcome.click is not None]
    return clicks, [outcome.mask for outcome in outcomes]


def _means(figures: list[list[float]]) -> list[float]:
    return [round(float(mean), 4) for mean in np.mean(figures, axis=0)]


def _row(figures: list[list[float]]) -> str:
    return " ".join(f"{mean:.4f}" for mean in _means(figures))
