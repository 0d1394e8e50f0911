"""The robot user on all targets of a manifest, in one run or in several that are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.evaluation.jobs import Job, JobRunner, MethodOpener
from SlicerLIMNet.evaluation.plan import PlannedTarget, plan_targets
from SlicerLIMNet.evaluation.processes import run_in_processes
from SlicerLIMNet.evaluation.results_file import ResultsFile
from SlicerLIMNet.evaluation.robot_rounds import Clock
from SlicerLIMNet.evaluation.run_settings import RunSettings
from SlicerLIMNet.evaluation.target_result import TargetResult
from SlicerLIMNet.evaluation.target_run import SessionFactory
from SlicerLIMNet.io.manifest import ManifestVolume
from SlicerLIMNet.session.parts import Networks
from SlicerLIMNet.session.session import Session

__all__ = ["Evaluation", "SessionFactory", "evaluate", "mean_by_round", "sessions_on"]

ProgressReport = Callable[[Progress], None]


def sessions_on(engine: Networks) -> SessionFactory:
    """Return how to open sessions on an engine, with slices along the first array axis."""
    return lambda volume, config: Session(volume, engine, Plane(axis=0), config)


@dataclass(frozen=True)
class Evaluation:
    """All targets in one run."""

    settings: RunSettings
    """How they were run."""
    targets: list[TargetResult]
    """In the order of the manifest."""

    @property
    def mean_dice(self) -> list[float]:
        """The mean over targets, one a round."""
        return mean_by_round([target.dice for target in self.targets])

    def to_json(self) -> dict[str, Any]:
        """Return settings, figures of every target, and the mean Dice a round."""
        return {
            "settings": self.settings.to_json(),
            "targets": [target.to_json() for target in self.targets],
            "mean": {"dice": self.mean_dice},
        }


def evaluate(
    volumes: Sequence[ManifestVolume],
    runs: Sequence[RunSettings],
    make_methods: Callable[[], MethodOpener],
    *,
    limit: int | None = None,
    with_surface: bool = True,
    results: ResultsFile | None = None,
    processes: int = 1,
    report: ProgressReport = lambda _: None,
    cancel: CancelToken | None = None,
    clock: Clock = time.perf_counter,
) -> list[Evaluation]:
    """Run the robot user on every target of a manifest, in every run.

    Args:
        volumes: From `read_manifest`.
        runs: What is compared.
        make_methods: Gives how sessions of each method are opened; called once in every process
            that works, and picklable if there are several.
        limit: Only so many targets, from the first.
        with_surface: Whether the surface Dice is measured.
        results: Where finished targets are kept; those that it has are not run again.
        processes: How many work at a time. With one the work is done here.
        report: Told after every round; with several processes after every job.
        cancel: A wish to stop.
        clock: Seconds, from any start; of the work that is done here.

    Returns:
        One evaluation a run, in their order. Apart from the seconds it is always the same.

    Raises:
        ConfigError: The limit leaves no target, a target occurs nowhere, or labels lie on another
            grid than their image.
        VolumeError: An image or labelmap cannot be read.
        Cancelled: Somebody asked the work to stop.
    """
    results, cancel = results or ResultsFile(None), cancel or CancelToken()
    targets = plan_targets(volumes, runs, limit, with_surface)
    jobs = [job for target in targets for job in target.jobs(results)]
    counted = _Counted(sum(job.rounds for job in jobs), report)
    if processes > 1 and len(jobs) > 1:
        done = run_in_processes(jobs, make_methods, min(processes, len(jobs)), cancel)
    else:
        done = _run_here(jobs, make_methods, counted, cancel, clock)
    for job, found in done:
        for key, result in found:
            results.add(key, result)
        counted.job(job)
    return [
        Evaluation(settings, [_finished(results, target, place) for target in targets])
        for place, settings in enumerate(runs)
    ]


class _Counted:
    """Counts rounds for the user."""

    def __init__(self, total: int, report: ProgressReport) -> None:
        self._total, self._report = total, report
        self._finished = self._rounds = 0  # rounds of finished jobs; of the one underway

    def round(self, text: str) -> None:
        """Count a round of the job underway."""
        self._rounds += 1
        self._report(Progress(self._finished + self._rounds, self._total, text))

    def job(self, job: Job) -> None:
        """Count a job, whole even if the robot stopped early."""
        self._finished, self._rounds = self._finished + job.rounds, 0
        self._report(Progress(self._finished, self._total, f"{job.entry.name} {job.label}"))


def _run_here(
    jobs: Sequence[Job],
    make_methods: Callable[[], MethodOpener],
    counted: _Counted,
    cancel: CancelToken,
    clock: Clock,
) -> Iterator[tuple[Job, list[tuple[str, TargetResult]]]]:
    """Yield every job with its results, in their order."""
    if jobs:
        runner = JobRunner(make_methods(), clock)
        for job in jobs:
            yield job, list(runner.run(job, counted.round, cancel))


def mean_by_round(curves: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of equally long curves, point by point; empty for none."""
    return [float(np.mean(scores)) for scores in zip(*curves, strict=True)]


def _finished(results: ResultsFile, target: PlannedTarget, place: int) -> TargetResult:
    found = results.get(target.runs[place].key)
    assert found is not None, "every target has been run"
    return found
