"""Training of the quality network on pairs of masks from rollouts.

Source: LIM-Net (2024), multi-round fusion; labels, loss and shares are decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from SlicerLIMNet.imaging.crops import JudgeCropConfig
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.session.engine import Engine
from SlicerLIMNet.training.config import TrainConfig, task_settings
from SlicerLIMNet.training.fusion_data import JudgedPair, PairSampler
from SlicerLIMNet.training.pool import load_pool
from SlicerLIMNet.training.rollouts import RolloutConfig, describe, rollouts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FusionTaskConfig:
    """Settings under `task`."""

    kind: str = "small"
    """Of the quality network: small, resnet18 or resnet50."""
    device: str = "cpu"
    """Where rollouts are made."""
    rollouts: RolloutConfig = field(default_factory=RolloutConfig)
    """How."""


class FusionTask:
    """Batches of judged pairs; the rollouts are made first, on volumes held out before."""

    registry_name = "quality"

    def __init__(self, config: TrainConfig) -> None:
        values = dict(config.task)
        how = task_settings(RolloutConfig, values.pop("rollouts", {}))
        settings = task_settings(FusionTaskConfig, {**values, "rollouts": how})
        self._batch = config.batch
        pool = load_pool(
            Path(config.volumes),
            None,
            Path(config.cache),
            held_out=config.held_out,
            only_held_out=bool(config.held_out),
        )
        folder = Path(config.cache) / "rollouts"
        self._rollouts = rollouts(pool, folder, how, lambda: _engine(settings.device))
        log.info("Rollouts without fusion: %s.", describe(self._rollouts))
        self.configuration: dict[str, Any] = {"kind": settings.kind}
        self.network = QualityNetwork(**self.configuration)
        self.start(config.seed)

    def start(self, seed: int) -> None:
        """Begin the stream of pairs at a seed."""
        self._sampler = PairSampler(self._rollouts, JudgeCropConfig(), seed)

    def losses(self) -> Iterator[tuple[Tensor, dict[str, float]]]:
        """Yield the loss of one batch."""
        pairs = [self._sampler.draw() for _ in range(self._batch)]
        logits = self.network.preference_logit(*_tensors(pairs)).float()
        target = torch.tensor([pair.target for pair in pairs])
        weight = torch.tensor([pair.weight for pair in pairs])
        loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        difference = torch.tensor([pair.difference for pair in pairs])
        right = ((logits > 0) == (difference > 0)).float()
        yield (
            (loss * weight).sum() / weight.sum(),
            {"accuracy": float((right * weight).sum() / weight.sum())},
        )


def _engine(device: str) -> Engine:
    """The shipped prompt and propagation networks; the judge is what is being trained."""
    return Engine("light", device=device, with_fusion=False)


def _tensors(pairs: list[JudgedPair]) -> tuple[Tensor, Tensor, Tensor]:
    """Return image, mask A and mask B, (B, 1, size, size) each."""
    stacked = [
        np.stack([np.asarray(pair.crop[k], np.float32)[None] for pair in pairs]) for k in range(3)
    ]
    image, mask_a, mask_b = (torch.from_numpy(array) for array in stacked)
    return image, mask_a, mask_b
