from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from SlicerLIMNet.training.batches import batch_seed, stream


class Numbers:
    """Batches of a few numbers drawn from their seed."""

    def draw(self, seed: int) -> Tensor:
        return torch.rand(3, generator=torch.Generator().manual_seed(seed % 2**63))


def first(count: int, begin: int = 1, process: int = 0, workers: int = 0) -> list[list[float]]:
    batches = stream(Numbers(), 7, process, begin, workers, pinned=False)
    return [batch.tolist() for batch in islice(batches, count)]


def test_worker_processes_change_no_batch():
    assert first(7, workers=2) == first(7)


def test_a_stream_may_begin_anywhere():
    assert first(8)[3:] == first(5, begin=4)


def test_every_batch_of_every_process_is_another():
    seeds = {batch_seed(s, p, n) for s in (1, 2) for p in range(3) for n in range(50)}
    assert len(seeds) == 300
    assert first(2) != first(2, process=1)
