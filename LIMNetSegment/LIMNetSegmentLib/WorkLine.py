"""What waits for the worker and what is under way: one job at a time, in the order of the clicks.

The next job begins when the result of the one before is written, since it needs the segment as it
is then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .InferenceWorker import InferenceWorker, Job, Mailbox, Report
from .SegmentRecord import SegmentRecord
from .SessionDesk import Ground
from .SessionJobs import RunRound

_REPORTS_AT_ONCE = 8
"""Slices that come faster than this are shown in the next turn: the views are served between."""


@dataclass(frozen=True, eq=False)
class Action:
    """Something the user wants; what it stands on is read when its turn comes."""

    record: SegmentRecord | None
    """Of the segment it belongs to; None where it belongs to none."""
    makeJob: Callable[[Ground | None], Job]
    """Makes the job; it is given what it stands on, where there is a record."""
    name: str = "action"
    """What it is, in a sentence for the user."""
    isClick: bool = False
    """Whether it is a click."""
    isRound: bool = False
    """Whether it is a round."""


@dataclass(eq=False)
class Running:
    """The job under way."""

    action: Action
    """What the user wanted."""
    job: Job
    """What the worker does."""
    ground: Ground | None
    """What it stands on."""
    generation: int = 0
    """Of the record, when it began."""
    keep: bool | None = None
    """After a cancel: whether the slices done are kept; None asks."""
    done: int = 0
    """Slices that a round has reached."""
    total: int = 0
    """Slices that it may reach."""


class WorkLine:
    """A queue of actions before one worker."""

    def __init__(self, worker: InferenceWorker) -> None:
        self.running: Running | None = None
        """The job under way."""
        self._worker = worker
        self._mailbox = Mailbox()
        self._waiting: deque[Action] = deque()

    @property
    def isBusy(self) -> bool:
        """Whether anything is under way or waits."""
        return self.running is not None or bool(self._waiting)

    @property
    def waitingClicks(self) -> int:
        """Clicks that are not answered yet."""
        isUnderWay = self.running is not None and self.running.action.isClick
        return int(isUnderWay) + sum(action.isClick for action in self._waiting)

    @property
    def runningRound(self) -> Running | None:
        """The round under way."""
        return self.running if self.running is not None and self.running.action.isRound else None

    @property
    def hasRound(self) -> bool:
        """Whether a round runs or waits."""
        return self.runningRound is not None or any(action.isRound for action in self._waiting)

    def add(self, action: Action, isNext: bool = False) -> None:
        """Let an action wait for its turn, at the end or before all others."""
        if isNext:
            self._waiting.appendleft(action)
        else:
            self._waiting.append(action)

    def takeNext(self) -> Action | None:
        """Return the action whose turn it is; None where a job is under way or nothing waits."""
        if self.running is not None or not self._waiting:
            return None
        return self._waiting.popleft()

    def start(self, running: Running) -> None:
        """Hand a job to the worker."""
        self.running = running
        self._worker.post(running.job, self._mailbox)

    def reports(self, seconds: float) -> list[Report]:
        """Return what the worker has to say, after waiting for it at most so long."""
        if self.running is not None:
            self._mailbox.wait(seconds)
        return self._mailbox.take(_REPORTS_AT_ONCE)

    def cancelRound(self, keep: bool | None) -> bool:
        """Ask a round that runs to stop, and drop those that wait; return whether one runs."""
        self._waiting = deque(action for action in self._waiting if not action.isRound)
        if self.running is None or not isinstance(self.running.job, RunRound):
            return False
        self.running.keep = keep
        if keep is False:
            self.running.job.drop.set()
        self.running.job.cancel.cancel()
        return True

    def drop(self, record: SegmentRecord) -> int:
        """Forget what waits for a segment and stop its round; return how many actions went."""
        before = len(self._waiting)
        self._waiting = deque(action for action in self._waiting if action.record is not record)
        if self.running is not None and self.running.action.record is record:
            self.cancelRound(keep=False)
        return before - len(self._waiting)

    def hasClicks(self, record: SegmentRecord) -> bool:
        """Whether clicks on a segment wait or are under way."""
        running = [] if self.running is None else [self.running.action]
        return any(a.isClick and a.record is record for a in (*running, *self._waiting))

    def clear(self) -> None:
        """Forget what waits and what is under way; a round stops, and nobody hears of its end."""
        self._waiting.clear()
        self.cancelRound(keep=False)
        self.running = None

    def release(self) -> None:
        """Need the worker no more."""
        self.clear()
        self._worker.release()
