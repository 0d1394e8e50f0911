"""How far a long piece of work has come, and how to stop it from another thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from SlicerLIMNet.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """How far a piece of work has come."""

    done: int
    """Steps that are finished."""
    total: int
    """Steps in all; 0 where there is nothing to do."""
    text: str = ""
    """What is being done, for a user."""

    @property
    def fraction(self) -> float:
        """Share of the work that is done, 0..1; 1 where there is nothing to do."""
        return 1.0 if self.total <= 0 else min(1.0, self.done / self.total)


class CancelToken:
    """A wish to stop, made on any thread and seen between two steps of the work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop; asking twice changes nothing."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked the work to stop."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Do nothing, or leave the work.

        Raises:
            Cancelled: Somebody asked the work to stop.
        """
        if self.is_cancelled:
            raise Cancelled("the work was cancelled")
