"""One object in one run: the robot clicks, every round is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.error_regions import largest_slices
from SlicerLIMNet.evaluation.propagation_failures import (
    decay,
    dice_at_distances,
    false_positives,
    flooding,
    overrun,
)
from SlicerLIMNet.evaluation.robot_rounds import (
    ClickedSession,
    Clock,
    RepeatedClicks,
    RoundOutcome,
    User,
    run_rounds,
)
from SlicerLIMNet.evaluation.robot_user import ClickRule, RobotUser
from SlicerLIMNet.evaluation.run_settings import RunSettings
from SlicerLIMNet.evaluation.target_result import (
    RoundFigures,
    SliceClicks,
    TargetResult,
    packed,
)
from SlicerLIMNet.evaluation.watched_session import WatchedSession
from SlicerLIMNet.imaging.error_clicks import PixelClick, next_click
from SlicerLIMNet.io.manifest import ManifestVolume
from SlicerLIMNet.metrics import TOLERANCE_MM, dice, surface_dice
from SlicerLIMNet.session.session import Session

BoolArray = npt.NDArray[np.bool_]
SessionFactory = Callable[[Volume, RoundConfig], ClickedSession]
RoundReport = Callable[[float], None]

LONG_CURVE = 10
"""Rounds that a long run always has: the curve over rounds is drawn so far."""
HIGHEST_DICE = 0.9
"""After `LONG_CURVE` rounds a long run ends here: no clicks to a higher Dice are counted."""
CLICKS_ON_A_SLICE = 2


@dataclass(frozen=True)
class Target:
    """One object of one volume."""

    volume_name: str
    """As the manifest says."""
    volume: Volume
    """The image."""
    label: str
    """Name of the object."""
    truth: BoolArray
    """[z, y, x], not empty."""


def target_of(
    entry: ManifestVolume, label: str, volume: Volume, labelmap: npt.NDArray[np.uint8]
) -> Target:
    """Return one object of a volume and its labelmap, as `load_case` gives them.

    Raises:
        ConfigError: It has no voxel.
    """
    value = entry.targets[label]
    truth = np.asarray(labelmap == value)
    if not truth.any():
        raise ConfigError(f"{entry.name} has no voxel of {label} (label value {value})")
    return Target(entry.name, volume, label, truth)


def run_target(
    target: Target,
    settings: RunSettings,
    open_session: SessionFactory,
    repeated: Sequence[Click] | None = None,
    with_surface: bool = True,
    report: RoundReport = lambda _: None,
    cancel: CancelToken | None = None,
    clock: Clock = time.perf_counter,
) -> TargetResult:
    """Return the figures of one object.

    Args:
        target: The object.
        settings: How the robot clicks and the session runs.
        open_session: Opens a session on the volume.
        repeated: Clicks to repeat in place of the robot's own.
        with_surface: Whether the surface Dice is measured, which takes longest.
        report: Told the Dice after every round.
        cancel: A wish to stop.
        clock: Seconds, from any start.

    Raises:
        Cancelled: Somebody asked the work to stop.
        ConfigError: The surface Dice is asked for and its library is not installed.
    """
    robot, config = settings.robot, settings.rounds or RoundConfig()
    session = WatchedSession(open_session(target.volume, config))
    outcomes = run_rounds(
        session, target.truth, _user(target, settings, repeated), robot.length, cancel, clock
    )
    meter = _Meter(target, session, with_surface)
    later: list[float] = []
    for number, outcome in enumerate(outcomes, start=1):
        if number <= robot.rounds:
            meter.measure(outcome)
        else:
            meter.clicks += [] if outcome.click is None else [outcome.click]
            later.append(outcome.dice)
        report(outcome.dice)
        if number >= max(robot.rounds, LONG_CURVE) and outcome.dice >= HIGHEST_DICE:
            break
    wants_slice = robot.rule is ClickRule.WORST_SLICE and not settings.same_clicks
    return TargetResult(
        volume=target.volume_name,
        label=target.label,
        modality=target.volume.modality,
        shape_zyx=target.volume.shape_zyx,
        spacing_zyx_mm=target.volume.geometry.spacing_zyx_mm,
        voxels=int(np.count_nonzero(target.truth)),
        rounds=meter.rounds,
        clicks=meter.clicks,
        later_dice=later,
        dice_at_distances=meter.by_distance,
        slice_clicks=click_one_slice(target, open_session, config) if wants_slice else None,
        shown=meter.shown,
    )


def click_one_slice(
    target: Target, open_session: SessionFactory, config: RoundConfig
) -> SliceClicks | None:
    """Click twice on the object's largest slice, by the deepest error, and measure that slice.

    Returns:
        What each click led to; None for a session that shows no probabilities. Where nothing is
        left to click the last figures are repeated.
    """
    session = open_session(target.volume, config)
    if not isinstance(session, Session):
        return None
    index = largest_slices(target.truth)[0]
    truth, mask = target.truth[index], np.zeros(target.truth.shape[1:], bool)
    clicked: list[PixelClick] = []
    found = SliceClicks([], [], [], [])
    for _ in range(CLICKS_ON_A_SLICE):
        pixel = next_click(truth, mask, clicked)
        if pixel is not None:
            session.add_click(Click(index, pixel.row, pixel.column, pixel.positive))
            clicked.append(pixel)
        probability, mask = session.state.shown(index).dense(), session.shown_mask(index)
        last = clicked[-1]
        found.dice.append(dice(truth, mask))
        found.clicked_probability.append(float(probability[int(last.row), int(last.column)]))
        found.positive.append(last.positive)
        found.object_probability.append(float(probability[truth].mean()))
    return found


def surface_says_something(target: Target) -> bool:
    """Whether the object is longer than twice the tolerance of the surface Dice along some axis.

    Nearly any mask near a smaller one scores 1: such objects have no surface Dice.
    """
    spacing = target.volume.geometry.spacing_zyx_mm
    for axis, step_mm in enumerate(spacing):
        others = tuple(i for i in range(3) if i != axis)
        filled = np.flatnonzero(target.truth.any(axis=others))
        if (filled[-1] - filled[0] + 1) * step_mm > 2 * TOLERANCE_MM:
            return True
    return False


class _Meter:
    """Measures the rounds of one object, one after the other."""

    def __init__(self, target: Target, session: WatchedSession, with_surface: bool) -> None:
        self.rounds: list[RoundFigures] = []
        self.clicks: list[Click] = []
        self.shown: list[str] = []
        self.by_distance: list[list[float | None]] = []
        self._target, self._session = target, session
        self._with_surface = with_surface and surface_says_something(target)

    def measure(self, outcome: RoundOutcome) -> None:
        """Add the figures of a round."""
        truth, mask, click = self._target.truth, outcome.mask, outcome.click
        if click is None and self.rounds:
            self.rounds.append(self._unchanged())
            return
        if click is not None:
            self.clicks.append(click)
            self.shown.append(packed(mask[click.slice_index]))
        slices = {placed.slice_index for placed in self.clicks}
        distances = dice_at_distances(truth, mask, slices) if slices else []
        self.by_distance = [*self.by_distance[:1], distances] if self.rounds else [distances]
        false = false_positives(truth, mask)
        notes = None if click is None else self._session.notes(truth)
        self.rounds.append(
            RoundFigures(
                dice=outcome.dice,
                seconds=round(outcome.seconds, 4),
                slices_worsened=outcome.slices_worsened,
                nsd=self._surface(mask),
                false_slices=false.slices,
                false_voxels=false.voxels,
                flooding=None if click is None else flooding(truth, mask, click.slice_index),
                overrun=overrun(truth, mask),
                decay=decay(truth, mask, slices) if slices else None,
                clicked_probability=None if notes is None else notes.clicked_probability,
                prompt_dice=None if notes is None else notes.prompt_dice,
                judged_slices=None if notes is None else notes.judged_slices,
                regret=None if notes is None else notes.regret,
                oracle_dice=None if notes is None else notes.oracle_dice,
            )
        )

    def _unchanged(self) -> RoundFigures:
        """Return the figures of a round in which nothing was left to click: the result stayed."""
        return replace(
            self.rounds[-1],
            seconds=0.0,
            slices_worsened=0.0,
            clicked_probability=None,
            prompt_dice=None,
            judged_slices=None,
            regret=None,
            oracle_dice=self.rounds[-1].dice if self.rounds[-1].oracle_dice is not None else None,
        )

    def _surface(self, mask: BoolArray) -> float | None:
        if not self._with_surface:
            return None
        return surface_dice(self._target.truth, mask, self._target.volume.geometry.spacing_zyx_mm)


def _user(target: Target, settings: RunSettings, repeated: Sequence[Click] | None) -> User:
    if repeated is not None:
        return RepeatedClicks(repeated)
    robot = settings.robot
    spacing = target.volume.geometry.spacing_zyx_mm
    return RobotUser(target.truth, spacing, robot.rule, robot.jitter_pixels)
