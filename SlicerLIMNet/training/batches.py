"""The stream of batches: number n of a run is always the same, whoever makes it and when.

So a run that was stopped goes on with the batches that it had not seen, and worker processes change
nothing but the speed.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Iterator
from typing import Any, Protocol

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

AHEAD = 4
"""Batches that a worker may make before they are asked for."""


class Batches(Protocol):
    """What makes a stage's data; handed to worker processes, so it holds no network."""

    def draw(self, seed: int) -> Any:
        """Return a batch of CPU tensors: same seed, same batch."""


def batch_seed(seed: int, process: int, number: int) -> int:
    """Return the seed of one batch of one training process."""
    words = np.random.SeedSequence([seed, process, number]).generate_state(2, np.uint32)
    return int(words[0]) << 32 | int(words[1])


def stream(
    batches: Batches, seed: int, process: int, first: int, workers: int, pinned: bool
) -> Iterator[Any]:
    """Yield batches for ever.

    Args:
        batches: Makes them.
        seed: Of the run.
        process: Number of this training process among all; each has batches of its own.
        first: Number of the first batch to yield.
        workers: Processes that make them; 0 makes them here, when they are asked for.
        pinned: Whether they lie where a GPU can fetch them.
    """
    numbered = _Numbered(batches, seed, process)
    if workers == 0:
        return (numbered[number] for number in itertools.count(first))
    # fork shares the volumes, which would be copied otherwise; workers do not touch the GPU
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    loader: DataLoader[Any] = DataLoader(
        numbered,
        batch_size=None,
        sampler=_From(first),
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_one_thread,
        prefetch_factor=AHEAD,
        pin_memory=pinned,
        multiprocessing_context="fork" if can_fork else None,
    )
    return iter(loader)


class _Numbered(Dataset[Any]):
    def __init__(self, batches: Batches, seed: int, process: int) -> None:
        self._batches, self._seed, self._process = batches, seed, process

    def __getitem__(self, number: int) -> Any:
        return self._batches.draw(batch_seed(self._seed, self._process, number))


class _From(Sampler[int]):
    def __init__(self, first: int) -> None:
        self._first = first

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self._first)


def _as_it_is(batch: Any) -> Any:
    return batch


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)
