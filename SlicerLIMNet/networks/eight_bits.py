"""Weights in eight bits: half the size of float16 on disk, the same masks to the third digit.

Every output channel of a large tensor has a step of its own; the values are whole steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SUFFIX = ".step"
"""Of the tensor of steps beside a tensor of whole numbers."""
_LARGEST = 127
_LEAST_NUMBERS = 1024
"""Of a tensor that is worth it; smaller ones, biases and norms among them, stay as they are."""


def in_eight_bits(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with the large ones as int8, and their steps beside them.

    Args:
        tensors: By name; (outputs, ...) where they are matrices or convolutions.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() > _LEAST_NUMBERS):
            stored[name] = tensor
            continue
        rows = tensor.float().flatten(1)
        step = rows.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / _LARGEST
        stored[name] = (rows / step[:, None]).round().to(torch.int8).reshape(tensor.shape)
        stored[name + SUFFIX] = step
    return stored


def from_eight_bits(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what `in_eight_bits` was given, as near as eight bits come; others as they are."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        step = stored.get(name + SUFFIX)
        if step is not None and step.shape == tensor.shape[:1]:
            tensor = tensor.float() * step.float().reshape(-1, *[1] * (tensor.ndim - 1))
        if not name.endswith(SUFFIX):
            tensors[name] = tensor
    return tensors
