"""Runs the case several times and says what came of it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.bench.cases import PLANE, BenchSize, made_clicks, made_volume
from SlicerLIMNet.bench.engines import BenchEngines
from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.session.session import Session

Clock = Callable[[], float]

MIB = 2**20

STEPS = {
    "first_click": "first click",
    "later_click": "later click",
    "first_round": "first round",
    "later_round": "later round",
    "later_round_without_cache": "later round, no features kept",
}
"""What is measured, by its name in JSON, and how a table says it."""


class Pass(NamedTuple):
    """Two clicks and two rounds of one engine."""

    seconds: dict[str, float]
    probability: npt.NDArray[np.uint8]
    slices: tuple[int, int]


@dataclass(frozen=True)
class BenchResult:
    """Seconds of every step in every repeat, and what they depend on."""

    size: BenchSize
    """Of the volume."""
    seconds: dict[str, list[float]]
    """By name of the step, one a repeat."""
    slices: tuple[int, int]
    """Slices that the networks reached in the first and the later round."""
    same_masks: bool
    """Whether the later round gave the same with and without kept features, bit for bit."""
    feature_mib: float
    """Memory of the features that were kept."""
    facts: dict[str, Any]
    """Versions, threads, device, precision."""

    @property
    def ratios(self) -> dict[str, float]:
        """Later round to first, and to the same one without kept features."""
        middle = {step: median(values) for step, values in self.seconds.items()}
        later = middle["later_round"]
        return {
            "later_to_first_round": later / middle["first_round"],
            "later_round_with_to_without_cache": later / middle["later_round_without_cache"],
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "format": 1,
            "volume": {"slices": self.size.slices, "pixels": self.size.pixels},
            "seconds": {
                step: {
                    "median": round(median(values), 4),
                    "least": round(min(values), 4),
                    "most": round(max(values), 4),
                }
                for step, values in self.seconds.items()
            },
            "repeats": len(self.seconds["first_round"]),
            "slices_reached": {"first_round": self.slices[0], "later_round": self.slices[1]},
            "ratios": {name: round(value, 4) for name, value in self.ratios.items()},
            "same_masks_with_and_without_cache": self.same_masks,
            "feature_mib": round(self.feature_mib, 1),
            **self.facts,
        }

    def lines(self) -> list[str]:
        """Return a table for a terminal."""
        size, facts = self.size, self.facts
        shown = [
            f"{size.slices} slices of {size.pixels} x {size.pixels}; {facts['preset']}, "
            f"{facts['device']}, {facts['precision']}, {facts['threads']} threads, torch "
            f"{facts['versions']['torch']}"
        ]
        if facts["random_weights"]:
            shown.append("random weights: the times count, the masks mean nothing")
        shown.append(f"{'seconds':32} {'median':>8} {'least':>8} {'most':>8}")
        for step, name in STEPS.items():
            values = self.seconds[step]
            row = (f"{value:8.3f}" for value in (median(values), min(values), max(values)))
            shown.append(f"{name:32} {' '.join(row)}")
        ratios = self.ratios
        masks = "the same masks, bit for bit" if self.same_masks else "OTHER MASKS"
        shown += [
            f"slices reached: {self.slices[0]} in the first round, {self.slices[1]} in the later",
            f"later / first round: {ratios['later_to_first_round']:.2f}",
            f"later round with / without kept features ({self.feature_mib:.0f} MiB): "
            f"{ratios['later_round_with_to_without_cache']:.2f}, {masks}",
        ]
        return shown


def run_bench(
    engines: BenchEngines,
    size: BenchSize,
    repeats: int = 3,
    report: Callable[[Progress], None] = lambda _: None,
    cancel: CancelToken | None = None,
    clock: Clock = time.perf_counter,
) -> BenchResult:
    """Measure clicks and rounds, each repeat with engines that have seen nothing yet.

    Args:
        engines: To measure.
        size: Of the volume.
        repeats: That count; one more comes before them to warm up.
        report: Told after every repeat.
        cancel: A wish to stop.
        clock: Seconds, from any start.

    Raises:
        ConfigError: Nothing would be measured.
        Cancelled: Somebody asked the work to stop.
    """
    if repeats < 1:
        raise ConfigError(f"a bench needs 1 repeat or more, not {repeats}")
    volume, clicks = made_volume(size), made_clicks(size)
    cancel = cancel or CancelToken()
    pairs = []
    for done in range(repeats + 1):
        ways = (engines.make(), engines.make(keeps_features=False))
        sessions = [Session(volume, engine, PLANE, engines.rounds) for engine in ways]
        pairs.append([_pass(session, clicks, cancel, clock) for session in sessions])
        report(Progress(done + 1, repeats + 1, "" if done else "warm"))
        feature_mib = ways[0].feature_bytes / MIB
    return BenchResult(
        size,
        _seconds(pairs[1:]),
        pairs[0][0].slices,
        all(np.array_equal(a.probability, b.probability) for a, b in pairs),
        feature_mib,
        _facts(engines),
    )


def _pass(session: Session, clicks: Sequence[Click], cancel: CancelToken, clock: Clock) -> Pass:
    seconds, slices = {}, []
    for number, click in zip(("first", "later"), clicks, strict=True):
        start = clock()
        session.add_click(click)
        clicked = clock()
        slices.append(len({result.slice_index for result in session.run_round(cancel)}))
        seconds[f"{number}_click"] = clicked - start
        seconds[f"{number}_round"] = clock() - clicked
    return Pass(seconds, session.probability_volume(), (slices[0], slices[1]))


def _seconds(pairs: Sequence[Sequence[Pass]]) -> dict[str, list[float]]:
    """Return the times of the engine that keeps features, and the other's later round."""
    found = {step: [kept.seconds[step] for kept, _ in pairs] for step in list(STEPS)[:-1]}
    return found | {
        "later_round_without_cache": [other.seconds["later_round"] for _, other in pairs]
    }


def _facts(engines: BenchEngines) -> dict[str, Any]:
    info = engines.make().info
    names = ("numpy", "scipy", "SimpleITK")
    return {
        "preset": info.preset,
        "random_weights": engines.has_random_weights,
        "weights": dict(info.weights),
        "device": info.device,
        "precision": info.precision,
        "threads": info.threads,
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {
            "SlicerLIMNet": info.engine_version,
            "python": platform.python_version(),
            "torch": version("torch"),
            **{name: version(name) for name in names},
        },
    }
