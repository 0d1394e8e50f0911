"""Everything that Slicer would only print: exceptions in slots, events and observers, VTK errors.

The application prints them and goes on, so a test would pass; here they are kept, and the test
that leaves any fails.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import vtk


class Faults:
    """What went wrong out of sight, as text; a test may `take()` what it expects."""

    def __init__(self) -> None:
        self.exceptions: list[str] = []
        self.vtk_errors: list[str] = []
        self._restore: list[Callable[[], None]] = []

    def record(self, exception: BaseException) -> None:
        """Keep an exception that nobody caught."""
        self.exceptions.append("".join(traceback.format_exception(exception)))

    def take(self) -> list[str]:
        """Return the exceptions so far and forget them."""
        taken, self.exceptions = self.exceptions, []
        return taken

    def take_vtk_errors(self) -> list[str]:
        """Return VTK's errors so far and forget them."""
        taken, self.vtk_errors = self.vtk_errors, []
        return taken

    def start(self) -> None:
        """Begin to listen."""
        before = sys.excepthook, threading.excepthook, vtk.vtkOutputWindow.GetInstance()
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread
        window = vtk.vtkOutputWindow()
        window.SetDisplayModeToNever()
        window.AddObserver("ErrorEvent", self._vtk_error)
        vtk.vtkOutputWindow.SetInstance(window)
        self._restore.append(lambda: self._put_back(*before))

    def stop(self) -> None:
        """Listen no more."""
        while self._restore:
            self._restore.pop()()

    @staticmethod
    def _put_back(hook: Any, thread_hook: Any, window: Any) -> None:
        sys.excepthook, threading.excepthook = hook, thread_hook
        vtk.vtkOutputWindow.SetInstance(window)

    def _uncaught(
        self, kind: type[BaseException], value: BaseException, trace: TracebackType | None
    ) -> None:
        self.exceptions.append("".join(traceback.format_exception(kind, value, trace)))

    def _uncaught_in_thread(self, told: threading.ExceptHookArgs) -> None:
        lines = traceback.format_exception(told.exc_type, told.exc_value, told.exc_traceback)
        self.exceptions.append("".join(lines))

    def _vtk_error(self, caller: Any, event: str, text: str = "") -> None:
        self.vtk_errors.append(text)

    _vtk_error.CallDataType = vtk.VTK_STRING  # type: ignore[attr-defined]


FAULTS = Faults()
"""The one collection: hooks of the interpreter are global, too."""
