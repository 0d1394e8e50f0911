"""How many threads are fast now.

The networks are many small layers, and after each of them all threads wait for the slowest. Where
something else keeps a core busy, that one comes late by a time slice of the system, and two threads
become twenty times slower than one. So the count is measured, again and again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional

LAYERS = 6
"""Run by a measurement: about 2 ms with one thread, more where threads wait for each other."""
VALID_S = 0.5
"""So long a measurement counts."""
TRIES = 2
"""A core that is busy is late every time."""

Measure = Callable[[int, float], float]
"""Threads and a limit in seconds to the seconds that some layers take; above the limit any."""


class ThreadCount:
    """Gives work as many threads of the CPU as are fast at the time."""

    def __init__(
        self, most: int, measure: Measure | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Choose among a number of threads, its halves, and one.

        Args:
            most: On a machine that has nothing else to do.
            measure: How long work takes with so many threads.
            clock: Seconds, from any start.
        """
        self.most = most
        self._measure = measure or measure_layers
        self._clock = clock
        self._alone: float | None = None
        self._fastest = most
        self._valid_until = -1.0

    @contextmanager
    def fitting(self) -> Iterator[Callable[[], None]]:
        """Set torch's threads for work, of the thread that does it; afterwards they are as before.

        Yields:
            What to call now and then in long work, since the machine may have become busy or idle.
        """
        before = torch.get_num_threads()
        try:
            self._suit()
            yield self._suit
        finally:
            torch.set_num_threads(before)

    def _suit(self) -> None:
        if self.most > 1 and self._clock() >= self._valid_until:
            self._fastest = self._measured()
            self._valid_until = self._clock() + VALID_S
        torch.set_num_threads(self._fastest)

    def _measured(self) -> int:
        if self._alone is None:
            self._alone = min(self._measure(1, math.inf) for _ in range(3))
        threads = self.most
        while threads > 1 and not self._are_fast(threads, self._alone):
            threads //= 2
        return threads

    def _are_fast(self, threads: int, alone: float) -> bool:
        """Whether so many take less time than one; a single late answer does not decide."""
        return any(self._measure(threads, alone) < alone for _ in range(TRIES))


@torch.inference_mode()
def measure_layers(threads: int, limit: float) -> float:
    """Return how many seconds some small layers take; what is over the limit is not waited for."""
    torch.set_num_threads(threads)
    weight = torch.full((96, 96, 3, 3), 0.1).contiguous(memory_format=torch.channels_last)
    features = torch.full((2, 96, 16, 16), 0.1).contiguous(memory_format=torch.channels_last)
    functional.conv2d(features, weight, padding=1)  # the first call prepares
    start = time.perf_counter()
    for _ in range(LAYERS):
        functional.conv2d(features, weight, padding=1)
        if time.perf_counter() - start > limit:
            break
    return time.perf_counter() - start
