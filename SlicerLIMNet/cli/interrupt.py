"""Ctrl-C as a wish to stop between two slices, so that nothing is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from SlicerLIMNet.cli.terminal import say
from SlicerLIMNet.domain.progress import CancelToken


@contextmanager
def cancel_on_interrupt() -> Iterator[CancelToken]:
    """Give a token that the first Ctrl-C cancels; the second one stops the command at once.

    Elsewhere than on the main thread, and where Ctrl-C is ignored, the token is never cancelled.
    """
    token = CancelToken()
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before in (signal.SIG_IGN, None):
        yield token
        return

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
        signal.signal(signal.SIGINT, before)
        token.cancel()
        say("stopping after this slice; press Ctrl-C again to stop at once")

    signal.signal(signal.SIGINT, ask)
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)
