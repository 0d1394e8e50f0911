"""Callbacks without Qt: who knows something tells those who asked to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Listener = Callable[..., None]


class Signal:
    """A list of listeners, called in the order in which they were connected.

    A listener may connect or disconnect others, or itself, while it is called.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def connect(self, listener: Listener) -> None:
        """Call a listener from now on; one that is connected already is not called twice."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def disconnect(self, listener: Listener) -> None:
        """Call a listener no more; one that is not connected is no error."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def clear(self) -> None:
        """Forget all listeners, and with them the objects whose methods they are."""
        self._listeners.clear()

    def emit(self, *values: Any) -> None:
        """Tell every listener."""
        for listener in tuple(self._listeners):
            listener(*values)
