"""Training of the light propagation network on sequences, its own predictions fed back.

The course of a sequence is XMem's (its training, section 4): memory holds the references and up to
two other earlier slices, affinities are full softmaxes, gradients run through time. Differs: the
last slice may be a second reference, as in the engine's `permanent` mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.affinity import full_affinity, readout, similarity
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures
from SlicerLIMNet.training.config import TrainConfig, task_settings
from SlicerLIMNet.training.config_pool import configured_pool
from SlicerLIMNet.training.losses import binary_cross_entropy, dice_loss
from SlicerLIMNet.training.memory_batches import SequenceBatch, SequenceBatches
from SlicerLIMNet.training.memory_data import DEFECTIVE, SequenceShares
from SlicerLIMNet.training.pictures import Picture, Tile
from SlicerLIMNet.training.pool import Pool

MOST_IN_MEMORY = 3
SHOWN = 6
"""Sequences of a batch that are drawn for pictures."""


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
    defective: float = DEFECTIVE
    """Share of the given masks that are wrong."""
    with_place: bool = True
    """Whether the network knows distances to references."""

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
        with torch.autocast(key.device.type, enabled=False):
            pairwise = similarity(
                key, shrinkage, features.key.flatten(2), features.selection.flatten(2)
            )
        found = readout(full_affinity(pairwise), value)
        return found.reshape(*found.shape[:3], *features.key.shape[-2:])


class MemoryTask:
    """Batches of sequences of one length."""

    registry_name = "light-memory"

    def __init__(self, config: TrainConfig, pool: Pool | None = None) -> None:
        """Build network and data; the pool is the configuration's if none is given."""
        values = dict(config.task)
        shares = task_settings(SequenceShares, values.pop("shares", {}))
        self._settings = settings = task_settings(MemoryTaskConfig, {**values, "shares": shares})
        with_place = settings.with_place
        network = LightMemoryNetwork(with_place)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.configuration: dict[str, Any] = {"with_place": with_place}
        self.batches = SequenceBatches(
            pool or configured_pool(config),
            settings.size,
            settings.shares,
            settings.slices,
            tuple(settings.lengths),
            settings.second_reference,
            settings.defective,
        )

    def losses(self, batch: SequenceBatch) -> Iterator[tuple[Tensor, dict[str, float | Tensor]]]:
        """Yield the loss of one batch of sequences."""
        batch = self._on_device(batch)
        logits, steps = self._propagate(batch)
        truth = batch.truths[:, steps]
        flat, target = logits.flatten(0, 1)[:, None], truth.flatten(0, 1)[:, None]
        loss = (binary_cross_entropy(flat, target) + dice_loss(flat, target)).mean()
        yield loss, {"length": batch.images.shape[1], "dice": _mean_dice(logits, truth)}

    def pictures(self, batch: SequenceBatch) -> list[Picture]:
        """Return sequences with what was found on every slice."""
        batch = self._on_device(batch)
        logits, steps = self._propagate(batch)
        found = dict(zip(steps, (logits > 0).cpu().numpy().swapaxes(0, 1), strict=True))
        images, truths = batch.images.cpu().numpy(), batch.truths.cpu().numpy() > 0.5
        prompts = batch.prompts[:, :, 0].cpu().numpy() > 0.5
        given = dict(zip(batch.positions, prompts, strict=True))
        pictures = []
        for item, (slices, labels) in enumerate(zip(images, truths, strict=True)):
            picture = []
            for t, (image, truth) in enumerate(zip(slices, labels, strict=True)):
                mask, caption = (given[t], "given") if t in given else (found[t], f"slice {t}")
                picture.append(Tile(image, truth, mask[item], (), caption))
            pictures.append(picture)
        return pictures[:SHOWN]

    def _on_device(self, batch: SequenceBatch) -> SequenceBatch:
        device = next(self.network.parameters()).device
        images, truths, prompts, places = (
            tensor.to(device, non_blocking=True)
            for tensor in (batch.images, batch.truths, batch.prompts, batch.places)
        )
        return batch._replace(images=images, truths=truths, prompts=prompts, places=places)

    def _propagate(self, sequences: SequenceBatch) -> tuple[Tensor, list[int]]:
        """Return aggregated logits (B, steps, H, W) and the slices that they are of."""
        rng = np.random.Generator(np.random.PCG64(sequences.seed))
        images, places = sequences.images, sequences.places
        batch, length = images.shape[:2]
        frames = images.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
        features = self.network.encode_key(frames.contiguous(memory_format=torch.channels_last))
        of = [
            features.index_select([item * length + t for item in range(batch)])
            for t in range(length)
        ]
        image = [images[:, t, None].expand(-1, 3, -1, -1) for t in range(length)]
        memory, hidden = self._references(sequences, image, of)
        before = Neighbour(of[0], sequences.prompts[0])
        references = len(sequences.positions)
        logits, steps = [], [t for t in range(1, length) if t not in sequences.positions]
        for t in steps:
            found = memory.read(of[t], _choose(references, len(memory.keys), rng))
            answer, hidden = self.network.decode(of[t], found, hidden, before, True, places[:, t])
            logits.append(2 * answer.float()[:, 0])  # one object: aggregation doubles the logit
            probability = logits[-1].sigmoid()[:, None]
            before = Neighbour(of[t], probability.detach())
            if t != steps[-1]:
                deep = bool(rng.random() < self._settings.deep_update)
                if deep or len(memory.keys) < MOST_IN_MEMORY:
                    value, hidden = self.network.encode_value(
                        image[t], of[t], probability, hidden, deep
                    )
                    _remember(memory, of[t], value)
        return torch.stack(logits, dim=1), steps

    def _references(
        self, sequences: SequenceBatch, image: list[Tensor], of: list[SliceFeatures]
    ) -> tuple[_Memory, Tensor]:
        """Encode the reference slices; the sensory state starts from the first."""
        memory = _Memory([], [], [])
        key = of[0].key
        zero = key.new_zeros(len(key), 1, self.network.hidden_channels, *key.shape[-2:])
        start = zero
        for position, prompt in zip(sequences.positions, sequences.prompts, strict=True):
            first = position == sequences.positions[0]
            value, hidden = self.network.encode_value(
                image[position], of[position], prompt, zero, first
            )
            start = hidden if first else start
            _remember(memory, of[position], value)
        return memory, start


def _choose(references: int, stored: int, rng: np.random.Generator) -> list[int]:
    """All references and at most two other slices."""
    others = list(range(references, stored))
    room = max(1, MOST_IN_MEMORY - references)
    if len(others) > room:
        others = sorted(int(i) for i in rng.choice(others, room, replace=False))
    return [*range(references), *others]


def _remember(memory: _Memory, features: SliceFeatures, value: Tensor) -> None:
    memory.keys.append(features.key.flatten(2))
    memory.shrinkages.append(features.shrinkage.flatten(2))
    memory.values.append(value.flatten(3))


def _mean_dice(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean over sequences of the Dice of all their predicted slices together."""
    mask, label = (logits.detach() > 0).flatten(1), truth.flatten(1) > 0.5
    both = (mask & label).sum(dim=1)
    total = mask.sum(dim=1) + label.sum(dim=1)
    return ((2 * both + 1) / (total + 1)).mean()
