"""What a user may do in a session, step by step, for tests of undo, journals and replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.plane import Plane, covering_plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.rounds import ObjectState
from SlicerLIMNet.session.session import Session

CENTRE = Click(slice_index=8, row=8, column=8)
UPPER = Click(slice_index=11, row=8, column=8, positive=False)
LEFT = Click(slice_index=8, row=8, column=5.25)


def finish_round(session: Session) -> None:
    """Run a round to its end."""
    for _ in session.run_round():
        pass


def cut_round(session: Session, slices: int) -> None:
    """Run a round, stop it after some slices, and keep those."""
    cancel = CancelToken()
    for done, _ in enumerate(session.run_round(cancel, keep_partial=True), 1):
        if done == slices:
            cancel.cancel()


def steps_of_a_day(session: Session) -> list[Callable[[], object]]:
    """Return steps that let everything happen once on a volume of 16 x 16 x 16 voxels."""
    bright = session.volume.array > 50
    slanted = covering_plane(session.volume.geometry, (0, 0.8, 0.6), (1, 0, 0))
    return [
        lambda: session.set_mask(bright, given=True),
        lambda: session.add_click(CENTRE),
        lambda: session.add_click(Click(8, 8, 12, positive=False)),
        lambda: finish_round(session),
        lambda: session.lock(5),
        lambda: session.add_click(UPPER),
        lambda: cut_round(session, 4),
        lambda: session.unlock(5),
        lambda: session.set_mask(bright, slices=[3, 4]),
        lambda: session.add_click(LEFT, Plane(2)),
        lambda: finish_round(session),
        lambda: session.remove_click(LEFT),
        lambda: session.add_click(Click(12, 9.125, 8), slanted),
        lambda: finish_round(session),
        lambda: session.add_click(Click(3, 8, 8), Plane(0)),
        lambda: session.remove_click(CENTRE),
        lambda: finish_round(session),
    ]


def busy_day(session: Session) -> list[ObjectState]:
    """Let everything happen once; return the states before, between and after."""
    states = [session.state]
    for step in steps_of_a_day(session):
        step()
        states.append(session.state)
    return states


def day_with_second_thoughts(session: Session) -> None:
    """A busy day with undo, redo and other options in between."""
    steps = steps_of_a_day(session)
    for step in steps[:7]:
        step()
    session.undo()
    session.undo()
    session.redo()
    session.undo()
    session.configure(replace(session.config, memory="paper", range=3))
    for step in steps[5:]:
        step()
    session.undo()
    session.undo()
    session.redo()
