"""Training of the light prompt network: every answer of a batch is learned from, then clicked on.

RITM spends passes without gradient on the clicks before the last one; here each pass is a step, so
that a short training sees first clicks and later ones in the proportion in which users make them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.networks.light_prompt import LightPromptNetwork
from SlicerLIMNet.training.click_sampling import click_slots, draw_correction
from SlicerLIMNet.training.config import TrainConfig, task_settings
from SlicerLIMNet.training.losses import binary_cross_entropy, dice_loss, normalized_focal_loss
from SlicerLIMNet.training.pool import load_pool
from SlicerLIMNet.training.prompt_data import PromptSample, PromptSampler, SourceShares

SLOTS = 12


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

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise ConfigError(f"task.size must be a multiple of 32, not {self.size}.")
        if not self.passes or min(self.passes) < 0 or sum(self.passes) <= 0:
            raise ConfigError(f"task.passes must be chances, not {self.passes}.")


class PromptTask:
    """Batches of crops, each clicked on up to four times."""

    registry_name = "light-prompt"

    def __init__(self, config: TrainConfig) -> None:
        settings = dict(config.task)
        shares = task_settings(SourceShares, settings.pop("shares", {}))
        self._settings = task_settings(PromptTaskConfig, {**settings, "shares": shares})
        self._batch = config.batch
        self._pool = load_pool(
            Path(config.volumes),
            Path(config.images) if config.images else None,
            Path(config.cache),
            held_out=config.held_out,
        )
        self.network = LightPromptNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.configuration: dict[str, Any] = {}
        self.start(config.seed)

    def start(self, seed: int) -> None:
        """Begin the stream of samples at a seed."""
        self._rng = np.random.Generator(np.random.PCG64(seed))
        size, shares = self._settings.size, self._settings.shares
        self._samples = iter(PromptSampler(self._pool, size, shares, seed))

    def losses(self) -> Iterator[tuple[Tensor, dict[str, float]]]:
        """Yield the loss of each pass over one batch; later passes follow corrections."""
        samples = list(islice(self._samples, self._batch))
        chances = np.array(self._settings.passes)
        passes = 1 + int(self._rng.choice(len(chances), p=chances / chances.sum()))
        for number in range(1, passes + 1):
            image, points, truth = _tensors(samples)
            logits = self.network(image, points).float()
            loss = (
                binary_cross_entropy(logits, truth)
                + dice_loss(logits, truth)
                + normalized_focal_loss(logits, truth)
            ).mean()
            probability = logits.detach().sigmoid().numpy()[:, 0]
            yield loss, {"pass": number, "dice": _mean_dice(probability, samples)}
            self._click_on(samples, probability)

    def _click_on(self, samples: list[PromptSample], probability: np.ndarray[Any, Any]) -> None:
        for sample, answer in zip(samples, probability, strict=True):
            sample.previous = answer.astype(np.float32)
            click = draw_correction(sample.truth.astype(np.int8), answer, self._rng)
            signs = [other.positive for other in sample.clicks]
            if click is not None and signs.count(click.positive) < SLOTS:
                sample.clicks.append(click)


def _tensors(samples: list[PromptSample]) -> tuple[Tensor, Tensor, Tensor]:
    """Return image with previous mask (N, 4, H, W), points (N, 2K, 3) and truth (N, 1, H, W)."""
    images = np.stack([np.dstack([s.image, s.previous]) for s in samples]).astype(np.float32)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)  # channels_last as it lies
    points = torch.from_numpy(np.stack([click_slots(s.clicks, SLOTS) for s in samples]))
    truth = torch.from_numpy(np.stack([s.truth for s in samples])[:, None].astype(np.float32))
    return tensor, points, truth


def _mean_dice(probability: np.ndarray[Any, Any], samples: list[PromptSample]) -> float:
    scores = []
    for answer, sample in zip(probability, samples, strict=True):
        scores.append(dice(sample.truth, answer > 0.5))
    return float(np.mean(scores))
