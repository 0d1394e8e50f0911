"""The pieces of an evaluation that may run on their own: some runs of one object."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.evaluation.robot_rounds import Clock
from SlicerLIMNet.evaluation.run_settings import RunSettings
from SlicerLIMNet.evaluation.target_result import TargetResult
from SlicerLIMNet.evaluation.target_run import SessionFactory, Target, run_target, target_of
from SlicerLIMNet.io.manifest import ManifestVolume, load_case

MethodOpener = Callable[[str], SessionFactory]
"""Gives, by the name of a method, how its sessions are opened."""
RoundNote = Callable[[str], None]


@dataclass(frozen=True)
class PlannedRun:
    """A run of one object, with keys that are settled before any work."""

    settings: RunSettings
    """How it is run."""
    key: str
    """Of its result."""
    repeats: str
    """Key of the run whose clicks it repeats; its own if it repeats none."""


@dataclass(frozen=True)
class Job:
    """Runs of one object that belong together: the later ones may repeat clicks of the first."""

    entry: ManifestVolume
    """The volume."""
    label: str
    """Name of the object."""
    runs: tuple[PlannedRun, ...]
    """What is still to be run."""
    with_surface: bool
    """Whether the surface Dice is measured."""
    known_clicks: Mapping[str, Sequence[Click]]
    """Clicks of finished runs that others repeat, by the key of the finished run."""

    @property
    def rounds(self) -> int:
        """Rounds of all runs."""
        return sum(run.settings.robot.length for run in self.runs)


class JobRunner:
    """Runs jobs one after the other; it keeps the volume of the last one."""

    def __init__(self, open_method: MethodOpener, clock: Clock = time.perf_counter) -> None:
        """Get ready; nothing is loaded before the first job."""
        self._open_method = open_method
        self._clock = clock
        self._loaded: tuple[ManifestVolume, Volume, npt.NDArray[np.uint8]] | None = None

    def run(
        self, job: Job, note: RoundNote = lambda _: None, cancel: CancelToken | None = None
    ) -> Iterator[tuple[str, TargetResult]]:
        """Yield key and result of every run of a job.

        Args:
            job: What to run.
            note: Told a line for the user after every round.
            cancel: A wish to stop.

        Raises:
            ConfigError: The object has no voxel, or labels lie on another grid than their image.
            VolumeError: An image or labelmap cannot be read.
            Cancelled: Somebody asked the work to stop.
        """
        target = self._target(job.entry, job.label)
        clicks = dict(job.known_clicks)
        for run in job.runs:
            settings = run.settings

            def report(dice: float, name: str = settings.name) -> None:
                note(f"{target.volume_name} {target.label}, {name}: Dice {dice:.3f}")

            result = run_target(
                target,
                settings,
                self._open_method(settings.method),
                clicks[run.repeats] if settings.same_clicks else None,
                job.with_surface,
                report,
                cancel,
                self._clock,
            )
            clicks[run.key] = result.clicks
            yield run.key, result

    def _target(self, entry: ManifestVolume, label: str) -> Target:
        if self._loaded is None or self._loaded[0] != entry:
            self._loaded = None  # two volumes at a time may be too many
            self._loaded = (entry, *load_case(entry))
        return target_of(entry, label, *self._loaded[1:])
