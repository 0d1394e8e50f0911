"""Losses on mask logits: one number an item, so that a task can weight and average them.

Shapes: N items, (H, W) = rows and columns. A target is a probability in [0, 1], or -1: ignored.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

IGNORED = -1.0
_EPSILON = 1e-12


def normalized_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    gamma: float = 2.0,
    cap: float | None = None,
    constant_scale: bool = True,
) -> Tensor:
    """Return the focal loss whose weights are scaled to average one over an item.

    Args:
        logits: (N, 1, H, W).
        target: (N, 1, H, W), may be soft; a pixel is positive above 0.5.
        alpha: Weight of positive pixels; the others weigh 1 - alpha.
        gamma: Power of the error that weights a pixel.
        cap: Largest scaled weight of a pixel; None is no limit.
        constant_scale: Keep the gradient from flowing through the scale.

    Returns:
        (N,), an easy item weighs as much as a hard one; 0 where every pixel is ignored.

    Source: RITM (Sofiiuk et al., 2022), after "AdaptIS" (2019), section 3.3.
    """
    logits, target = logits.flatten(1).float(), target.flatten(1).float()
    used = target != IGNORED
    count = used.sum(dim=1, keepdim=True)
    error = (target - logits.sigmoid()).abs().masked_fill(~used, 0.0)
    weight = error**gamma
    scale = count / (weight.sum(dim=1, keepdim=True) + _EPSILON)
    weight = weight * (scale.detach() if constant_scale else scale)
    if cap is not None:
        weight = weight.clamp(max=cap)
    side = torch.where(target > 0.5, alpha, 1.0 - alpha) * used
    fit = (1.0 - error + _EPSILON).clamp(max=1.0)
    return -(side * weight * fit.log()).sum(dim=1) / (count[:, 0] + _EPSILON)


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean sigmoid cross-entropy over all pixels of an item; ignored ones count as 0.

    Args:
        logits: (N, 1, H, W).
        target: (N, 1, H, W), may be soft.

    Returns:
        (N,).
    """
    logits, target = logits.flatten(1).float(), target.flatten(1).float()
    used = target != IGNORED
    loss = functional.binary_cross_entropy_with_logits(
        logits, target.masked_fill(~used, 0.0), reduction="none"
    )
    return (loss * used).mean(dim=1)


def dice_loss(logits: Tensor, target: Tensor, smoothing: float = 1.0) -> Tensor:
    """Return one minus the soft Dice of the pixels that are not ignored.

    Args:
        logits: (N, 1, H, W).
        target: (N, 1, H, W), may be soft.
        smoothing: Pixels added to both parts of the quotient, so that an empty pair fits perfectly.

    Returns:
        (N,), in [0, 1].
    """
    logits, target = logits.flatten(1).float(), target.flatten(1).float()
    used = target != IGNORED
    probability = logits.sigmoid() * used
    target = target.masked_fill(~used, 0.0)
    overlap = 2.0 * (probability * target).sum(dim=1) + smoothing
    return 1.0 - overlap / (probability.sum(dim=1) + target.sum(dim=1) + smoothing)
