"""What the main thread keeps of one segment on one image."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from .MaskBox import MaskBox
from .ScenePort import Target
from .SessionDesk import BASE
from .SessionFacts import NO_FACTS, Change, SessionFacts, SessionReply

MOST_STATES = 60
"""Of which the masks are kept: a few more than the editor can undo."""


@dataclass(frozen=True)
class Held:
    """A cancelled round that waits for the user: keep its slices, or go back."""

    reply: SessionReply
    """The round's outcome."""
    present: MaskBox
    """The segment, when the round began."""
    done: int
    """Slices that the round had reached."""


@dataclass
class SegmentRecord:
    """One session, as the main thread knows it."""

    target: Target
    """Segment and image."""
    key: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Of the session on the worker's thread."""
    state: str | None = None
    """Name of the state that the segment's tag gave last; None before it was read."""
    tagText: str | None = None
    """The tag as it was read or written last."""
    facts: SessionFacts = NO_FACTS
    """Of this state."""
    generation: int = 0
    """Grows when something else moves the segment: what was under way then is void."""
    held: Held | None = None
    """A cancelled round that waits for an answer."""
    leftBehind: Path | None = None
    """What a crash has left of this session."""
    wasSearched: bool = False
    """Whether that was looked for."""
    _masks: dict[str, MaskBox] = field(default_factory=dict)
    _facts: dict[str, SessionFacts] = field(default_factory=dict)
    _changes: dict[str, Change] = field(default_factory=dict)

    @property
    def change(self) -> Change | None:
        """What the round that led to the present state changed."""
        return self._changes.get(self.state or BASE)

    def before(self, present: MaskBox) -> MaskBox:
        """Return the segment as the session left it in this state; as it is, if not known."""
        return self._masks.setdefault(self.state or BASE, present)

    def moveTo(self, state: str) -> bool:
        """Follow the segment to another state; return whether it is known what it holds."""
        self.state = state
        self.generation += 1
        self.held = None
        if state in self._facts or state == BASE:
            self.facts = self._facts.get(state, NO_FACTS)
            return True
        return False  # until the worker has looked, what was shown before stays

    def reach(
        self, state: str, facts: SessionFacts, shown: MaskBox, change: Change | None = None
    ) -> None:
        """Take up a state that an action has led to, and the segment as it is shown then."""
        self.state, self.facts, self.held = state, facts, None
        self._facts[state] = facts
        self._masks[state] = shown
        if change is not None:
            self._changes = {state: change}
        for kept in (self._masks, self._facts):
            for old in list(kept)[:-MOST_STATES]:
                del kept[old]  # type: ignore[attr-defined]
