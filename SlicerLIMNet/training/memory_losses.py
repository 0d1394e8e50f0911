"""Losses of the propagation network: cross-entropy on the worst pixels, and Dice.

Source: XMem (Cheng and Schwing 2022), section 3.6, after MiVOS.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

BOOTSTRAP_START = 20_000
BOOTSTRAP_END = 70_000
SMALLEST_SHARE = 0.15


def bootstrap_share(
    iteration: int, start: int = BOOTSTRAP_START, end: int = BOOTSTRAP_END
) -> float:
    """Return the share of pixels that count: 1 until `start`, falling to 0.15 at `end`."""
    progress = min(1.0, max(0.0, (iteration - start) / (end - start)))
    return 1.0 - (1.0 - SMALLEST_SHARE) * progress


def bootstrapped_cross_entropy(logits: Tensor, labels: Tensor, share: float) -> Tensor:
    """Return the mean cross-entropy of the pixels that are worst, a scalar.

    Args:
        logits: (B, 1 + O, H, W), aggregated, background first.
        labels: (B, H, W), 0..O, long.
        share: Of the pixels of every sample that count, in (0, 1].
    """
    losses = functional.cross_entropy(logits, labels, reduction="none").flatten(1)
    if share < 1.0:
        losses = losses.topk(int(share * losses.shape[1]), dim=1).values
    return losses.mean()


def soft_dice_loss(probability: Tensor, labels: Tensor) -> Tensor:
    """Return 1 - Dice, smoothed by one pixel, averaged over samples and objects: a scalar.

    Args:
        probability: (B, O, H, W), aggregated, without background.
        labels: (B, H, W), 0..O, long.
    """
    truth = functional.one_hot(labels, probability.shape[1] + 1).movedim(-1, 1)[:, 1:].flatten(2)
    probability = probability.flatten(2)
    overlap = (probability * truth).sum(dim=2)
    total = probability.sum(dim=2) + truth.sum(dim=2)
    return (1.0 - (2.0 * overlap + 1.0) / (total + 1.0)).mean()
