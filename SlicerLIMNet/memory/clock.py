"""When a slice is remembered, and how it updates the sensory state."""

from __future__ import annotations

from dataclasses import dataclass

from SlicerLIMNet.memory.config import MemoryConfig


@dataclass(frozen=True)
class SliceDuties:
    """What is to be done with one slice, apart from segmenting it."""

    remember: bool
    """Put it into memory."""
    deep_update: bool
    """Update the sensory state from its values, if it is remembered."""
    normal_update: bool
    """Update the sensory state from the decoder, if it is decoded."""


class MemoryClock:
    """Counts the slices of one direction.

    Source: XMem. With deep updates in step with memory a memory slice makes only the deep update,
    other slices only the normal one.
    """

    def __init__(self, config: MemoryConfig) -> None:
        self._config = config
        self._now = -1
        self._last_memory = 0
        self._last_deep = -(config.deep_every or 0)

    def tick(self, has_mask: bool, is_last: bool) -> SliceDuties:
        """Go to the next slice and say what it is for; the last one leaves no trace."""
        self._now += 1
        remember = has_mask or self._now - self._last_memory >= self._config.every
        if self._config.deep_every is None:
            deep = remember
            normal = not deep
        else:
            deep = self._now - self._last_deep >= self._config.deep_every
            normal = True
        if is_last:
            return SliceDuties(False, False, False)
        if remember:
            self._last_memory = self._now
            self._last_deep = self._now if deep else self._last_deep
        return SliceDuties(remember, deep, normal)
