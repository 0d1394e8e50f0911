"""What an evaluation has to run: every target in every run, but for what is finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.jobs import Job, PlannedRun
from SlicerLIMNet.evaluation.result_keys import result_key
from SlicerLIMNet.evaluation.results_file import ResultsFile
from SlicerLIMNet.evaluation.run_settings import RunSettings
from SlicerLIMNet.io.manifest import ManifestVolume


@dataclass(frozen=True)
class PlannedTarget:
    """One object of one volume in all runs."""

    entry: ManifestVolume
    """The volume."""
    label: str
    """Name of the object."""
    runs: tuple[PlannedRun, ...]
    """In the order of the comparison."""
    with_surface: bool
    """Whether the surface Dice is measured."""

    def jobs(self, results: ResultsFile) -> Iterator[Job]:
        """Yield what is left to run; runs that repeat clicks go with the run that they repeat."""
        groups: dict[str, list[PlannedRun]] = {}
        for run in self.runs:
            groups.setdefault(run.repeats, []).append(run)
        for first_key, group in groups.items():
            first = results.get(first_key)
            missing = [run for run in group if results.get(run.key) is None]
            missing.sort(key=lambda run: run.settings.same_clicks)
            if not missing:
                continue
            clicks: dict[str, Sequence[Click]] = {} if first is None else {first_key: first.clicks}
            if first is None and missing[0].key != first_key:  # nobody asked for it: run it, too
                settings = missing[0].settings.clicked_first
                missing.insert(0, PlannedRun(settings, first_key, first_key))
            yield Job(self.entry, self.label, tuple(missing), self.with_surface, clicks)


def plan_targets(
    volumes: Sequence[ManifestVolume],
    runs: Sequence[RunSettings],
    limit: int | None,
    with_surface: bool,
) -> list[PlannedTarget]:
    """Return all targets, each with all runs.

    Args:
        volumes: Of a manifest.
        runs: What is compared.
        limit: Only so many targets, from the first.
        with_surface: Whether the surface Dice is measured.

    Raises:
        ConfigError: No target is left.
        VolumeError: A file of a volume cannot be read.
    """
    places = [(volume, label) for volume in volumes for label in volume.targets]
    if limit is not None:
        places = places[: max(0, limit)]
    if not places:
        raise ConfigError("nothing to evaluate: the limit must be 1 or more, and targets be listed")
    return [
        PlannedTarget(
            entry,
            label,
            tuple(_planned(entry, label, settings, with_surface) for settings in runs),
            with_surface,
        )
        for entry, label in places
    ]


def _planned(
    entry: ManifestVolume, label: str, settings: RunSettings, with_surface: bool
) -> PlannedRun:
    key = result_key(entry, label, settings, with_surface)
    if not settings.same_clicks:
        return PlannedRun(settings, key, key)
    repeats = result_key(entry, label, settings.clicked_first, with_surface)
    return PlannedRun(settings, key, repeats)
