"""Letters that are heard while the panel has the keyboard; in the views the effect hears keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import qt

from .Connections import Connections


class PanelShortcuts:
    """Keys that belong to a frame for as long as they are wanted."""

    def __init__(self, frame: qt.QFrame) -> None:
        self._frame = frame
        self._connections = Connections()
        self._made: list[qt.QShortcut] = []

    def add(self, actions: Mapping[str, Callable[[], None]]) -> None:
        """Hear these letters and no others."""
        self.removeAll()
        for key, action in actions.items():
            shortcut = qt.QShortcut(self._frame)
            shortcut.setKey(qt.QKeySequence(key.upper()))
            shortcut.setAutoRepeat(False)
            self._connections.add(shortcut, "activated()", action)
            self._made.append(shortcut)

    def removeAll(self) -> None:
        """Hear none."""
        self._connections.removeAll()
        while self._made:
            shortcut = self._made.pop()
            shortcut.setEnabled(False)
            shortcut.deleteLater()
