"""Blocks of the light networks arranged for work: same results, fewer and larger steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from SlicerLIMNet.networks.light_layers import GlobalContext, ResidualBlock
from SlicerLIMNet.networks.packed_conv import PackedConv


def arranged_block(block: nn.Module) -> nn.Module:
    """Return a block of light layers with its norms folded, sums and rectifiers joined in."""
    if isinstance(block, ResidualBlock):
        return _Residual(block)
    if isinstance(block, GlobalContext):
        return _Context(block)
    if isinstance(block, nn.Sequential) and not isinstance(block[0], nn.Conv2d):
        return nn.Sequential(*(arranged_block(layer) for layer in block))
    assert isinstance(block, nn.Sequential)
    return _of_norm(block, relu=len(block) == 3)


def _of_norm(layers: nn.Sequential, relu: bool) -> PackedConv:
    convolution, norm = layers[0], layers[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return PackedConv.of(convolution, norm, relu)


class Float32Linear(nn.Linear):
    """A linear layer of a few rows that stays in float32: (B, inputs) to (B, outputs), float32.

    In bfloat16 a CPU brings the weights into another order at every call: ten times as long.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Take weights (outputs, inputs) and biases."""
        super().__init__(weight.shape[1], len(weight))
        assert bias is not None
        self.weight = nn.Parameter(weight.detach().float().clone(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach().float().clone(), requires_grad=False)

    @classmethod
    def of(cls, layer: nn.Module) -> Float32Linear:
        """Return a linear layer, or a 1x1 convolution of one position, as one that stays."""
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        return cls(layer.weight.detach().flatten(1), layer.bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Return what the layer makes of rows in any precision."""
        return super().forward(rows.float())

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Float32Linear:
        """Go to another device; another precision leaves the weights as they are."""

        def moved(weights: Tensor) -> Tensor:
            return weights.to(fn(weights.new_empty(0)).device)

        super()._apply(moved, recurse)  # type: ignore[no-untyped-call]
        return self


class _Residual(nn.Module):
    """`ResidualBlock`: the sum and the rectifier are part of the second convolution.

    What it is given is used up.
    """

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.first = _of_norm(block.first, relu=True)
        self.second = _of_norm(block.second, relu=True)

    def forward(self, features: Tensor) -> Tensor:
        return self.second.onto(self.first(features), features)


class _Context(nn.Module):
    """`GlobalContext`: convolutions of one position are linear layers."""

    def __init__(self, block: GlobalContext) -> None:
        super().__init__()
        self.reduce = Float32Linear.of(block.mix[0])
        self.expand = Float32Linear.of(block.mix[2])

    def forward(self, features: Tensor) -> Tensor:
        mean = features.mean(dim=(2, 3), dtype=torch.float32)
        mixed = self.expand(self.reduce(mean).relu_()).to(features.dtype)
        return (features + mixed[..., None, None]).relu_()
