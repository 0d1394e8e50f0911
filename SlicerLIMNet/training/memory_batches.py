"""Batches of sequences as tensors, made wherever there is a free processor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.training.memory_data import DEFECTIVE, SequenceSampler, SequenceShares
from SlicerLIMNet.training.pool import Pool


class SequenceBatch(NamedTuple):
    """Sequences of one length T.

    Shapes: images and truths (B, T, H, W); prompts (P, B, 1, H, W), one for each of the positions;
    places (B, T, PLACE_NUMBERS).
    """

    images: Tensor
    truths: Tensor
    prompts: Tensor
    positions: tuple[int, ...]
    places: Tensor
    seed: int


class SequenceBatches:
    """Draws sequences, as many as fit into a number of slices."""

    def __init__(
        self,
        pool: Pool,
        size: int,
        shares: SequenceShares,
        slices: int,
        lengths: tuple[int, ...],
        second_reference: float,
        defective: float = DEFECTIVE,
    ) -> None:
        """Prepare; see `SequenceSampler`."""
        self._sampler = SequenceSampler(pool, size, shares, 0, defective)
        self._slices = slices
        self._lengths = lengths
        self._second_reference = second_reference

    def draw(self, seed: int) -> SequenceBatch:
        """Return the batch of a seed."""
        rng = np.random.Generator(np.random.PCG64([seed, 1]))
        length = int(rng.choice(self._lengths))
        second = bool(rng.random() < self._second_reference)
        self._sampler.reseed(seed)
        drawn = [self._sampler.draw(length, second) for _ in range(max(2, self._slices // length))]
        positions = tuple(sorted(drawn[0].prompts))
        prompts = [[s.prompts[position] for s in drawn] for position in positions]
        return SequenceBatch(
            torch.from_numpy(np.stack([s.images for s in drawn])),
            torch.from_numpy(np.stack([s.truths for s in drawn])).float(),
            torch.from_numpy(np.array(prompts, np.float32)[:, :, None]),
            positions,
            torch.from_numpy(np.stack([s.places for s in drawn])),
            int(rng.integers(2**62)),
        )
