"""Settings of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from SlicerLIMNet.errors import ConfigError


class MemoryMode(str, Enum):
    """Which prompted slices a propagation refers to."""

    PAPER = "paper"
    """Only the slice it starts from; the other prompted slices are ordinary ones (XMem)."""
    PERMANENT = "permanent"
    """All of them, in a permanent memory; they are passed through unchanged (XMem++)."""


@dataclass(frozen=True)
class MemoryConfig:
    """How often slices are remembered, and how much is kept.

    Raises:
        ConfigError: A number is out of range.
    """

    every: int = 5
    """Slices from one memory slice to the next (r)."""
    deep_every: int | None = None
    """Slices between deep updates on a clock of their own; `None`: at every memory slice."""
    long_term: bool = True
    """Whether a full working memory is consolidated; otherwise it grows without limit."""
    min_slices: int = 5
    """Slices that stay in working memory after consolidation (T_min)."""
    max_slices: int = 10
    """Slices at which working memory is full (T_max)."""
    prototypes: int = 128
    """Elements that a consolidation makes of the slices that leave (P)."""
    long_term_elements: int = 10_000
    """Most elements in long-term memory (LT_max)."""
    top_k: int = 30
    """Elements that a query position looks at."""

    def __post_init__(self) -> None:
        for name in ("every", "min_slices", "prototypes", "top_k"):
            if getattr(self, name) < 1:
                raise ConfigError(f"memory option {name} is {getattr(self, name)}; give 1 or more")
        if self.deep_every is not None and self.deep_every < 1:
            raise ConfigError(f"memory option deep_every is {self.deep_every}; give 1 or more")
        if self.max_slices <= self.min_slices:
            raise ConfigError(
                f"memory option max_slices is {self.max_slices}; give more than min_slices, "
                f"{self.min_slices}"
            )
        if self.long_term_elements < self.prototypes:
            raise ConfigError(
                f"memory option long_term_elements is {self.long_term_elements}; give at least "
                f"prototypes, {self.prototypes}"
            )
