"""Training of the quality network on pairs of masks from rollouts.

Source: LIM-Net (2024), multi-round fusion; labels, loss and shares are decided here.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional

from SlicerLIMNet.fusion.facts import FACTS
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.session.engine import Engine
from SlicerLIMNet.session.parts import Networks
from SlicerLIMNet.training.config import TrainConfig, task_settings
from SlicerLIMNet.training.config_pool import configured_pool
from SlicerLIMNet.training.pair_batches import PairBatch, PairBatches
from SlicerLIMNet.training.pictures import Picture, Tile
from SlicerLIMNet.training.rollouts import RolloutConfig, describe, rollouts

log = logging.getLogger(__name__)

SHOWN = 8
"""Pairs of a batch that are drawn for pictures."""


@dataclass(frozen=True)
class FusionTaskConfig:
    """Settings under `task`."""

    kind: str = "small"
    """Of the quality network: small, resnet18 or resnet50."""
    with_facts: bool = True
    """Whether it is told more of two masks than how they look."""
    device: str = "cpu"
    """Where rollouts are made."""
    weights: dict[str, str] = field(default_factory=dict)
    """Weights files that make them, by role (prompt, memory); else those that are shipped."""
    rollouts: RolloutConfig = field(default_factory=RolloutConfig)
    """How."""


class FusionTask:
    """Batches of judged pairs; the rollouts are made first, on volumes held out before."""

    registry_name = "quality"

    def __init__(self, config: TrainConfig) -> None:
        values = dict(config.task)
        how = task_settings(RolloutConfig, values.pop("rollouts", {}))
        settings = task_settings(FusionTaskConfig, {**values, "rollouts": how})
        pool = configured_pool(config, only_held_out=bool(config.held_out))
        engine = _engine(settings.device, settings.weights)
        folder = Path(config.cache) / "rollouts" / _key_of(engine)
        made = rollouts(pool, folder, how, lambda: engine)
        log.info("Rollouts without fusion: %s.", describe(made))
        self.batches = PairBatches(made, config.batch)
        self.configuration: dict[str, Any] = {"kind": settings.kind}
        if settings.with_facts:
            self.configuration["facts"] = FACTS
        self.network = QualityNetwork(**self.configuration)

    def losses(self, batch: PairBatch) -> Iterator[tuple[Tensor, dict[str, float | Tensor]]]:
        """Yield the loss of one batch."""
        batch = self._on_device(batch)
        logits = self._logits(batch)
        loss = functional.binary_cross_entropy_with_logits(logits, batch.target, reduction="none")
        right = ((logits > 0) == (batch.difference > 0)).float()
        total = batch.weight.sum()
        yield (
            (loss * batch.weight).sum() / total,
            {"accuracy": (right * batch.weight).sum() / total},
        )

    def pictures(self, batch: PairBatch) -> list[Picture]:
        """Return both masks of pairs, with what each is worth and what the network says."""
        preferred = self._logits(self._on_device(batch)).sigmoid().cpu()
        pictures = []
        for item in range(min(SHOWN, len(preferred))):
            image = batch.image[item, 0].numpy()
            masks = [(mask[item, 0] > 0.5).numpy() for mask in (batch.mask_a, batch.mask_b)]
            gap, sure = float(batch.difference[item]), float(preferred[item])
            captions = (f"A: Dice {gap:+.2f} to B", f"B; p(A better) {sure:.2f}")
            pictures.append(
                [
                    Tile(image, None, mask, (), caption)
                    for mask, caption in zip(masks, captions, strict=True)
                ]
            )
        return pictures

    def _logits(self, batch: PairBatch) -> Tensor:
        """Return logits that A is better, as fusion decides: both orders against each other."""
        image, a, b = batch.image, batch.mask_a, batch.mask_b
        one = self.network.preference_logit(image, a, b, batch.facts)
        other = self.network.preference_logit(image, b, a, batch.swapped)
        return (one - other).float()

    def _on_device(self, batch: PairBatch) -> PairBatch:
        device = next(self.network.parameters()).device
        return PairBatch(*(tensor.to(device, non_blocking=True) for tensor in batch))


def _engine(device: str, weights: dict[str, str]) -> Networks:
    """Prompt and propagation networks; the judge is what is being trained."""
    return Engine("light", device=device, weights=weights, with_fusion=False)


def _key_of(engine: Networks) -> str:
    """Names a folder by the weights: other networks make other rollouts."""
    named = " ".join(f"{role} {sha}" for role, sha in sorted(engine.info.weights.items()))
    return hashlib.sha256(named.encode()).hexdigest()[:16]
