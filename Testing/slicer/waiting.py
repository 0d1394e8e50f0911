"""Waiting for what happens later: Qt's timers are served meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from Testing.slicer.python_qt import let_qt_work

PATIENCE_S = 60.0  # only a test that hangs gets there


def wait_until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Serve Qt until a condition holds."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        let_qt_work()
        time.sleep(0.001)
