"""The quality network of fusion: which of two masks of a slice fits it better.

Shapes: B slices, F features, (H, W) = rows and columns of the crop around both masks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.light_layers import ConvNorm, ResidualBlock
from SlicerLIMNet.networks.resnet_trunks import resnet_trunk

KINDS = ("small", "resnet18", "resnet50")

GREY_MEAN, GREY_DEVIATION = 0.45, 0.225
MASK_MEAN, MASK_DEVIATION = 0.5, 0.25


class QualityNetwork(nn.Module):
    """Judge which of two masks of a slice fits it better; their order cannot matter."""

    def __init__(self, kind: str = "small", channels: int = 1, facts: int = 0) -> None:
        """Build a network with new weights.

        Args:
            kind: `small` (under 0.7M parameters), `resnet18` or `resnet50`.
            channels: Of the image: 1 (grey) or 3 (colour).
            facts: Numbers that it is told of a pair besides, see `pair_facts`; 0 for none.

        Raises:
            ConfigError: The kind or the number of channels is unknown.
        """
        super().__init__()
        if kind not in KINDS or channels not in (1, 3):
            raise ConfigError(
                f"A quality network is one of {', '.join(KINDS)} with 1 or 3 image channels, "
                f"not {kind!r} with {channels}."
            )
        self.channels = channels
        self.trunk, features = _trunk(kind, channels + 2)
        self.facts = facts
        self.mix = _mixing_layers(features + facts) if facts else None
        self.head = nn.Linear(_MIXED if facts else features, 1)
        nn.init.zeros_(self.head.weight)  # starts undecided
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        image: Tensor,
        mask_a: Tensor,
        mask_b: Tensor,
        facts: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Return the probability that A is better than B.

        Args:
            image: (B, 1 or 3, H, W), 0..1.
            mask_a: (B, 1, H, W), binary.
            mask_b: (B, 1, H, W), likewise.
            facts: (B, facts) of A beside B, and of B beside A; nothing is known without them.

        Returns:
            (B,), in (0, 1): p(A, B) = 1 - p(B, A), and 0.5 where the masks are equal.

        Source: LIM-Net (2024), multi-round fusion. Differs: asked in both orders and averaged.
        """
        batch = len(image)
        logits = self.preference_logit(
            torch.cat([image, image]),
            torch.cat([mask_a, mask_b]),
            torch.cat([mask_b, mask_a]),
            None if facts is None else torch.cat(facts),
        )
        first, second = logits[:batch].sigmoid(), logits[batch:].sigmoid()
        return 0.5 * (1.0 + first - second)

    def preference_logit(
        self, image: Tensor, mask_a: Tensor, mask_b: Tensor, facts: Tensor | None = None
    ) -> Tensor:
        """Return (B,) logits that A is better than B, asked in this order only."""
        grey = (image - GREY_MEAN) / GREY_DEVIATION
        masks = (torch.cat([mask_a, mask_b], dim=1).to(image.dtype) - MASK_MEAN) / MASK_DEVIATION
        features = self.trunk(torch.cat([grey, masks], dim=1))
        if self.mix is not None:
            if facts is None:
                facts = features.new_zeros(len(features), self.facts)
            features = self.mix(torch.cat([features, facts.to(features.dtype)], dim=1))
        return self.head(features).squeeze(1)


_MIXED = 64


def _mixing_layers(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, _MIXED), nn.ReLU(), nn.Linear(_MIXED, _MIXED), nn.ReLU())


def _trunk(kind: str, inputs: int) -> tuple[nn.Module, int]:
    """Return a trunk (B, inputs, H, W) to (B, F), and F."""
    return _small_trunk(inputs) if kind == "small" else resnet_trunk(kind, inputs)


def _small_trunk(inputs: int) -> tuple[nn.Module, int]:
    features = 128
    trunk = nn.Sequential(
        ConvNorm(inputs, 32, stride=2),
        ConvNorm(32, 32, stride=2),
        ResidualBlock(32),
        ConvNorm(32, 64, stride=2),
        ResidualBlock(64),
        ConvNorm(64, 96, stride=2),
        ResidualBlock(96),
        ConvNorm(96, features, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return trunk, features
