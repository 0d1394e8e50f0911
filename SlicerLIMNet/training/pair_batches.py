"""Batches of judged pairs as tensors, made wherever there is a free processor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.fusion.facts import swapped
from SlicerLIMNet.imaging.crops import JudgeCropConfig
from SlicerLIMNet.training.fusion_data import PairSampler
from SlicerLIMNet.training.rollouts import Rollout


class PairBatch(NamedTuple):
    """Crops with two masks, (B, 1, size, size) each, and what is to be said of them, (B,).

    Facts of A beside B, and of B beside A, are (B, FACTS) each.
    """

    image: Tensor
    mask_a: Tensor
    mask_b: Tensor
    target: Tensor
    weight: Tensor
    difference: Tensor
    facts: Tensor
    swapped: Tensor


class PairBatches:
    """Draws pairs from rollouts."""

    def __init__(self, made: list[Rollout], batch: int) -> None:
        self._sampler = PairSampler(made, JudgeCropConfig(), 0)
        self._batch = batch

    def draw(self, seed: int) -> PairBatch:
        """Return the batch of a seed."""
        self._sampler.reseed(seed)
        pairs = [self._sampler.draw() for _ in range(self._batch)]
        crops = np.array([[pair.crop[k] for pair in pairs] for k in range(3)], np.float32)
        image, mask_a, mask_b = torch.from_numpy(crops[:, :, None]).unbind()
        numbers = torch.tensor([(p.target, p.weight, p.difference) for p in pairs])
        target, weight, difference = numbers.unbind(dim=1)
        facts = np.stack([pair.facts for pair in pairs])
        known = [torch.from_numpy(array) for array in (facts, swapped(facts))]
        return PairBatch(image, mask_a, mask_b, target, weight, difference, *known)
