"""Observers of VTK objects that are taken off together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Observers:
    """What somebody listens to."""

    def __init__(self) -> None:
        self._tags: list[tuple[Any, int]] = []

    def add(
        self, subject: Any, event: Any, called: Callable[..., Any], priority: float = 0.0
    ) -> int:
        """Call back, with (caller, event), when something happens; return the observer's tag."""
        tag: int = subject.AddObserver(event, called, priority)
        self._tags.append((subject, tag))
        return tag

    def clear(self) -> None:
        """Listen no more."""
        while self._tags:
            subject, tag = self._tags.pop()
            subject.RemoveObserver(tag)
