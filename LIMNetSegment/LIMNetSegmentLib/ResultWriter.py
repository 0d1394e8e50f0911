"""What becomes of a result: it is written, held for the user's answer, or dropped with a word."""

from __future__ import annotations

from dataclasses import replace

from .MaskBox import MaskBox
from .ScenePort import ScenePort
from .SegmentRecord import Held, SegmentRecord
from .SessionFacts import Change, SessionReply
from .SessionStorage import tagText
from .Status import Status
from .WorkLine import Running, WorkLine


class ResultWriter:
    """Brings segments to the states that the worker has reached."""

    def __init__(self, scene: ScenePort, line: WorkLine, status: Status) -> None:
        self.isWriting = False
        """Whether what changes in the scene is our own doing."""
        self._scene, self._line, self._status = scene, line, status

    def take(self, running: Running, record: SegmentRecord, reply: SessionReply) -> bool:
        """Take in a result; return whether the segment has it now."""
        if not self._accepts(running, record) or running.ground is None:
            return False
        present = running.ground.mask
        if reply.isPartial and running.keep is None:
            record.held = Held(reply, present, running.done)
            self._status.say("The round was stopped: keep the slices done so far, or go back?")
            return False
        self._write(record, present, reply, running.action.isRound)
        return True

    def keepHeld(self, record: SegmentRecord) -> None:
        """Write the slices that a cancelled round had done."""
        held, record.held = record.held, None
        if held is None:
            return
        self._scene.clearPreview()
        if self._scene.mask(record.target) != held.present:
            self._status.say("The segment was edited meanwhile; the stopped round was dropped.")
            return
        self._write(record, held.present, held.reply, isRound=True)
        slices = "slice" if held.done == 1 else f"{held.done} slices"
        self._status.say(f"Kept the {slices} that the round had reached.")

    def _accepts(self, running: Running, record: SegmentRecord) -> bool:
        """Return whether a result still belongs to the segment; if not, say why."""
        what = running.action.name
        if not self._scene.exists(record.target):
            self._status.say(f"The segment is gone; the {what} was dropped.")
        elif not self._scene.hasImage(record.target):
            self._status.say(f"The image was changed; the {what} on the one before was dropped.")
        elif record.generation != running.generation:
            self._status.say(f"The segment was changed by undo or redo; the {what} was dropped.")
        elif running.ground is None or self._scene.mask(record.target) != running.ground.mask:
            self._dropAfterEdit(running)
        else:
            return True
        return False

    def _dropAfterEdit(self, running: Running) -> None:
        """The segment was edited while the worker was busy: clicks are quick to do again."""
        if running.action.isClick:
            self._line.add(running.action, isNext=True)
        else:
            what = running.action.name
            self._status.say(
                f"The segment was edited meanwhile; the {what} was dropped. Try again."
            )

    def _write(
        self, record: SegmentRecord, present: MaskBox, reply: SessionReply, isRound: bool
    ) -> None:
        """Bring the segment to the state of a reply: one undo state, or none if nothing changed."""
        if reply.state == record.state:
            self._status.say(" ".join(reply.notices) or "Nothing has changed.")
            return
        shown = self._draw(record, reply)
        change = reply.change
        if shown != reply.mask:
            change = Change(shown.minus(present), present.minus(shown))
        record.reach(reply.state, reply.facts, shown, change if isRound else None)
        self._status.say(" ".join([*reply.notices, *_remarks(shown, reply, isRound)]))

    def _draw(self, record: SegmentRecord, reply: SessionReply) -> MaskBox:
        """Write mask and tag; return the segment as the editor's masking let it become."""
        target = record.target
        self.isWriting = True
        try:
            if reply.change.isEmpty:
                self._scene.saveUndoState()  # a lock, a click that changed no voxel
            else:
                self._scene.write(target, reply.change.gained, reply.change.lost)
            shown, stored = self._scene.mask(target), reply.stored
            if shown != reply.mask and stored.axis is not None:
                stored = replace(stored, checksums=tuple(shown.checksums(stored.axis)))
            record.tagText = tagText(stored)
            self._scene.setTag(target, record.tagText)
        finally:
            self.isWriting = False
        return shown


def _remarks(shown: MaskBox, reply: SessionReply, isRound: bool) -> list[str]:
    """Return what is to be said of a result that was written."""
    if shown != reply.mask:
        return ["Part of the mask lies where the editor's masking forbids to draw."]
    if isRound:
        count = len(reply.facts.changedSlices)
        slices = "1 slice" if count == 1 else f"{count} slices"
        return [f"Round {reply.facts.rounds} changed {slices}."]
    return []
