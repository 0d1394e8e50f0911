"""Batches of prompt crops as tensors, made wherever there is a free processor."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from SlicerLIMNet.networks.light_prompt import GUIDE_CHANNELS
from SlicerLIMNet.training.click_sampling import click_slots
from SlicerLIMNet.training.pool import Pool
from SlicerLIMNet.training.prompt_data import (
    PromptSample,
    PromptSampler,
    SampleRules,
    SourceShares,
)
from SlicerLIMNet.training.rolled_samples import RolledSlices

SLOTS = 12
"""Most clicks of each sign."""


class PromptBatch(NamedTuple):
    """Crops before the first pass.

    Shapes: images (B, 4 or 9, H, W): colours, previous mask, guides if there are any; truth
    (B, 1, H, W), 0 or 1; points (B, 2 * SLOTS, 3).
    """

    images: Tensor
    truth: Tensor
    points: Tensor
    passes: int
    seed: int


class PromptBatches:
    """Draws crops and how often they are clicked on."""

    def __init__(
        self,
        pool: Pool,
        size: int,
        shares: SourceShares,
        batch: int,
        passes: tuple[float, ...],
        rolled: RolledSlices | None = None,
        rules: SampleRules | None = None,
    ) -> None:
        """Prepare; see `PromptSampler`."""
        rules = rules or SampleRules()
        self._sampler = PromptSampler(pool, size, shares, 0, rolled, rules)
        self._layers = GUIDE_CHANNELS if rules.guided else 0
        self._batch = batch
        self._chances = np.array(passes) / sum(passes)

    def draw(self, seed: int) -> PromptBatch:
        """Return the batch of a seed."""
        self._sampler.reseed(seed)
        samples: Iterator[PromptSample] = islice(iter(self._sampler), self._batch)
        drawn = list(samples)
        rng = np.random.Generator(np.random.PCG64([seed, 1]))
        images = np.stack([self._layered(sample) for sample in drawn])
        truth = np.stack([s.truth for s in drawn])[:, None].astype(np.float32)
        points = np.stack([click_slots(s.clicks, SLOTS) for s in drawn])
        return PromptBatch(
            torch.from_numpy(images).permute(0, 3, 1, 2),  # channels_last as it lies
            torch.from_numpy(truth),
            torch.from_numpy(points),
            1 + int(rng.choice(len(self._chances), p=self._chances)),
            int(rng.integers(2**62)),
        )

    def _layered(self, sample: PromptSample) -> npt.NDArray[np.float32]:
        """Return what the network is given of a crop, (H, W, channels)."""
        guides = sample.guides
        if guides is None:
            guides = np.zeros((*sample.previous.shape, self._layers), np.float32)
        return np.dstack([sample.image, sample.previous, guides]).astype(np.float32)
