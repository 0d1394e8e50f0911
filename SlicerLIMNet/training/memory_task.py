"""Training of the light propagation network on sequences, its own predictions fed back.

The course of a sequence is XMem's (its training, section 4): memory holds the references and up to
two other earlier slices, affinities are full softmaxes, gradients run through time. Differs: the
last slice may be a second reference, as in the engine's `permanent` mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.affinity import full_affinity, readout, similarity
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures
from SlicerLIMNet.training.config import TrainConfig, task_settings
from SlicerLIMNet.training.losses import binary_cross_entropy, dice_loss
from SlicerLIMNet.training.memory_data import Sequence, SequenceSampler, SequenceShares
from SlicerLIMNet.training.pool import load_pool

MOST_IN_MEMORY = 3


@dataclass(frozen=True)
class MemoryTaskConfig:
    """Settings under `task`.

    Raises:
        ConfigError: A setting is out of range.
    """

    size: int = 128
    """Pixels of a region."""
    lengths: tuple[int, ...] = (4, 5, 6, 8)
    """Slices of a sequence, one drawn a batch."""
    slices: int = 48
    """Slices of a batch: as many sequences as fit."""
    second_reference: float = 0.3
    """Chance that the last slice is a reference, too."""
    deep_update: float = 0.3
    """Chance that a slice becomes a memory slice and updates the sensory state deeply."""
    shares: SequenceShares = field(default_factory=SequenceShares)
    """Where sequences come from."""

    def __post_init__(self) -> None:
        if self.size < 16 or self.size % 16:
            raise ConfigError(f"task.size must be a multiple of 16, not {self.size}.")
        if not self.lengths or min(self.lengths) < 3:
            raise ConfigError(f"task.lengths must be 3 slices or more, not {self.lengths}.")


@dataclass
class _Memory:
    """Keys, shrinkages and values of the slices that a sequence may look at."""

    keys: list[Tensor]
    shrinkages: list[Tensor]
    values: list[Tensor]

    def read(self, features: SliceFeatures, chosen: list[int]) -> Tensor:
        """Return the readout (B, 1, Cv, h, w) of a slice from the chosen entries."""
        key = torch.cat([self.keys[i] for i in chosen], dim=2)
        shrinkage = torch.cat([self.shrinkages[i] for i in chosen], dim=2)
        value = torch.cat([self.values[i] for i in chosen], dim=3)
        with torch.autocast("cpu", enabled=False):
            pairwise = similarity(
                key, shrinkage, features.key.flatten(2), features.selection.flatten(2)
            )
        found = readout(full_affinity(pairwise), value)
        return found.reshape(*found.shape[:3], *features.key.shape[-2:])


class MemoryTask:
    """Batches of sequences of one length."""

    registry_name = "light-memory"

    def __init__(self, config: TrainConfig) -> None:
        settings = dict(config.task)
        shares = task_settings(SequenceShares, settings.pop("shares", {}))
        self._settings = task_settings(MemoryTaskConfig, {**settings, "shares": shares})
        self._pool = load_pool(
            Path(config.volumes),
            Path(config.images) if config.images else None,
            Path(config.cache),
            held_out=config.held_out,
        )
        self.network = LightMemoryNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.configuration: dict[str, Any] = {}
        self.start(config.seed)

    def start(self, seed: int) -> None:
        """Begin the stream of sequences at a seed."""
        self._rng = np.random.Generator(np.random.PCG64(seed))
        size, shares = self._settings.size, self._settings.shares
        self._sampler = SequenceSampler(self._pool, size, shares, seed)

    def losses(self) -> Iterator[tuple[Tensor, dict[str, float]]]:
        """Yield the loss of one batch of sequences."""
        settings = self._settings
        length = int(self._rng.choice(settings.lengths))
        second = bool(self._rng.random() < settings.second_reference)
        batch = max(2, settings.slices // length)
        sequences = [self._sampler.draw(length, second) for _ in range(batch)]
        logits, steps = self._propagate(sequences)
        truth = torch.from_numpy(np.stack([s.truths for s in sequences])).float()[:, steps]
        flat, target = logits.flatten(0, 1)[:, None], truth.flatten(0, 1)[:, None]
        loss = (binary_cross_entropy(flat, target) + dice_loss(flat, target)).mean()
        yield loss, {"length": length, "dice": _mean_dice(logits, truth)}

    def _propagate(self, sequences: list[Sequence]) -> tuple[Tensor, list[int]]:
        """Return aggregated logits (B, steps, H, W) and the slices that they are of."""
        images = torch.from_numpy(np.stack([s.images for s in sequences]))
        batch, length = images.shape[:2]
        frames = images.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
        features = self.network.encode_key(frames.contiguous(memory_format=torch.channels_last))
        of = [
            features.index_select([item * length + t for item in range(batch)])
            for t in range(length)
        ]
        image = [images[:, t, None].expand(-1, 3, -1, -1) for t in range(length)]
        memory, hidden, positions = self._references(sequences, image, of)
        prompt = _prompt_tensor(sequences, 0)
        before = Neighbour(of[0], prompt)
        logits, steps = [], [t for t in range(1, length) if t not in positions[1:]]
        for t in steps:
            found = memory.read(of[t], self._choose(len(positions), len(memory.keys)))
            answer, hidden = self.network.decode(of[t], found, hidden, before, True)
            logits.append(2 * answer.float()[:, 0])  # one object: aggregation doubles the logit
            probability = logits[-1].sigmoid()[:, None]
            before = Neighbour(of[t], probability.detach())
            if t != steps[-1]:
                deep = bool(self._rng.random() < self._settings.deep_update)
                if deep or len(memory.keys) < MOST_IN_MEMORY:
                    value, hidden = self.network.encode_value(
                        image[t], of[t], probability, hidden, deep
                    )
                    _remember(memory, of[t], value)
        return torch.stack(logits, dim=1), steps

    def _references(
        self, sequences: list[Sequence], image: list[Tensor], of: list[SliceFeatures]
    ) -> tuple[_Memory, Tensor, list[int]]:
        """Encode the reference slices; the sensory state starts from the first."""
        memory = _Memory([], [], [])
        positions = sorted(sequences[0].prompts)
        zero = of[0].key.new_zeros(
            len(sequences), 1, self.network.hidden_channels, *of[0].key.shape[-2:]
        )
        start = zero
        for position in positions:
            prompt = _prompt_tensor(sequences, position)
            first = position == positions[0]
            value, hidden = self.network.encode_value(
                image[position], of[position], prompt, zero, first
            )
            start = hidden if first else start
            _remember(memory, of[position], value)
        return memory, start, positions

    def _choose(self, references: int, stored: int) -> list[int]:
        """All references and at most two other slices."""
        others = list(range(references, stored))
        room = max(1, MOST_IN_MEMORY - references)
        if len(others) > room:
            others = sorted(int(i) for i in self._rng.choice(others, room, replace=False))
        return [*range(references), *others]


def _prompt_tensor(sequences: list[Sequence], position: int) -> Tensor:
    masks = np.stack([s.prompts[position] for s in sequences])
    return torch.from_numpy(masks[:, None].astype(np.float32))


def _remember(memory: _Memory, features: SliceFeatures, value: Tensor) -> None:
    memory.keys.append(features.key.flatten(2))
    memory.shrinkages.append(features.shrinkage.flatten(2))
    memory.values.append(value.flatten(3))


def _mean_dice(logits: Tensor, truth: Tensor) -> float:
    """Mean over sequences of the Dice of all their predicted slices together."""
    mask, label = (logits.detach() > 0).flatten(1), truth.flatten(1) > 0.5
    both = (mask & label).sum(dim=1)
    total = mask.sum(dim=1) + label.sum(dim=1)
    return float(((2 * both + 1) / (total + 1)).mean())
