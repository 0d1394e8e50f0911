"""Signals of Qt that are connected to our methods, so that all can be disconnected at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Connections:
    """PythonQt keeps whatever is connected alive, so what was connected must be disconnected."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Callable[..., Any]]] = []

    def add(self, sender: Any, signal: str, slot: Callable[..., Any]) -> None:
        """Connect a signal, named as PythonQt does: `clicked()`."""
        sender.connect(signal, slot)
        self._made.append((sender, signal, slot))

    def removeAll(self) -> None:
        """Disconnect everything."""
        while self._made:
            sender, signal, slot = self._made.pop()
            sender.disconnect(signal, slot)
