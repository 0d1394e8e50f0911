"""The jobs of the worker: what a user can do to a session, with plain values in and out.

Every job first brings the session to the state of the segment (see `SessionDesk.prepare`), so that
undo and edits outside need no job of their own to be right.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .InferenceWorker import Tell
from .PanelState import ClickRow
from .Parameter import EffectOptions
from .SessionDesk import Ground, OpenSession, SessionDesk
from .SessionFacts import SessionReply, replyOf

if TYPE_CHECKING:
    from SlicerLIMNet.domain.clicks import AnyClick
    from SlicerLIMNet.domain.plane import AnyPlane
    from SlicerLIMNet.domain.progress import CancelToken
    from SlicerLIMNet.session.session import Session


@dataclass(frozen=True, eq=False)
class StartEngine:
    """Load the networks, so that the first click need not wait; returns the device's text."""

    options: EffectOptions
    volumeKey: Hashable = None
    """Of the image that will be clicked on, see `Ground`."""
    makeVolume: Callable[[], Any] | None = None
    """Makes its volume; None where there is no image yet."""

    def run(self, desk: SessionDesk, _tell: Tell) -> str:
        desk.engine(self.options)
        if self.makeVolume is not None:
            desk.makeReady(self.options, self.volumeKey, self.makeVolume)
        return desk.deviceText()


@dataclass(frozen=True, eq=False)
class Look:
    """Bring the session to the segment's state, after undo or when it is opened."""

    ground: Ground

    def run(self, desk: SessionDesk, _tell: Tell) -> SessionReply:
        opened = desk.prepare(self.ground, takeEdits=False)
        return _reply(desk, self.ground, opened)


@dataclass(frozen=True, eq=False)
class AddClick:
    """Add a click."""

    ground: Ground
    plane: AnyPlane
    click: AnyClick

    def run(self, desk: SessionDesk, _tell: Tell) -> SessionReply:
        opened = desk.prepare(self.ground)
        update = opened.session.add_click(self.click, self.plane)
        if update.message:
            opened.notices.append(f"{update.message[:1].upper()}{update.message[1:]}.")
        return _reply(desk, self.ground, opened)


@dataclass(frozen=True, eq=False)
class RemoveClick:
    """Take back a click of the plane."""

    ground: Ground
    row: ClickRow

    def run(self, desk: SessionDesk, _tell: Tell) -> SessionReply:
        from SlicerLIMNet.domain.clicks import Click

        opened = desk.prepare(self.ground)
        click = Click(self.row.sliceIndex, self.row.row, self.row.column, self.row.positive)
        if click in opened.session.clicks:  # else it was removed by what waited before this
            opened.session.remove_click(click)
        return _reply(desk, self.ground, opened)


@dataclass(frozen=True, eq=False)
class SetLocks:
    """Lock some slices of the plane, or unlock them."""

    ground: Ground
    slices: tuple[int, ...]
    isLocked: bool

    def run(self, desk: SessionDesk, _tell: Tell) -> SessionReply:
        opened = desk.prepare(self.ground)
        session = opened.session
        for index in self.slices:
            (session.lock if self.isLocked else session.unlock)(index)
        return _reply(desk, self.ground, opened)


@dataclass(frozen=True)
class SliceDone:
    """A slice that a running round has reached."""

    plane: Any
    """The engine's plane."""
    sliceIndex: int
    """Slice in it."""
    mask: npt.NDArray[np.bool_]
    """(rows, columns)."""
    done: int
    """Slices so far."""
    total: int
    """Slices that it may reach."""


@dataclass(frozen=True, eq=False)
class RunRound:
    """Run a round; returns None where it was dropped."""

    ground: Ground
    cancel: CancelToken
    """Stops it; the slices done so far are kept."""
    drop: threading.Event = field(default_factory=threading.Event)
    """With `cancel`: nothing is kept."""

    def run(self, desk: SessionDesk, tell: Tell) -> SessionReply | None:
        opened = desk.prepare(self.ground)
        self.cancel.raise_if_cancelled()
        session, before = opened.session, opened.session.state
        if not before.pending:  # the click was removed, or undone, meanwhile
            opened.notices.append("No click waits for a round; click on the object first.")
            return _reply(desk, self.ground, opened)
        for result in self._results(session):
            tell(result)
        if self.drop.is_set():
            while session.position > 0 and session.state is not before:
                session.undo()
            return None
        changed = _changed(before.current.results, session)
        reply = _reply(desk, self.ground, opened, changed)
        return replace(reply, isPartial=_wasCut(reply))

    def _results(self, session: Session) -> Iterator[SliceDone]:
        total, seen = _reach(session), set()
        rounds = session.run_round(self.cancel, keep_partial=True)
        for result in rounds:
            seen.add(result.slice_index)
            yield SliceDone(
                session.plane, result.slice_index, result.mask, min(len(seen), total), total
            )
            if self.drop.is_set():
                rounds.close()  # type: ignore[attr-defined]  # a generator


@dataclass(frozen=True, eq=False)
class FindLeftBehind:
    """Look for a journal that a crash has left of this volume and segment; returns its folder."""

    ground: Ground

    def run(self, desk: SessionDesk, _tell: Tell) -> Path | None:
        if desk.folders is None:
            return None
        sha256 = desk.volume(self.ground).sha256
        return desk.folders.leftBehind(sha256, self.ground.segmentName)


@dataclass(frozen=True, eq=False)
class TakeLeftBehind:
    """Go on with a journal that a crash has left."""

    ground: Ground
    folder: Path

    def run(self, desk: SessionDesk, _tell: Tell) -> SessionReply:
        return _reply(desk, self.ground, desk.open(self.ground, self.folder))


@dataclass(frozen=True, eq=False)
class DropLeftBehind:
    """Delete a journal that a crash has left."""

    folder: Path

    def run(self, desk: SessionDesk, _tell: Tell) -> None:
        if desk.folders is not None:
            desk.folders.drop(self.folder)


@dataclass(frozen=True, eq=False)
class SaveSession:
    """Write a session to a file that other programs go on from; returns nothing."""

    ground: Ground
    path: Path
    """Ends in `.zip`."""

    def run(self, desk: SessionDesk, _tell: Tell) -> None:
        desk.prepare(self.ground).session.save(self.path)


@dataclass(frozen=True, eq=False)
class TakeFromFile:
    """Go on with a session from a file, in place of the segment's."""

    ground: Ground
    path: Path
    """As `SaveSession` or `limnet segment --session` have written it."""

    def run(self, desk: SessionDesk, _tell: Tell) -> SessionReply:
        return _reply(desk, self.ground, desk.openFile(self.ground, self.path))


@dataclass(frozen=True, eq=False)
class Forget:
    """Close sessions whose segments are gone."""

    keys: tuple[str, ...]

    def run(self, desk: SessionDesk, _tell: Tell) -> None:
        for key in self.keys:
            desk.forget(key)


def _reply(
    desk: SessionDesk, ground: Ground, opened: OpenSession, changed: tuple[int, ...] = ()
) -> SessionReply:
    return replyOf(opened, ground, desk.deviceText(), changed)


def _reach(session: Session) -> int:
    """Return how many slices a round may reach at most."""
    wanted, count = session.config.range, session.shape[0]
    return count if isinstance(wanted, str) else min(count, 2 * wanted + 1)


def _changed(before: Any, session: Session) -> tuple[int, ...]:
    """Return the slices whose mask is not what it was before."""
    after = session.state.current.results
    nothing = np.zeros(session.shape[1:], bool)
    return tuple(
        index
        for index, result in sorted(after.items())
        if not np.array_equal(result.mask, before[index].mask if index in before else nothing)
    )


def _wasCut(reply: SessionReply) -> bool:
    """Return whether the round that ended last was stopped by the user."""
    ends = [entry for entry in reply.stored.journal if entry.get("op") == "propagate_end"]
    return bool(ends) and ends[-1]["cut_after"] is not None
