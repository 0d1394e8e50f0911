"""The demonstration: organs of a torso CT from six clicks each, with and without fusion."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.evaluation.demo_input import DemoInput
from SlicerLIMNet.evaluation.robot_rounds import Clock, RobotConfig, RoundOutcome, run_rounds
from SlicerLIMNet.evaluation.robot_user import RobotUser
from SlicerLIMNet.evaluation.runner import ProgressReport, SessionFactory, mean_by_round

BoolArray = npt.NDArray[np.bool_]


class Scores(NamedTuple):
    """Dice a round of both runs."""

    with_fusion: list[float]
    without_fusion: list[float]


@dataclass(frozen=True)
class OrganRuns:
    """The two runs of one organ; in each the robot user clicks on that run's own results."""

    name: str
    """Of the organ."""
    truth: BoolArray
    """[z, y, x]."""
    with_fusion: Sequence[RoundOutcome]
    """One a round."""
    without_fusion: Sequence[RoundOutcome]
    """One a round; here a slice's new mask always replaces the old one."""

    @property
    def scores(self) -> Scores:
        """Dice a round."""
        runs = (self.with_fusion, self.without_fusion)
        return Scores(*([outcome.dice for outcome in run] for run in runs))

    @property
    def seconds(self) -> list[float]:
        """Seconds a round of the run with fusion."""
        return [round(outcome.seconds, 3) for outcome in self.with_fusion]


@dataclass(frozen=True)
class DemoResult:
    """All runs of the demonstration."""

    source: DemoInput
    """The volume and its organs."""
    organs: Sequence[OrganRuns]
    """In the order of the input."""

    @property
    def mean(self) -> Scores:
        """Mean Dice a round over the organs."""
        runs = zip(*(organ.scores for organ in self.organs), strict=True)
        return Scores(*(mean_by_round(curves) for curves in runs))

    @property
    def mean_seconds(self) -> list[float]:
        """Mean seconds a round over the organs."""
        return mean_by_round([organ.seconds for organ in self.organs])

    def summary(self) -> dict[str, Any]:
        """Return the content of summary.json."""
        organs = {
            organ.name: {**organ.scores._asdict(), "seconds": organ.seconds}
            for organ in self.organs
        }
        return {"input": self.source.name, "organs": organs, "mean": self.mean._asdict()}

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return header and rows of the figures: Dice a round of each run, then the seconds."""
        rounds = len(self.mean.with_fusion)
        header = ["Dice", "", *(f"round {number}" for number in range(1, rounds + 1))]
        rows = [*(_rows(organ.name, organ.scores) for organ in self.organs)]
        rows.append(_rows("mean", self.mean))
        seconds = ["seconds", "mean", *(f"{value:.2f}" for value in self.mean_seconds)]
        return header, [*(row for pair in rows for row in pair), seconds]


def run_demo(
    source: DemoInput,
    open_session: SessionFactory,
    rounds: RoundConfig,
    robot: RobotConfig | None = None,
    report: ProgressReport = lambda _: None,
    cancel: CancelToken | None = None,
    clock: Clock = time.perf_counter,
) -> DemoResult:
    """Segment every organ twice, with and without fusion, six clicks each.

    Args:
        source: From `demo_input`.
        open_session: From `sessions_on`.
        rounds: How sessions run; fusion is set here.
        robot: How the robot user clicks; six rounds on the worst slice unless said.
        report: Told after every round.
        cancel: A wish to stop.
        clock: Seconds, from any start.

    Raises:
        Cancelled: Somebody asked the work to stop.
    """
    robot = robot or RobotConfig()
    total = 2 * robot.rounds * len(source.organs)
    done = 0

    def outcomes(name: str, truth: BoolArray, fusion: bool) -> Iterator[RoundOutcome]:
        nonlocal done
        user = RobotUser(
            truth, source.volume.geometry.spacing_zyx_mm, robot.rule, robot.jitter_pixels
        )
        session = open_session(source.volume, replace(rounds, fusion=fusion))
        for outcome in run_rounds(session, truth, user, robot.rounds, cancel, clock):
            done += 1
            run = "with" if fusion else "without"
            report(Progress(done, total, f"{name} {run} fusion: Dice {outcome.dice:.3f}"))
            yield outcome

    organs = [
        OrganRuns(name, truth, [*outcomes(name, truth, True)], [*outcomes(name, truth, False)])
        for name, truth in source.organs.items()
    ]
    return DemoResult(source, organs)


def text_lines(result: DemoResult) -> list[str]:
    """Return the figures as lines of a terminal."""
    header, rows = result.table()
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def _rows(name: str, scores: Scores) -> list[list[str]]:
    return [
        [name, "with fusion", *(f"{value:.3f}" for value in scores.with_fusion)],
        ["", "without", *(f"{value:.3f}" for value in scores.without_fusion)],
    ]
