"""A loaded volume and the work on it: editor, the effect's logic, its thread, its journals."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import slicer

from LIMNetSegmentLib.EffectLogic import EffectLogic
from LIMNetSegmentLib.InferenceWorker import InferenceWorker
from LIMNetSegmentLib.Parameter import EffectOptions
from LIMNetSegmentLib.SessionDesk import SessionDesk

from .AppError import AppError
from .Editor import Editor, EditorBridge
from .KeptSessions import KeptWork, NotedSegment, WorkNote
from .Loading import Loaded, addNode, describe
from .Segments import Segments
from .SharedEngines import MakeEngine
from .Stage import Stage
from .Surfaces import Surfaces

_TURN_S = 0.02


class Workspace:
    """What a tab works on, from loading a volume until another is loaded."""

    def __init__(
        self,
        stage: Stage,
        loaded: Loaded,
        work: KeptWork,
        makeEngine: MakeEngine,
        options: EffectOptions,
    ) -> None:
        """Put a volume into the scene, without segments yet.

        Args:
            stage: The tab's scene and views.
            loaded: The volume.
            work: Folder of the tab's journals.
            makeEngine: Makes the engine, on the tab's thread.
            options: Of the effect, to begin with.
        """
        self.name = loaded.volume.name or "volume"
        self.text = describe(loaded.volume)
        self.source, self.sha256 = loaded.source, ""
        self.work = work
        self.volume = addNode(stage.scene, loaded.volume)
        self.segments = Segments(stage.scene, self.volume)
        self.surfaces = Surfaces(stage.scene, self.segments.node)
        self.editor = Editor(stage.scene, stage.app.app_logic)
        self.editor.edit(self.segments.node, self.volume)
        self.bridge = EditorBridge(self.editor)
        self._desk = _TabDesk(makeEngine, work.journals)
        self.logic = EffectLogic(self.bridge, _TabWorker(self._desk), work.journals)
        self.logic.setOptions(options)
        self._stage, self._noted = stage, ()
        self._polling: asyncio.Task[None] | None = None
        self.logic.workStarted.connect(self._startPolling)
        stage.show(self.volume)

    def begin(self) -> None:
        """Let clicks do something."""
        self.logic.activate()
        self.logic.startEngine()

    async def restore(self, note: WorkNote) -> int:
        """Make the segments of a session that was left behind, with what was done in each.

        Returns:
            How many of them came back with their clicks.
        """
        for segment in note.segments:
            self.segments.add(segment.name, segment.colour, segment.id)
        self.logic.activate()
        restored = 0
        for segment in note.segments:
            self.editor.select(segment.id)
            await self.idle()
            if self.logic.state.canResume:
                self.logic.resumeAfterCrash()
                await self.idle()
                restored += bool(self.logic.state.clicks)
        if note.segments:
            self.editor.select(note.segments[min(note.selected, len(note.segments) - 1)].id)
        self.showClicks()
        return restored

    def showClicks(self) -> None:
        """Show the slice of the newest click."""
        clicks = self.logic.state.clicks
        if clicks:
            self.logic.goToSlice(clicks[-1].sliceIndex)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self.logic.state.isBusy:
            await asyncio.sleep(_TURN_S)

    # Segments

    @property
    def selectedId(self) -> str:
        """ID of the selected segment; empty where there is none."""
        return self.editor.node.GetSelectedSegmentID() or ""

    @property
    def selectedName(self) -> str:
        """Name of the selected segment."""
        names = {segment.id: segment.name for segment in self.segments.facts()}
        return names.get(self.selectedId, "segment")

    def addSegment(self) -> None:
        """Add a segment, and select it."""
        self.editor.saveStateForUndo()
        self.editor.select(self.segments.add())

    def deleteSegment(self, identifier: str) -> None:
        """Delete a segment; where it was selected, another one is then."""
        self.editor.saveStateForUndo()
        self.segments.delete(identifier)
        self.selectSomething()

    def selectSomething(self) -> None:
        """Select a segment where undo, redo or deletion have taken the selected one."""
        there = [segment.id for segment in self.segments.facts()]
        if self.selectedId not in there:
            self.editor.select(there[-1] if there else "")

    # Files

    def note(self) -> None:
        """Write down what has to be opened again, where that has changed.

        Raises:
            OutputError: It could not be written.
        """
        segments = tuple(NotedSegment(s.id, s.name, s.colour) for s in self.segments.facts())
        ids = [segment.id for segment in segments]
        selected = ids.index(self.selectedId) if self.selectedId in ids else 0
        state = self.logic.state
        now = (segments, selected, len(state.clicks), state.rounds)
        if now != self._noted:
            self._noted = now
            self.work.note(WorkNote(self.source, self.name, segments, time.time(), selected))

    def saveSegmentation(self, path: Path) -> None:
        """Write all segments as .seg.nrrd, with the sessions in their tags.

        Raises:
            AppError: They could not be written.
        """
        storage = slicer.vtkMRMLSegmentationStorageNode()
        storage.SetFileName(str(path))
        if not storage.WriteData(self.segments.node):
            raise AppError("The segmentation could not be written; is the disk full?")

    async def saveSession(self, path: Path) -> None:
        """Write the selected segment's session as a zip.

        Raises:
            AppError: It could not be written.
        """
        if not self.logic.state.clicks:
            raise AppError("There is no session yet; click on the structure first.")
        self.logic.saveSession(path)
        while not path.exists() and self.logic.state.isBusy:
            await asyncio.sleep(_TURN_S)
        if not path.exists():
            raise AppError(self.logic.state.statusText or "The session could not be written.")

    # Life

    async def close(self, patienceSeconds: float) -> None:
        """Leave the work as it is; it is offered again later.

        Args:
            patienceSeconds: To wait for the thread, which ends after what it is doing.
        """
        self.logic.cleanup()
        self.surfaces.remove()
        for node in (self.segments.node, self.volume, self.editor.node):
            self._stage.scene.RemoveNode(node)
        self._stage.show(None)
        await self._desk.ended(patienceSeconds)
        self.work.leave()

    def _startPolling(self) -> None:
        if self._polling is None or self._polling.done():
            self._polling = asyncio.get_running_loop().create_task(self._poll())

    async def _poll(self) -> None:
        """Take in what the thread has done; between two looks the loop serves all tabs."""
        await asyncio.sleep(0)
        while self.logic.poll(0.0):
            await asyncio.sleep(_TURN_S)


class _TabDesk:
    """Makes the tab's desk on its thread, and knows when the thread has let go of it."""

    def __init__(self, makeEngine: MakeEngine, journals: Path) -> None:
        self._makeEngine, self._journals = makeEngine, journals
        self._isMade = False
        self._isClosed = threading.Event()

    def __call__(self) -> SessionDesk:
        self._isMade = True
        return _Desk(self._makeEngine, self._journals, self._isClosed.set)

    async def ended(self, seconds: float) -> None:
        """Wait until the journals are free, without holding up other tabs."""
        end = time.monotonic() + seconds
        while self._isMade and not self._isClosed.is_set() and time.monotonic() < end:
            await asyncio.sleep(_TURN_S)


class _Desk(SessionDesk):
    def __init__(self, makeEngine: MakeEngine, journals: Path, closed: Callable[[], None]) -> None:
        super().__init__(makeEngine, journals, keepJournals=True)
        self._closed = closed

    def close(self) -> None:
        super().close()
        self._closed()


class _TabWorker(InferenceWorker):
    """The thread of one tab; the loop of all tabs does not wait for its end."""

    def release(self, timeoutSeconds: float = 0.0) -> bool:
        return super().release(timeoutSeconds)
