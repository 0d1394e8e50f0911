"""A logic without work and packages without pip, for tests of the panel and the effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from LIMNetSegmentLib.NeededPackages import NEEDED
from LIMNetSegmentLib.PanelState import EDITED, NONE, ROUND, ClickRow, PanelState, StripCell
from LIMNetSegmentLib.Parameter import EffectOptions
from LIMNetSegmentLib.Signal import Signal

ACTIONS = (
    *("activate", "deactivate", "cleanup", "refresh", "click", "removeClick", "propagate"),
    "removeClickAt",
    "startEngine",
    *("cancel", "keepPartial", "goBack", "toggleLock", "lockSlices", "goToSlice"),
    *("goToNextSlice", "showLastChange", "resumeAfterCrash", "dismissResume", "viewChanged"),
)


class FakeLogic:
    """Notes what it is asked to do, and shows the state that a test gives it."""

    def __init__(self) -> None:
        self.stateChanged, self.workStarted, self.workEnded = Signal(), Signal(), Signal()
        self.state, self.options = PanelState(), EffectOptions()
        self.calls: list[tuple[Any, ...]] = []
        self.polls = 0
        for name in ACTIONS:
            setattr(self, name, self._noting(name))

    def show(self, state: PanelState) -> None:
        """Be in a state, and tell of it."""
        self.state = state
        self.stateChanged.emit()

    def setOptions(self, options: EffectOptions) -> None:
        """Take options, and tell of it."""
        self.options = options
        self.stateChanged.emit()

    def poll(self, seconds: float = 0.03) -> bool:
        """Count."""
        self.polls += 1
        return True

    def taken(self) -> list[tuple[Any, ...]]:
        """Return what was asked since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def _noting(self, name: str) -> Any:
        return lambda *values: self.calls.append((name, *values))


class FakePackages:
    """Everything that is needed, or nothing; pip installs it at once or fails."""

    def __init__(self, isComplete: bool = True) -> None:
        self.isComplete = isComplete
        self.fault: Exception | None = None
        self.asked: list[list[str]] = []

    def version(self, name: str) -> str | None:
        return "99" if self.isComplete and name in {p.name for p in NEEDED} else None

    def isLoaded(self, name: str) -> bool:
        return False

    def pip(self, arguments: list[str], constraints: Path) -> None:
        self.asked.append(arguments)
        if self.fault is not None:
            raise self.fault
        self.isComplete = True

    def torchInstaller(self) -> Any:
        return None

    def hasNvidia(self) -> bool:
        return False

    def isTesting(self) -> bool:
        return False

    def hasEngine(self) -> bool:
        return True


CLICKS = (
    ClickRow(0, 4, 10.0, 12.0, True, 1, False),
    ClickRow(1, 7, 30.0, 22.0, False, 2, True),
)


def strip_cell(index: int, **facts: Any) -> StripCell:
    """A cell that the first round made, unless it says otherwise."""
    cell = {"origin": ROUND, "roundNumber": 1, "score": 0.9, "isEmpty": False, "isLocked": False}
    return StripCell(index, **{**cell, "isPrompted": False, "isChanged": False, **facts})


CELLS = (
    strip_cell(0, origin=NONE, roundNumber=0, score=None, isEmpty=True),
    *(strip_cell(index) for index in range(1, 4)),
    strip_cell(4, isPrompted=True),
    strip_cell(5, roundNumber=2, score=0.4, isChanged=True),
    strip_cell(6, origin=EDITED, roundNumber=0, score=None, isLocked=True),
    strip_cell(7, roundNumber=2, isPrompted=True, isChanged=True),
)

READY = PanelState(isReady=True)
CLICKED = PanelState(
    isReady=True, canPropagate=True, planeName="coronal", clicks=CLICKS[:1], cells=CELLS
)
RUNNING = PanelState(
    isReady=True, isBusy=True, isRoundRunning=True, done=12, total=80, clicks=CLICKS, cells=CELLS
)
ASKING = PanelState(isReady=True, isAskingPartial=True, done=14, clicks=CLICKS, cells=CELLS)
DONE = PanelState(
    isReady=True,
    planeName="axial",
    clicks=CLICKS,
    cells=CELLS,
    currentSlice=5,
    rounds=2,
    nextSlice=5,
    changedSlices=(5, 7),
    deviceText="CPU, slower",
)
FAILED = PanelState(isReady=True, statusText="The weights are damaged.", isError=True)
CRASHED = PanelState(isReady=True, canResume=True)
MISSING = PanelState(statusText="Choose a source volume.")

STATES = {
    "missing": MISSING,
    "ready": READY,
    "clicked": CLICKED,
    "running": RUNNING,
    "asking": ASKING,
    "done": DONE,
    "failed": FAILED,
    "crashed": CRASHED,
}
