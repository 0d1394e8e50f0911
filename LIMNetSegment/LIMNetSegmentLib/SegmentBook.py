"""The sessions of all segments as the main thread knows them, and which of them is selected."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from .JournalFolders import hasCrashedRuns
from .Parameter import GIVEN, VIEW, EffectOptions
from .ScenePort import ScenePort, Target
from .SegmentRecord import SegmentRecord
from .SessionDesk import BASE, Ground
from .SessionJobs import FindLeftBehind, Forget, Look
from .SessionStorage import storedSession
from .Status import Status
from .WorkLine import Action, WorkLine


class SegmentBook:
    """Follows the scene: what is selected, what undo and redo did, what is gone."""

    def __init__(
        self, scene: ScenePort, line: WorkLine, status: Status, journalRoot: Path | None
    ) -> None:
        self.selected: SegmentRecord | None = None
        """The session of what is selected."""
        self._scene, self._line, self._status = scene, line, status
        self._journalRoot = journalRoot
        self._records: dict[Target, SegmentRecord] = {}
        self._volumeMakers: dict[Hashable, Callable[[], Any]] = {}

    def refresh(self) -> bool:
        """Follow the selection and the tag of what is selected; return whether that is another."""
        target = self._scene.target()
        self._status.hindrance = "" if target is not None else self._scene.hindrance()
        record = None if target is None else self._recordOf(target)
        isOther = record is not self.selected
        if isOther:
            self.selected = record
            self._scene.clearPreview()
            self._status.say("")
        if record is not None:
            isOther = self._follow(record) or isOther
            self._searchLeftBehind(record)
            facts = record.facts
            self._scene.showMarkers(record.target, facts.plane, facts.markers)
        return isOther

    def dropGone(self) -> None:
        """Forget the sessions of segments that are gone."""
        records = self._records.values()
        gone = [record for record in records if not self._scene.exists(record.target)]
        for record in gone:
            self._line.drop(record)
            record.generation += 1
            del self._records[record.target]
        if gone:
            keys = tuple(record.key for record in gone)
            self._line.add(Action(None, lambda _: Forget(keys), "end"))

    def deselect(self) -> None:
        """Have nothing selected; all sessions stay."""
        self.selected = None

    def clear(self) -> None:
        """Forget everything."""
        self.selected = None
        self._records.clear()
        self._volumeMakers.clear()

    def groundOf(self, record: SegmentRecord, options: EffectOptions) -> Ground:
        """Return what a job on a segment stands on, as of now."""
        target = record.target
        mask = self._scene.mask(target)
        return Ground(
            key=record.key,
            volumeKey=target.volumeKey,
            makeVolume=self.volumeMaker(target),
            segmentName=self._scene.segmentName(target),
            owner=f"{target.segmentationId}/{target.segmentId}",
            mask=mask,
            before=record.before(mask),
            tag=storedSession(self._scene.tag(target)),
            options=options,
            window=self._window(target, options),
        )

    def volumeMaker(self, target: Target) -> Callable[[], Any]:
        """Return what makes the volume; its voxels are copied once, not for every click."""
        if target.volumeKey not in self._volumeMakers:
            newest = list(self._volumeMakers.items())[-1:]  # of many frames, not all are kept
            self._volumeMakers = dict(newest)
            self._volumeMakers[target.volumeKey] = self._scene.volumeMaker(target)
        return self._volumeMakers[target.volumeKey]

    def _recordOf(self, target: Target) -> SegmentRecord:
        if target not in self._records:
            self._records[target] = SegmentRecord(target)
        return self._records[target]

    def _follow(self, record: SegmentRecord) -> bool:
        """Move the session to the state that the tag names; return whether that is another one."""
        text = self._scene.tag(record.target)
        if text == record.tagText:
            return False
        record.tagText, stored = text, storedSession(text)
        name = BASE if stored is None else stored.state
        if name == record.state:
            return False
        wasKnown = record.state is not None
        if wasKnown:
            dropped = self._line.drop(record)
            self._scene.clearPreview()
            self._status.say("What waited for the worker was dropped." if dropped else "")
        if not record.moveTo(name):
            self._line.add(Action(record, Look, "look"), isNext=True)
        return wasKnown

    def _searchLeftBehind(self, record: SegmentRecord) -> None:
        """Look once whether a crash has left something of a segment without a session."""
        if record.wasSearched:
            return
        record.wasSearched = True
        if record.state == BASE and hasCrashedRuns(self._journalRoot):
            self._line.add(Action(record, FindLeftBehind, "search"))

    def _window(self, target: Target, options: EffectOptions) -> tuple[float, float] | None:
        if options.window == VIEW:
            return self._scene.viewWindow(target)
        return options.givenWindow if options.window == GIVEN else None
