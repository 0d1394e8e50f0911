"""What click, round, undo and lock mean: no widgets, no Qt, no torch; main thread only.

Every action is allowed at any time and raises nothing: what cannot be done becomes a sentence in
`state.statusText`. The panel reads `state` (see `PanelState`) whenever `stateChanged` is emitted,
and calls `poll()` from a 0 ms timer between `workStarted` and `workEnded`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .InferenceWorker import Failed, InferenceWorker, Progress, Report
from .PanelState import PanelState
from .Parameter import EffectOptions
from .ResultWriter import ResultWriter
from .ScenePort import ScenePort
from .SegmentBook import SegmentBook
from .SegmentRecord import SegmentRecord
from .SessionDesk import BASE, Ground
from .SessionFacts import NO_FACTS, SessionFacts, SessionReply
from .SessionJobs import (
    AddClick,
    DropLeftBehind,
    FindLeftBehind,
    Look,
    RemoveClick,
    RunRound,
    SaveSession,
    SetLocks,
    SliceDone,
    StartEngine,
    TakeFromFile,
    TakeLeftBehind,
)
from .Signal import Signal
from .Status import Status
from .WorkLine import Action, Running, WorkLine

WAIT_SECONDS = 0.03

_LOG = logging.getLogger(__name__)
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _action(method: _Method) -> _Method:
    """Let a method raise nothing, and tell the panel when it is through."""

    @functools.wraps(method)
    def guarded(self: EffectLogic, *args: Any, **kwargs: Any) -> Any:
        self._depth += 1
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            _LOG.exception("An action of the LIMNet effect failed")
            self._status.say(f"Something went wrong ({type(error).__name__}: {error}).", True)
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._publish()

    return guarded  # type: ignore[return-value]


class EffectLogic:
    """The effect without its face."""

    def __init__(
        self, scene: ScenePort, worker: InferenceWorker, journalRoot: Path | None = None
    ) -> None:
        """Begin inactive.

        Args:
            scene: What is selected, shown and written; the MRML bridge.
            worker: Of `sharedWorker`; released by `cleanup`.
            journalRoot: Where the worker keeps journals against a crash, see `SessionDesk`.
        """
        self.stateChanged = Signal()
        """(): read `state` again; emitted once an action or poll, not once a change."""
        self.workStarted = Signal()
        """(): start the 0 ms timer that calls `poll`."""
        self.workEnded = Signal()
        """(): stop it."""
        self._scene, self._status, self._line = scene, Status(), WorkLine(worker)
        self._book = SegmentBook(scene, self._line, self._status, journalRoot)
        self._writer = ResultWriter(scene, self._line, self._status)
        self._options, self._deviceText = EffectOptions(), ""
        self._isActive = self._isCleanedUp = self._isEngineWanted = False
        self._isShowingChange = self._wasBusy = False
        self._readyFor: Hashable = None  # key of the image that the engine was made ready for
        self._shownSlice: int | None = None
        self._shownOf: SessionFacts | None = None
        self._depth = 0

    # What the panel reads

    @property
    def options(self) -> EffectOptions:
        """The user's choices, as last set."""
        return self._options

    @property
    def state(self) -> PanelState:
        """All that the panel shows, as of now."""
        record, facts, running = self._book.selected, self._facts, self._line.runningRound
        held = None if record is None else record.held
        return PanelState(
            statusText=self._status.text,
            isError=self._status.isError,
            isReady=record is not None,
            isBusy=self._line.isBusy,
            isRoundRunning=self._line.hasRound,
            isAskingPartial=held is not None,
            canPropagate=self._canPropagate(),
            waitingClicks=self._line.waitingClicks,
            done=held.done if held is not None else running.done if running is not None else 0,
            total=0 if running is None else running.total,
            planeName=facts.planeName,
            clicks=facts.clicks,
            cells=facts.cells,
            currentSlice=self._shownSlice,
            rounds=facts.rounds,
            nextSlice=facts.nextSlice,
            changedSlices=facts.changedSlices,
            isShowingChange=self._isShowingChange,
            deviceText=self._deviceText,
            canResume=record is not None and record.leftBehind is not None,
        )

    # Life

    @_action
    def activate(self) -> None:
        """The effect was chosen: observe the segments, take up the session of the selected one."""
        if self._isActive or self._isCleanedUp:
            return
        self._isActive = True
        self._scene.observe(self._sceneChanged)
        self._refresh()

    @_action
    def deactivate(self) -> None:
        """Another effect was chosen: stop the round, hide what lies over the views."""
        if not self._isActive:
            return
        self._isActive = self._isShowingChange = False
        self._line.clear()
        self._book.deselect()
        self._scene.release()
        self._status.say("")

    @_action
    def cleanup(self) -> None:
        """The panel goes away: no observer, thread or timer of ours stays."""
        if self._isCleanedUp:
            return
        self.deactivate()
        self._isCleanedUp = True
        self._line.release()
        self._book.clear()
        self.workEnded.emit()
        for signal in (self.stateChanged, self.workStarted, self.workEnded):
            signal.clear()

    @_action
    def refresh(self) -> None:
        """Volume, segmentation, segment or geometry may be others than before; cheap if not."""
        if self._isActive:
            self._refresh()
            if self._isEngineWanted and self._imageKey not in (None, self._readyFor):
                self.startEngine()

    def viewChanged(self) -> None:
        """A slice view was moved; cheap, since views move often."""
        if not self._isActive or self._depth > 0:
            return
        before = self._shownSlice
        self._shownOf = None
        self._lookWhatIsShown()
        if self._shownSlice != before:
            self.stateChanged.emit()

    @_action
    def startEngine(self) -> None:
        """Load the networks now, and look at the image, so that the first click need not wait."""
        if not self._isCleanedUp:
            self._isEngineWanted = True
            self._readyFor = self._imageKey
            self._enqueue(Action(None, self._startJob, "start of the engine"))

    @_action
    def setOptions(self, options: EffectOptions) -> None:
        """Take the options as the node holds them now."""
        before, self._options = self._options, options
        if before.chosenWindow != options.chosenWindow and self._facts.clicks:
            self._status.say("The intensity window of a session stays as at its first click.")
        isOther = (before.preset, before.device) != (options.preset, options.device)
        if isOther and self._isEngineWanted:
            self.startEngine()

    # Clicks

    @_action
    def click(self, viewWidget: Any, xy: Sequence[int], positive: bool | None = None) -> None:
        """Click at a place of a slice view.

        Args:
            viewWidget: The view.
            xy: Pixel in it.
            positive: Sign of the click; the active polarity if not given.
        """
        record = self._selected()
        if record is None:
            return
        sign = self._options.positive if positive is None else positive
        place = self._scene.place(viewWidget, xy, sign)
        if place is None:
            self._status.say("Click inside the volume.")
            return
        self.keepPartial()
        self._isEngineWanted, self._readyFor = True, record.target.volumeKey
        isBusy = self._line.isBusy
        self._status.say("The click waits for what is under way." if isBusy else "")
        make = functools.partial(AddClick, plane=place.plane, click=place.click)
        self._enqueue(Action(record, make, "click", isClick=True))

    @_action
    def removeClick(self, number: int) -> None:
        """Take back a click of the list; `number` is `ClickRow.number`."""
        record = self._selected()
        if record is None:
            return
        row = next((row for row in record.facts.clicks if row.number == number), None)
        if row is None:
            self._status.say("This click is gone already.")
            return
        self.keepPartial()
        self._enqueue(Action(record, functools.partial(RemoveClick, row=row), "removal"))

    @_action
    def removeClickAt(self, viewWidget: Any, xy: Sequence[int]) -> None:
        """Take back the click whose marker is at a place of a view; else the newest one."""
        if self._selected() is None:
            return
        number = self._scene.markerAt(viewWidget, xy)
        clicks = self._facts.clicks
        if number is None and clicks:
            number = clicks[-1].number
        if number is None:
            self._status.say("There is no click to remove.")
        else:
            self.removeClick(number)

    # Rounds

    @_action
    def propagate(self) -> None:
        """Begin a round; a stopped one that waits for an answer is begun again."""
        record = self._selected()
        if record is None:
            return
        self.goBack()
        if self._line.hasRound:
            self._status.say("A round is running already; cancel it to begin another.")
        elif not self._canPropagate():
            self._status.say("No click waits for a round; click on the object first.")
        else:
            self._status.say("")
            self._enqueue(_roundOn(record))

    @_action
    def cancel(self, keep: bool | None = None) -> None:
        """Stop the round.

        Args:
            keep: True keeps the slices done so far, False goes back to before the round, None
                lets the user decide when it has stopped.
        """
        if self._line.cancelRound(keep):
            self._status.say("Stopping the round.")
        elif keep is not None:
            (self.keepPartial if keep else self.goBack)()

    @_action
    def keepPartial(self) -> None:
        """Keep the slices that a stopped round has done."""
        record = self._book.selected
        if record is not None and record.held is not None:
            self._writer.keepHeld(record)
            self._showMarkers()

    @_action
    def goBack(self) -> None:
        """Forget the slices that a stopped round has done."""
        record = self._book.selected
        if record is not None and record.held is not None:
            record.held = None
            self._scene.clearPreview()
            self._status.say("The segment is as it was before the round.")

    # Slices

    @_action
    def toggleLock(self, index: int) -> None:
        """Lock a slice of the plane, or unlock it."""
        cells = self._facts.cells
        isLocked = 0 <= index < len(cells) and cells[index].isLocked
        self.lockSlices([index], not isLocked)

    @_action
    def lockSlices(self, indices: Sequence[int], isLocked: bool) -> None:
        """Lock some slices of the plane, or unlock them."""
        record = self._selected()
        if record is None:
            return
        there = tuple(index for index in indices if 0 <= index < len(record.facts.cells))
        if not there:
            self._status.say("Click on the object first; then its slices can be locked.")
            return
        self.keepPartial()
        make = functools.partial(SetLocks, slices=there, isLocked=isLocked)
        self._enqueue(Action(record, make, "lock"))

    @_action
    def goToSlice(self, index: int) -> None:
        """Show a slice in the views of the plane."""
        record = self._selected()
        if record is not None and 0 <= index < len(record.facts.cells):
            self._scene.goToSlice(record.target, record.facts.plane, index)
            self._shownOf = None

    @_action
    def goToNextSlice(self) -> None:
        """Show the least certain slice."""
        index = self._facts.nextSlice
        if index is None:
            self._status.say("No slice is left to check.")
        else:
            self.goToSlice(index)

    @_action
    def showLastChange(self, isOn: bool) -> None:
        """Show in the views what the last round changed, or hide it."""
        record = self._book.selected
        change = None if record is None else record.change
        self._isShowingChange = isOn and change is not None
        self._scene.clearPreview()
        if record is not None and change is not None and isOn:
            self._scene.showChange(record.target, change.gained, change.lost)
        elif isOn:
            self._status.say("No round has changed this segment last.")
        else:
            self._showHeld()

    # Files

    @_action
    def saveSession(self, path: Path) -> None:
        """Write the segment's session as `NAME.zip`, after what is under way.

        The file is whole as soon as it is there; where none is there once `isBusy` is over, the
        status says why. `limnet segment --session` goes on from it.
        """
        record = self._selected()
        if record is None:
            return
        make = functools.partial(SaveSession, path=path)
        self._enqueue(Action(record, make, "saving of the session"))

    @_action
    def openSession(self, path: Path) -> None:
        """Go on with a session from a file, with its mask, in place of what the segment holds."""
        record = self._selected()
        if record is None:
            return
        self.keepPartial()
        self._status.say("")
        make = functools.partial(TakeFromFile, path=path)
        self._enqueue(Action(record, make, "session from a file"))

    # After a crash

    @_action
    def resumeAfterCrash(self) -> None:
        """Bring back the session that a crash has left, with its mask."""
        record = self._selected()
        if record is not None and record.leftBehind is not None:
            folder, record.leftBehind = record.leftBehind, None
            make = functools.partial(TakeLeftBehind, folder=folder)
            self._enqueue(Action(record, make, "session of before"))

    @_action
    def dismissResume(self) -> None:
        """Delete the session that a crash has left."""
        record = self._book.selected
        if record is not None and record.leftBehind is not None:
            folder, record.leftBehind = record.leftBehind, None
            self._enqueue(Action(None, lambda _: DropLeftBehind(folder), "deletion"))

    # Time

    @_action
    def poll(self, seconds: float = WAIT_SECONDS) -> bool:
        """Wait for the worker, then take in its results; return whether work goes on.

        The waiting is what lets the worker run: Slicer's event loop holds Python's lock.
        """
        for report in self._line.reports(seconds):
            self._take(report)
        self._dispatch()
        return self._line.isBusy

    # What follows from it

    @property
    def _facts(self) -> SessionFacts:
        return NO_FACTS if self._book.selected is None else self._book.selected.facts

    @property
    def _imageKey(self) -> Hashable:
        return None if self._book.selected is None else self._book.selected.target.volumeKey

    def _startJob(self, _: Ground | None) -> StartEngine:
        record = self._book.selected
        if record is None or not self._scene.hasImage(record.target):
            return StartEngine(self._options)
        target = record.target
        return StartEngine(self._options, target.volumeKey, self._book.volumeMaker(target))

    def _selected(self) -> SegmentRecord | None:
        """Return the session of what is selected; without any, say what is missing."""
        if self._isActive:
            self._refresh()
        if self._book.selected is None:
            self._status.say(self._status.hindrance or "Choose the effect first.")
        return self._book.selected

    def _refresh(self) -> None:
        if self._book.refresh():
            self._isShowingChange = False
            self._showHeld()
        self._dispatch()

    def _sceneChanged(self) -> None:
        """Segments were edited, undone, added or removed, or the scene was closed."""
        if not self._writer.isWriting:
            self._followScene()

    @_action
    def _followScene(self) -> None:
        self._book.dropGone()
        if self._isActive:
            self._refresh()

    def _canPropagate(self) -> bool:
        record = self._book.selected
        if record is None or self._line.hasRound:
            return False
        return record.facts.canPropagate or self._line.hasClicks(record)

    def _enqueue(self, action: Action) -> None:
        self._line.add(action)
        self._dispatch()

    def _dispatch(self) -> None:
        """Begin the next action, if none is under way."""
        while (action := self._line.takeNext()) is not None:
            record = action.record
            if record is None:
                self._line.start(Running(action, action.makeJob(None), None))
            elif not self._scene.exists(record.target):
                self._status.say(f"The segment is gone; the {action.name} was dropped.")
            elif not self._scene.hasImage(record.target):
                self._status.say(f"The image was changed; the {action.name} was dropped.")
            else:
                ground = self._book.groundOf(record, self._options)
                running = Running(action, action.makeJob(ground), ground, record.generation)
                self._line.start(running)

    def _take(self, report: Report) -> None:
        """Take in what the worker says of the job under way."""
        running = self._line.running
        if running is None or report.job is not running.job:
            return
        if isinstance(report, Progress):
            self._takeProgress(running, report.value)
            return
        self._line.running = None
        if running.action.isRound:
            self._scene.clearPreview()
        if isinstance(report, Failed):
            self._takeFailure(running, report.message)
        else:
            self._takeValue(running, report.value)

    def _takeProgress(self, running: Running, value: Any) -> None:
        record = running.action.record
        if not isinstance(value, SliceDone) or record is None:
            return
        running.done, running.total = value.done, value.total
        if record is self._book.selected and record.generation == running.generation:
            self._scene.showPreview(record.target, value.plane, value.sliceIndex, value.mask)

    def _takeFailure(self, running: Running, message: str) -> None:
        job = running.job
        if isinstance(job, RunRound) and job.cancel.is_cancelled:
            self._status.say("The round was stopped before it began; nothing has changed.")
        else:
            self._status.say(message, isError=True)

    def _takeValue(self, running: Running, value: Any) -> None:
        record = running.action.record
        if isinstance(running.job, StartEngine):
            self._deviceText = value
        elif record is None:
            return
        elif isinstance(running.job, FindLeftBehind):
            record.leftBehind = value if record.state == BASE else None
        elif isinstance(value, SessionReply):
            self._deviceText = value.deviceText
            self._takeReply(running, record, value)
        elif running.action.isRound:
            self._status.say("The round was stopped; the segment is as it was before.")

    def _takeReply(self, running: Running, record: SegmentRecord, reply: SessionReply) -> None:
        if isinstance(running.job, Look):
            if record.generation == running.generation:
                record.reach(record.state or BASE, reply.facts, running.job.ground.mask)
                self._status.say(" ".join(reply.notices))
        elif self._writer.take(running, record, reply):
            isLast = running.action.isClick and not self._line.hasClicks(record)
            if isLast and self._options.automatic and reply.facts.canPropagate:
                self._line.add(_roundOn(record), isNext=True)
        self._showMarkers()
        self._showHeld()

    def _showMarkers(self) -> None:
        record = self._book.selected
        if record is not None and self._scene.exists(record.target):
            self._scene.showMarkers(record.target, record.facts.plane, record.facts.markers)

    def _showHeld(self) -> None:
        """Show the slices of a stopped round while the user decides."""
        record = self._book.selected
        if record is not None and record.held is not None:
            change = record.held.reply.change
            self._scene.showChange(record.target, change.gained, change.lost)

    def _lookWhatIsShown(self) -> None:
        """Find the slice that a view shows; only where it may be another, since this takes time."""
        record, facts = self._book.selected, self._facts
        if facts is self._shownOf:
            return
        self._shownOf, self._shownSlice = facts, None
        try:
            if record is not None and facts.plane is not None:
                self._shownSlice = self._scene.currentSlice(record.target, facts.plane)
        except Exception:
            _LOG.exception("The slice that a view shows is not known")

    def _publish(self) -> None:
        """Tell the panel, once, whatever has changed."""
        isBusy = self._line.isBusy and not self._isCleanedUp
        if isBusy != self._wasBusy:
            self._wasBusy = isBusy
            (self.workStarted if isBusy else self.workEnded).emit()
        self._lookWhatIsShown()
        self.stateChanged.emit()


def _roundOn(record: SegmentRecord) -> Action:
    from SlicerLIMNet.domain.progress import CancelToken

    make = functools.partial(RunRound, cancel=CancelToken())
    return Action(record, make, "round", isRound=True)
