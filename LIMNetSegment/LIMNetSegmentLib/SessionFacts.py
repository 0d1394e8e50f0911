"""What the main thread is told of a session: plain values, made on the worker's thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .MaskBox import MaskBox
from .PanelState import ClickRow, StripCell
from .SessionDesk import Ground, OpenSession, maskOf
from .SessionStorage import StoredSession

if TYPE_CHECKING:
    from SlicerLIMNet.session.session import Session

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Marker:
    """Where a click stands in the patient."""

    number: int
    """Place among the clicks of the plane."""
    pointRas: Point
    """In mm, in the frame of the segmentation."""
    positive: bool
    """Its sign."""


@dataclass(frozen=True)
class SessionFacts:
    """A session in one of its states."""

    plane: Any
    """The engine's plane, in which slices are counted; None before the first click."""
    planeName: str = ""
    """For the user; empty before the first click."""
    clicks: tuple[ClickRow, ...] = ()
    """Of the plane, oldest first."""
    markers: tuple[Marker, ...] = ()
    """Of the same clicks."""
    cells: tuple[StripCell, ...] = ()
    """One a slice; empty before the first click."""
    rounds: int = 0
    """Finished."""
    canPropagate: bool = False
    """Whether a click waits for a round."""
    nextSlice: int | None = None
    """To check."""
    changedSlices: tuple[int, ...] = ()
    """By the last round."""


@dataclass(frozen=True)
class Change:
    """From one mask to another."""

    gained: MaskBox
    """Voxels that the object has then and had not before."""
    lost: MaskBox
    """Voxels that it had before."""

    @property
    def isEmpty(self) -> bool:
        """Whether both masks are the same."""
        return self.gained.isEmpty and self.lost.isEmpty


@dataclass(frozen=True)
class SessionReply:
    """What a job leaves: the session's new state, and the mask that the segment should have."""

    state: str
    """Name of the state."""
    mask: MaskBox
    """The segment's, as the session would have it."""
    change: Change
    """From the segment, as it was when the job began, to that mask."""
    stored: StoredSession
    """For the segment's tag."""
    facts: SessionFacts
    """For the panel."""
    notices: tuple[str, ...] = ()
    """Sentences for the user."""
    deviceText: str = ""
    """Where the engine runs."""
    isPartial: bool = False
    """Whether a round was cut by the user."""


NO_FACTS = SessionFacts(None)


def replyOf(
    opened: OpenSession, ground: Ground, deviceText: str, changed: tuple[int, ...] = ()
) -> SessionReply:
    """Return what the main thread is told of a session."""
    session, state, mask = opened.session, opened.nameState(ground.key), maskOf(opened.session)
    change = Change(mask.minus(ground.mask), ground.mask.minus(mask))
    axis = getattr(session.plane, "axis", None)
    checksums = () if axis is None else tuple(mask.checksums(axis))
    stored = StoredSession(state, tuple(session.condensed_journal), axis, checksums)
    facts = replace(factsOf(session, changed), changedSlices=changed)
    return SessionReply(state, mask, change, stored, facts, opened.takeNotices(), deviceText)


def factsOf(session: Session, changed: Iterable[int] = ()) -> SessionFacts:
    """Return what the panel shows of a session; nothing before the first click."""
    if session.state.window is None:
        return NO_FACTS
    from SlicerLIMNet.domain.plane import plane_name

    return SessionFacts(
        plane=session.plane,
        planeName=plane_name(session.plane, session.volume.geometry),
        clicks=_rows(session),
        markers=_markers(session),
        cells=_cells(session, frozenset(changed)),
        rounds=session.state.rounds,
        canPropagate=bool(session.state.pending),
        nextSlice=session.next_slice_to_check(),
    )


def _rows(session: Session) -> tuple[ClickRow, ...]:
    state = session.state
    return tuple(
        ClickRow(
            number,
            placed.click.slice_index,
            placed.click.row,
            placed.click.column,
            placed.click.positive,
            placed.round_number,
            placed.round_number > state.rounds,
        )
        for number, placed in enumerate(state.current.clicks)
    )


def _markers(session: Session) -> tuple[Marker, ...]:
    stack = session.stack
    points = [stack.click_to_lps(click) for click in session.clicks]
    return tuple(
        Marker(number, (-x, -y, z), click.positive)
        for number, (click, (x, y, z)) in enumerate(zip(session.clicks, points, strict=True))
    )


def _cells(session: Session, changed: frozenset[int]) -> tuple[StripCell, ...]:
    state = session.state
    return tuple(
        StripCell(
            sliceIndex=index,
            origin=result.provenance.origin.value,
            roundNumber=result.provenance.round_number,
            score=result.score,
            isEmpty=not state.shown(index).has_foreground,
            isLocked=index in state.current.locked,
            isPrompted=index in state.current.prompts,
            isChanged=index in changed,
        )
        for index, result in enumerate(session.results)
    )
