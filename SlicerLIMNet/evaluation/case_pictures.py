"""The best and the worst cases of a run, as pictures of the slices that were clicked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.evaluation.robot_rounds import RoundOutcome
from SlicerLIMNet.evaluation.slice_pictures import ObjectRun, rounds_picture
from SlicerLIMNet.evaluation.target_result import TargetResult, unpacked
from SlicerLIMNet.imaging.window import Window, choose_window
from SlicerLIMNet.io.manifest import ManifestVolume, load_case

MOST_ROUNDS = 6
"""Columns of a picture; more would be too small to see."""


class Case(NamedTuple):
    """A target that is shown."""

    target: TargetResult
    png: bytes


def best_and_worst(
    targets: Sequence[TargetResult], each: int = 3
) -> tuple[list[TargetResult], list[TargetResult]]:
    """Return the targets of highest last Dice, best first, and those of lowest, worst first.

    No target is in both: where there are few the worst get the smaller half.
    """
    ordered = sorted(targets, key=lambda target: -target.dice[-1])  # stable: ties stay in order
    worst = ordered[::-1][: min(each, len(ordered) // 2)]
    return ordered[: min(each, len(ordered) - len(worst))], worst


def case_pictures(
    targets: Sequence[TargetResult], volumes: Sequence[ManifestVolume]
) -> Iterator[Case]:
    """Yield a picture of every target: the clicked slice after each round.

    Args:
        targets: Of a run.
        volumes: The manifest that they come from; its images are read once more.

    Raises:
        VolumeError: An image cannot be read any more.
    """
    entries = {entry.name: entry for entry in volumes}
    for target in targets:
        entry = entries[target.volume]
        volume, labels = load_case(entry)
        truth = np.asarray(labels == entry.targets[target.label])
        run = ObjectRun(target.label, truth, list(_outcomes(target)))
        yield Case(target, rounds_picture(volume, [run], _window(volume, target)))


def _outcomes(target: TargetResult) -> Iterator[RoundOutcome]:
    """Yield the rounds as a picture needs them: masks hold the clicked slice, everywhere alike."""
    _, rows, columns = target.shape_zyx
    rounds = zip(target.clicks, target.shown, target.rounds, strict=False)
    for click, shown, figures in islice(rounds, MOST_ROUNDS):
        mask = np.broadcast_to(unpacked(shown, (rows, columns)), target.shape_zyx)
        yield RoundOutcome(click, mask, figures.dice, figures.seconds, figures.slices_worsened)


def _window(volume: Volume, target: TargetResult) -> Window:
    """Return the window that the session had, chosen by the first click."""
    first = target.clicks[0]
    around = (first.slice_index, round(first.row), round(first.column))
    return choose_window(volume.array, volume.modality, around, axis=0)
