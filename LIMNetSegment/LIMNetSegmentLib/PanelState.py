"""What the panel shows: plain values, made anew whenever something changed."""

from __future__ import annotations

from dataclasses import dataclass

NONE = "none"
GIVEN = "given"
EDITED = "edited"
ROUND = "round"


@dataclass(frozen=True)
class ClickRow:
    """One line of the list of clicks."""

    number: int
    """Place among the clicks of the plane, 0 for the oldest; `removeClick` takes it."""
    sliceIndex: int
    """Slice in the plane."""
    row: float
    """Row in the slice."""
    column: float
    """Column in the slice."""
    positive: bool
    """Whether the object is there."""
    roundNumber: int
    """The round it belongs to, 1 for the first."""
    isWaiting: bool
    """Whether no round has taken it up yet."""


@dataclass(frozen=True)
class StripCell:
    """One slice of the fusion strip."""

    sliceIndex: int
    """Slice in the plane; the place of the cell in the strip."""
    origin: str
    """Where its mask comes from: `none`, `given`, `edited` or `round`."""
    roundNumber: int
    """The round that made it; 0 for what no round made."""
    score: float | None
    """0..1, how certain it is; None where nothing judged it."""
    isEmpty: bool
    """Whether the object is not on it."""
    isLocked: bool
    """Whether rounds leave it as it is."""
    isPrompted: bool
    """Whether clicks made it."""
    isChanged: bool
    """Whether the last round changed it."""


@dataclass(frozen=True)
class PanelState:
    """All that the panel shows."""

    statusText: str = ""
    """One sentence for the user."""
    isError: bool = False
    """Whether the sentence tells of something that went wrong."""
    isReady: bool = False
    """Whether volume, segmentation and segment are there, so that clicks do something."""
    isBusy: bool = False
    """Whether any work is under way; `poll` must be called while it is."""
    isRoundRunning: bool = False
    """Whether a round runs or waits: Cancel does something."""
    isAskingPartial: bool = False
    """Whether a cancelled round waits for `keepPartial` or `goBack`."""
    canPropagate: bool = False
    """Whether a click waits for a round."""
    waitingClicks: int = 0
    """Clicks that the worker has not answered yet."""
    done: int = 0
    """Slices that the round has reached."""
    total: int = 0
    """Slices that it may reach; 0 where no round runs."""
    planeName: str = ""
    """`axial`, `coronal`, `sagittal`, `oblique`; empty before the first click."""
    clicks: tuple[ClickRow, ...] = ()
    """Of the plane, oldest first."""
    cells: tuple[StripCell, ...] = ()
    """One a slice of the plane; empty before the first click."""
    currentSlice: int | None = None
    """The slice that a view of this plane shows; None where none does."""
    rounds: int = 0
    """Rounds finished."""
    nextSlice: int | None = None
    """The least certain slice; None where nothing is to check."""
    changedSlices: tuple[int, ...] = ()
    """Slices that the last round changed."""
    isShowingChange: bool = False
    """Whether the views show what the last round changed."""
    deviceText: str = ""
    """Where the engine runs; empty before it was started."""
    canResume: bool = False
    """Whether a session of this volume and segment was left behind by a crash."""
