"""Slicer's event loop, which keeps the interpreter's lock while Qt works.

A worker thread of Python runs only while the main thread's own Python code waits; a callback that
never waits starves it. PySide6 lets the lock go and cannot show that.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

QT_WORK_US = 5000
_usleep = ctypes.PyDLL(None).usleep  # PyDLL keeps the lock during the call


def run_holding_gil(
    callback: Callable[[], object], done: Callable[[], object], most_turns: int = 10_000
) -> int:
    """Call back after every 5 ms of Qt's work until all is done.

    Returns:
        How many turns that took: what a worker had to wait for, whatever the machine's speed.
    """
    for turn in range(most_turns):
        if done():
            return turn
        _usleep(QT_WORK_US)
        callback()
    raise AssertionError(f"not done after {most_turns} turns: the worker starves")
