"""One object in rounds: the robot user drives the very session that people drive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.robot_user import ClickRule
from SlicerLIMNet.metrics import dice, slices_worsened

BoolArray = npt.NDArray[np.bool_]
Clock = Callable[[], float]


class ClickedSession(Protocol):
    """What the robot needs of a session; its slices lie along the first array axis."""

    def add_click(self, click: Click) -> Any:
        """Add a click and redraw its slice."""

    def run_round(self, cancel: CancelToken) -> Iterator[Any]:
        """Spread the clicked slices over the volume, slice by slice."""

    def mask_volume(self) -> BoolArray:
        """Return the result so far, [z, y, x]."""


class User(Protocol):
    """Who clicks: the robot, or somebody who repeats its clicks."""

    def next_click(self, predicted: BoolArray) -> Click | None:
        """Look at a result, [z, y, x], and click; None when done."""


class RepeatedClicks:
    """A user who clicks where somebody clicked before, whatever the result looks like."""

    def __init__(self, clicks: Iterable[Click]) -> None:
        """Take the clicks in their order."""
        self._clicks = iter(tuple(clicks))

    def next_click(self, predicted: BoolArray) -> Click | None:  # noqa: ARG002 - does not look
        """Return the next of the clicks; None after the last."""
        return next(self._clicks, None)


@dataclass(frozen=True)
class RobotConfig:
    """How the robot user works."""

    rule: ClickRule = ClickRule.WORST_SLICE
    """How clicks are chosen."""
    rounds: int = 6
    """Rounds of one click."""
    jitter_pixels: float = 0.0
    """Clicks move at random by up to this distance within the error."""
    most_clicks: int = 0
    """Where above `rounds`: the robot goes on so far, for the clicks to a Dice and long curves."""

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ConfigError(f"the robot user needs one round or more, not {self.rounds}")

    @property
    def length(self) -> int:
        """Rounds in all."""
        return max(self.rounds, self.most_clicks)


@dataclass(frozen=True)
class RoundOutcome:
    """What a round of the robot user led to."""

    click: Click | None
    """The click; None where nothing was left to click, and the result stayed."""
    mask: BoolArray
    """[z, y, x], the result after the round."""
    dice: float
    """Of the whole volume."""
    seconds: float
    """Wall time of click and round, without the robot's own thinking."""
    slices_worsened: float
    """Share of the slices with object or mask whose Dice fell by more than 0.01."""


def run_rounds(
    session: ClickedSession,
    truth: BoolArray,
    robot: User,
    rounds: int,
    cancel: CancelToken | None = None,
    clock: Clock = time.perf_counter,
) -> Iterator[RoundOutcome]:
    """Yield the outcome of every round of one object.

    Args:
        session: Fresh, of the volume that the truth belongs to.
        truth: [z, y, x], the object.
        robot: A fresh user, who knows that truth.
        rounds: How many outcomes are yielded. Where the robot stops early the result is repeated,
            with no click and no seconds.
        cancel: Asked by the session between two slices.
        clock: Seconds, from any start.

    Raises:
        Cancelled: Somebody asked the work to stop.
    """
    cancel = cancel or CancelToken()
    mask = np.zeros_like(truth)
    for _ in range(rounds):
        cancel.raise_if_cancelled()
        before, click = mask, robot.next_click(mask)
        seconds = 0.0
        if click is not None:
            started = clock()
            session.add_click(click)
            for _ in session.run_round(cancel):
                pass  # the results stand in the session
            mask = session.mask_volume()
            seconds = clock() - started
        worsened = slices_worsened(truth, before, mask)
        yield RoundOutcome(click, mask, dice(truth, mask), seconds, worsened)
