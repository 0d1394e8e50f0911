"""One thread that owns engine and sessions; jobs go in, reports come out, in plain values.

Slicer's main thread keeps Python's lock while it is inside Qt or C++, so this thread runs only
while Python code of the main thread waits: `Mailbox.wait` is that wait. There is one thread for the
whole application, since tuned networks are kept per thread; several panels share it.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

_LOG = logging.getLogger(__name__)

Tell = Callable[[Any], None]


class Job(Protocol):
    """A piece of work; it holds plain values only."""

    def run(self, desk: Any, tell: Tell, /) -> Any:
        """Do it, on the worker's thread.

        Args:
            desk: What the thread owns for its whole life.
            tell: Reports how far it has come.

        Returns:
            What the main thread gets at the end.
        """


@dataclass(frozen=True)
class Progress:
    """A job that goes on has something to tell."""

    job: Job
    """Which one."""
    value: Any
    """What it told."""


@dataclass(frozen=True)
class Done:
    """A job has ended well."""

    job: Job
    """Which one."""
    value: Any
    """What it returned."""


@dataclass(frozen=True)
class Failed:
    """A job has ended with an error."""

    job: Job
    """Which one."""
    message: str
    """A sentence for the user."""


Report = Progress | Done | Failed


class Mailbox:
    """Where the reports of one panel's jobs arrive."""

    def __init__(self) -> None:
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._hasMail = threading.Event()

    def put(self, report: Report) -> None:
        """Add a report; on the worker's thread."""
        self._reports.put(report)
        self._hasMail.set()

    def wait(self, seconds: float) -> bool:
        """Wait for a report, which lets the worker run; return whether there is one."""
        return self._hasMail.wait(seconds)

    def take(self, atMost: int = 1000) -> list[Report]:
        """Return what has arrived, oldest first; what is more stays, and `wait` ends at once."""
        self._hasMail.clear()
        reports: list[Report] = []
        while len(reports) < atMost:
            try:
                reports.append(self._reports.get_nowait())
            except queue.Empty:
                return reports
        self._hasMail.set()
        return reports


class InferenceWorker:
    """The thread; it begins with the first job and ends with the last user."""

    _shared: InferenceWorker | None = None
    _lock = threading.Lock()

    def __init__(self, makeDesk: Callable[[], Any]) -> None:
        """Take a function that makes, on the thread, what the thread will own."""
        self._makeDesk = makeDesk
        self._jobs: queue.SimpleQueue[tuple[Job, Mailbox] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._users = 1

    @classmethod
    def shared(cls, makeDesk: Callable[[], Any]) -> InferenceWorker:
        """Return the one of the application; `release` it when it is needed no more."""
        with InferenceWorker._lock:
            if InferenceWorker._shared is None:
                InferenceWorker._shared = cls(makeDesk)
            else:
                InferenceWorker._shared._users += 1
            return InferenceWorker._shared

    @property
    def isAlive(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None and self._thread.is_alive()

    def post(self, job: Job, mailbox: Mailbox) -> None:
        """Let a job be done, after those that were posted before."""
        if not self.isAlive:
            self._thread = threading.Thread(target=self._work, name="LIMNet", daemon=True)
            self._thread.start()
        self._jobs.put((job, mailbox))

    def release(self, timeoutSeconds: float = 30.0) -> bool:
        """Need the thread no more; with the last user it ends after what it is doing.

        Returns:
            Whether the thread has ended, where it had to.
        """
        with InferenceWorker._lock:
            self._users -= 1
            if self._users > 0:
                return True
            if InferenceWorker._shared is self:
                InferenceWorker._shared = None
        return self.shutdown(timeoutSeconds)

    def shutdown(self, timeoutSeconds: float = 30.0) -> bool:
        """End the thread after the job that it is doing; jobs that wait are dropped."""
        thread, self._thread = self._thread, None
        if thread is None or not thread.is_alive():
            return True
        self._dropWaiting()
        self._jobs.put(None)
        thread.join(timeoutSeconds)
        return not thread.is_alive()

    def _dropWaiting(self) -> None:
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                return

    def _work(self) -> None:
        desk = None
        while (posted := self._jobs.get()) is not None:
            job, mailbox = posted
            try:
                desk = desk or self._makeDesk()
                value = job.run(desk, lambda value: mailbox.put(Progress(job, value)))  # noqa: B023
                mailbox.put(Done(job, value))
            except BaseException as error:  # the thread outlives whatever a job does
                mailbox.put(Failed(job, _sentence(error)))
            del job, mailbox, posted  # an idle thread keeps no volume alive
        close = getattr(desk, "close", None)
        if close is not None:
            close()


def _sentence(error: BaseException) -> str:
    """Return what an error says to a user; one that is a bug of ours is logged, too."""
    if isinstance(error, ImportError):
        return f"The engine cannot be started ({error}); install what is missing in the panel."
    if _isForUsers(error):
        text = str(error)
        return f"{text[:1].upper()}{text[1:]}."
    _LOG.error("A job of the LIMNet worker failed", exc_info=error)
    return f"Something went wrong in the engine ({type(error).__name__}: {error}); nothing changed."


def _isForUsers(error: BaseException) -> bool:
    try:
        from SlicerLIMNet.errors import LIMNetError
    except ImportError:
        return False
    return isinstance(error, LIMNetError)
