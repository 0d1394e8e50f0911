"""Runs the case several times and says what came of it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.bench.cases import PLANE, BenchSize, made_clicks, made_volume
from SlicerLIMNet.bench.engines import BenchEngine, BenchEngines
from SlicerLIMNet.bench.machine import MIB, matrix_rate, peak_memory_mib
from SlicerLIMNet.bench.network_clock import Clock, NetworkClock, NetworkWork
from SlicerLIMNet.bench.result import ROUNDS, BenchResult
from SlicerLIMNet.domain.config import WHOLE, RoundConfig
from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.window import choose_window
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.session.session import Session

NAIVE = {"naive": False, "naive_in_region": True}
"""Plain paths by name: whether they look at a region."""


@dataclass(frozen=True)
class Pass:
    """Two clicks and two rounds of one engine."""

    seconds: dict[str, float]
    work: dict[str, NetworkWork]
    probability: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Bench:
    """What does not change from pass to pass."""

    size: BenchSize
    volume: Volume
    rounds: RoundConfig
    cancel: CancelToken
    clock: Clock

    def one_pass(self, engine: BenchEngine, counts: bool) -> Pass:
        """Warm an engine up, click, run a round, click on another slice, run a round.

        Args:
            engine: That has seen no volume yet.
            counts: Whether to count operations, which makes the times meaningless.
        """
        timer = _Timer(self.clock)
        timer.run("warm_up", lambda: engine.warm_up((self.size.pixels, self.size.pixels)))
        with timer.networks.watching(engine.networks, counts):
            window = timer.run(
                "window", lambda: choose_window(self.volume.array, self.volume.modality)
            )
            session = Session(self.volume, engine, PLANE, self.rounds, window=window)
            for number, click in zip(("first", "later"), made_clicks(self.size), strict=True):
                timer.run(f"{number}_click", partial(session.add_click, click))
                timer.run(f"{number}_round", lambda: self._round(session, timer))
        timer.run("write_back", session.mask_volume)
        return Pass(timer.seconds, timer.work, session.probability_volume())

    def _round(self, session: Session, timer: _Timer) -> None:
        """Run a round; what comes after its last slice is fusion."""
        spread_ended = self.clock()
        for seen, _ in enumerate(session.run_round(self.cancel), start=1):
            if seen <= self.size.slices:
                spread_ended = self.clock()
        timer.seconds["fusion"] = self.clock() - spread_ended


class _Timer:
    """Seconds and the work of networks by step."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.networks = NetworkClock(clock)
        self.seconds: dict[str, float] = {}
        self.work: dict[str, NetworkWork] = {}

    def run(self, step: str, do: Callable[[], Any]) -> Any:
        self.networks.restart()
        start = self._clock()
        answer = do()
        self.seconds[step] = self._clock() - start
        self.work[step] = self.networks.work
        return answer


def run_bench(
    engines: BenchEngines,
    size: BenchSize,
    repeats: int = 3,
    report: Callable[[Progress], None] = lambda _: None,
    cancel: CancelToken | None = None,
    clock: Clock = time.perf_counter,
    naive: bool = False,
) -> BenchResult:
    """Measure clicks and rounds, each repeat with engines that have seen nothing yet.

    Args:
        engines: To measure.
        size: Of the volume.
        repeats: That count; one more comes before them to warm up and to count operations.
        report: Told after every repeat.
        cancel: A wish to stop.
        clock: Seconds, from any start.
        naive: Whether the plain path does the same work, too; all rounds then reach every slice.

    Raises:
        ConfigError: Nothing would be measured.
        Cancelled: Somebody asked the work to stop.
    """
    if repeats < 1:
        raise ConfigError(f"a bench needs 1 repeat or more, not {repeats}")
    rounds = replace(engines.rounds, incremental=False)  # a later round is a whole one
    rounds = replace(rounds, range=WHOLE) if naive else rounds
    bench = Bench(size, made_volume(size), rounds, cancel or CancelToken(), clock)
    passes: list[dict[str, Pass]] = []
    peak_mib = None
    for done in range(repeats + 1):
        engine = engines.make()
        found = {"": bench.one_pass(engine, counts=not done)}
        feature_mib = engine.feature_bytes / MIB
        found["no_cache"] = bench.one_pass(engines.make(keeps_features=False), counts=False)
        peak_mib = peak_mib or peak_memory_mib(engines.device)
        if naive and done:
            for name, in_region in NAIVE.items():
                found[name] = bench.one_pass(engines.make_naive(in_region), counts=False)
        passes.append(found)
        report(Progress(done + 1, repeats + 1, "" if done else "warm"))
    counted, measured = passes[0][""], passes[1:]
    return BenchResult(
        size,
        _gathered(measured, lambda one: one.seconds),
        _gathered(measured, lambda one: one.work),
        {step: counted.work[step].gflop for step in ROUNDS},
        all(np.array_equal(p[""].probability, p["no_cache"].probability) for p in measured),
        _dice(measured[-1]) if naive else None,
        feature_mib,
        peak_mib,
        matrix_rate(engines.device, engines.precision),
        _facts(engines),
    )


def _gathered(
    passes: list[dict[str, Pass]], of: Callable[[Pass], dict[str, Any]]
) -> dict[str, Any]:
    """Return something of every step, one a repeat."""
    found = {step: [of(p[""])[step] for p in passes] for step in of(passes[0][""])}
    found["later_round_without_cache"] = [of(p["no_cache"])["later_round"] for p in passes]
    for name in NAIVE:
        if name in passes[0]:
            found |= {f"{name}_{step}": [of(p[name])[step] for p in passes] for step in ROUNDS}
    return found


def _dice(passed: dict[str, Pass]) -> float:
    one, other = (passed[name].probability >= 128 for name in ("", "naive_in_region"))
    return round(dice(one, other), 5)


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
