"""Which clicks of a file are still to be made in a session that may have begun before."""

from __future__ import annotations

from collections.abc import Sequence

from SlicerLIMNet.domain.clicks import AnyClick, Click
from SlicerLIMNet.domain.plane import AnyPlane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ClickError
from SlicerLIMNet.session.planes import stack_of
from SlicerLIMNet.session.view import SessionView

Rounds = list[list[Click]]


def place_clicks(rounds: Sequence[Sequence[AnyClick]], volume: Volume, plane: AnyPlane) -> Rounds:
    """Return the clicks of all rounds in a plane, found out before the first is made.

    Raises:
        ClickError: One lies outside the volume.
    """
    grid = stack_of(volume, plane)
    placed = [[grid.resolve(click) for click in clicks] for clicks in rounds]
    for number, clicks in enumerate(placed, 1):
        for click in clicks:
            if not grid.contains(click):
                slices, rows, columns = grid.shape
                raise ClickError(
                    f"the {click} of round {number} lies outside the volume, which has {slices} "
                    f"slices of {rows} x {columns} in this plane; click on the image"
                )
    return placed


def rounds_left(rounds: Rounds, session: SessionView, plane: AnyPlane) -> Rounds:
    """Return what is still to be clicked, round by round; each is to be run, even one of no clicks.

    A file that begins with the very clicks of the session is the file that the session came from,
    perhaps with more at its end: what was done is not done again, and a round that was broken off
    is run. Any other file holds further clicks.

    Args:
        rounds: Of the file, in the plane.
        session: New, or opened.
        plane: To click in.
    """
    made = [(placed.round_number, placed.click) for placed in session.state.current.clicks]
    wanted = [(number, click) for number, clicks in enumerate(rounds, 1) for click in clicks]
    if not made or plane != session.plane or made != wanted[: len(made)]:
        return rounds
    done = session.state.rounds
    left: Rounds = [[] for _ in rounds[done:]]
    for number, click in wanted[len(made) :]:
        left[number - done - 1].append(click)
    return left
