"""Undo and redo, unlimited and exact: states are immutable, so the history is a list of them."""

from __future__ import annotations

from SlicerLIMNet.domain.rounds import ObjectState
from SlicerLIMNet.errors import SessionError


class History:
    """The states of an object, oldest first, and which of them counts now."""

    def __init__(self, first: ObjectState) -> None:
        self._states = [first]
        self._now = 0

    @property
    def state(self) -> ObjectState:
        """The state that counts now."""
        return self._states[self._now]

    @property
    def position(self) -> int:
        """Number of older states."""
        return self._now

    @property
    def can_undo(self) -> bool:
        """Whether there is an older state."""
        return self._now > 0

    @property
    def can_redo(self) -> bool:
        """Whether an undo can be taken back."""
        return self._now + 1 < len(self._states)

    def push(self, state: ObjectState) -> None:
        """Make a state count; what had been undone is gone."""
        self._states[self._now + 1 :] = [state]
        self._now += 1

    def undo(self) -> None:
        """Go back to the older state.

        Raises:
            SessionError: There is none.
        """
        if not self.can_undo:
            raise SessionError("nothing to undo: this is how the session began")
        self._now -= 1

    def redo(self) -> None:
        """Take an undo back.

        Raises:
            SessionError: There is none to take back.
        """
        if not self.can_redo:
            raise SessionError("nothing to redo: no undo came last")
        self._now += 1
