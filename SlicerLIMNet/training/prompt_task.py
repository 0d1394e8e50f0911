"""Training of the light prompt network: every answer of a batch is learned from, then clicked on.

RITM spends passes without gradient on the clicks before the last one; here each pass is a step, so
that a short training sees first clicks and later ones in the proportion in which users make them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.networks.weights import build_network, read_info
from SlicerLIMNet.training.batch_clicks import click_on
from SlicerLIMNet.training.config import TrainConfig, task_settings
from SlicerLIMNet.training.config_pool import configured_pool
from SlicerLIMNet.training.losses import binary_cross_entropy, dice_loss, normalized_focal_loss
from SlicerLIMNet.training.pictures import Picture, Tile
from SlicerLIMNet.training.pool import Pool, name_filter
from SlicerLIMNet.training.prompt_batches import SLOTS, PromptBatch, PromptBatches
from SlicerLIMNet.training.prompt_data import SampleRules, SourceShares
from SlicerLIMNet.training.rolled_samples import RolledSlices

SHOWN = 8
"""Crops of a batch that are drawn for pictures."""


@dataclass(frozen=True)
class PromptTaskConfig:
    """Settings under `task`.

    Raises:
        ConfigError: A setting is out of range.
    """

    size: int = 128
    """Pixels of a crop."""
    passes: tuple[float, ...] = (0.3, 0.3, 0.25, 0.15)
    """Chances of one, two, ... passes over a batch."""
    shares: SourceShares = field(default_factory=SourceShares)
    """Where samples come from."""
    widths: dict[str, Any] = field(default_factory=dict)
    """Channels of the network that differ from its defaults, see `PromptWidths`."""
    guided: float = 0.0
    """Share of the samples from volumes that show other slices of the object; 0 makes a network
    without guides."""
    defective: float = 0.35
    """Share of the samples that start from a wrong mask."""
    rollouts: str = ""
    """Folder of rollouts, for the share `rolled`."""

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise ConfigError(f"task.size must be a multiple of 32, not {self.size}.")
        for name in ("guided", "defective"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"task.{name} must be a share, not {getattr(self, name)}.")
        if not self.passes or min(self.passes) < 0 or sum(self.passes) <= 0:
            raise ConfigError(f"task.passes must be chances, not {self.passes}.")


class PromptTask:
    """Batches of crops, each clicked on up to four times."""

    registry_name = "light-prompt"

    def __init__(self, config: TrainConfig, pool: Pool | None = None) -> None:
        """Build network and data; the pool is the configuration's if none is given."""
        values = dict(config.task)
        shares = task_settings(SourceShares, values.pop("shares", {}))
        self._settings = settings = task_settings(PromptTaskConfig, {**values, "shares": shares})
        widths = settings.widths
        configuration = _configuration_of(config.start_from)
        if widths:
            configuration["widths"] = widths
        if settings.guided:
            configuration["with_guides"] = True
        network = build_network(self.registry_name, configuration)
        self.network: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.configuration = configuration
        self.batches = PromptBatches(
            pool or configured_pool(config),
            settings.size,
            settings.shares,
            config.batch,
            settings.passes,
            _rolled(settings.rollouts, config) if settings.rollouts else None,
            SampleRules(settings.guided, settings.defective),
        )

    def losses(self, batch: PromptBatch) -> Iterator[tuple[Tensor, dict[str, float | Tensor]]]:
        """Yield the loss of each pass over one batch; later passes follow corrections."""
        image, truth, points = self._on_device(batch)
        for number in range(1, batch.passes + 1):
            logits = self.network(image, points).float()
            loss = (
                binary_cross_entropy(logits, truth)
                + dice_loss(logits, truth)
                + normalized_focal_loss(logits, truth)
            ).mean()
            probability = logits.detach().sigmoid()
            yield loss, {"pass": number, "dice": _mean_dice(probability, truth)}
            if number < batch.passes:
                points = click_on(points, truth, probability, batch.seed + number)
                image = _with_previous(image, probability)

    def pictures(self, batch: PromptBatch) -> list[Picture]:
        """Return crops with their first clicks, and the answers to these and to one more."""
        image, truth, points = (tensor[:SHOWN] for tensor in self._on_device(batch))
        first = self.network(image, points).float().sigmoid()
        more = click_on(points, truth, first, batch.seed)
        second = self.network(_with_previous(image, first), more).float().sigmoid()
        colours = image[:, :3].permute(0, 2, 3, 1).cpu().numpy()
        masks = [(tensor[:, 0] > 0.5).cpu().numpy() for tensor in (image[:, 3:4], truth)]
        answers = [(tensor[:, 0] > 0.5).cpu().numpy() for tensor in (first, second)]
        pictures = []
        for item, colour in enumerate(colours):
            clicks = [_clicks(tensor[item].cpu()) for tensor in (points, more)]
            previous, label = (mask[item] for mask in masks)
            pictures.append(
                [
                    Tile(colour, None, previous, clicks[0], "mask before, clicks"),
                    Tile(colour, label, None, (), "truth"),
                    Tile(colour, label, answers[0][item], clicks[0], "first answer"),
                    Tile(colour, label, answers[1][item], clicks[1], "one click later"),
                ]
            )
        return pictures

    def _on_device(self, batch: PromptBatch) -> tuple[Tensor, Tensor, Tensor]:
        device = next(self.network.parameters()).device
        image, truth, points = (
            tensor.to(device, non_blocking=True)
            for tensor in (batch.images, batch.truth, batch.points)
        )
        return image, truth, points


def _rolled(folder: str, config: TrainConfig) -> RolledSlices:
    """Return the rollouts of a folder, without those of volumes held or left out."""
    return RolledSlices(Path(folder), name_filter(config.held_out, config.leave_out))


def _configuration_of(weights: str | None) -> dict[str, Any]:
    """Return how the network of a file to start from is built."""
    return dict(read_info(Path(weights)).configuration) if weights else {}


def _with_previous(image: Tensor, probability: Tensor) -> Tensor:
    """Return the input with another previous mask; guides stay."""
    return torch.cat([image[:, :3], probability, image[:, 4:]], dim=1)


def _mean_dice(probability: Tensor, truth: Tensor) -> Tensor:
    """Mean over items of the Dice of the answer; both empty counts 1."""
    mask, label = (probability > 0.5).flatten(1), truth.flatten(1) > 0.5
    both = (mask & label).sum(dim=1)
    total = mask.sum(dim=1) + label.sum(dim=1)
    return torch.where(total > 0, 2 * both / total.clamp(min=1), 1.0).mean()


def _clicks(points: Tensor) -> list[PixelClick]:
    """Return the clicks in the slots of one item, (2K, 3)."""
    rows = points[:, :2].tolist()
    return [
        PixelClick(row, column, slot < SLOTS) for slot, (row, column) in enumerate(rows) if row >= 0
    ]
