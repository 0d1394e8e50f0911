"""A process that works on a session until it hangs in the middle of its last round.

Started by `test_journal_kill.py` with the folder of the session and the number of rounds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.made_volumes import ball_volume
from SlicerLIMNet.session.session import Session
from Testing.tiny_engine import tiny_engine

CLICKS = (
    (Click(8, 10, 10), Plane(0)),
    (Click(5, 10, 8), Plane(0)),
    (Click(11, 6, 14, positive=False), Plane(0)),
    (Click(9, 8, 10), Plane(2)),
    (Click(12, 7, 9), Plane(2)),
    (Click(8, 13, 10), Plane(0)),
)


def noisy_ball() -> Volume:
    """Return a ball in noise: every round has something to decide."""
    image, _ = ball_volume((16, 20, 20), radius_mm=6.0, noise=20.0, seed=3)
    return Volume(image, Geometry((16, 20, 20), (2.0, 1.0, 1.0)), "MR", "noisy ball")


def begin(folder: Path | None = None) -> Session:
    """Return a session without clicks."""
    return Session(noisy_ball(), tiny_engine(), Plane(0), folder=folder)


def click_before(session: Session, round_number: int) -> None:
    """Add the click of a round."""
    click, plane = CLICKS[round_number - 1]
    session.add_click(click, plane)


def work(folder: Path, rounds: int) -> None:
    """Do all rounds but the last, and hang in the middle of that."""
    session = begin(folder)
    for number in range(1, rounds + 1):
        click_before(session, number)
        for done, _ in enumerate(session.run_round(), 1):
            if number == rounds and done == 5:
                sys.stdout.write("in the middle\n")
                sys.stdout.flush()
                time.sleep(600)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
