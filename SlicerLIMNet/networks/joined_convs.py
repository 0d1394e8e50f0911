"""Convolutions taken apart and put together: fewer, larger ones that give the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from SlicerLIMNet.networks.packed_conv import PackedConv


def split_inputs(convolution: nn.Conv2d, *channels: int) -> tuple[Tensor, ...]:
    """Return the weights (outputs, c, 1, 1) of each group of input channels."""
    return torch.split(convolution.weight.detach(), list(channels), dim=1)


def after(first: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return a 1x1 convolution that does what `first` and then `weight` and `bias` do."""
    assert first.bias is not None
    assert bias is not None
    inner, outer = first.weight.detach().flatten(1), weight.flatten(1)
    layer = nn.Conv2d(inner.shape[1], len(outer), 1)
    layer.weight.data = (outer @ inner)[..., None, None]
    layer.bias.data = outer @ first.bias.detach() + bias.detach()  # type: ignore[union-attr]
    return layer


def side_by_side(*layers: nn.Conv2d) -> PackedConv:
    """Return 1x1 convolutions of one input as one, their results behind each other."""
    biases = [layer.bias for layer in layers if layer.bias is not None]
    weight = torch.cat([layer.weight.detach() for layer in layers])
    return PackedConv(weight, torch.cat(biases), layers[0], relu=False)


def joined(*layers: nn.Conv2d, relu: bool = False) -> PackedConv:
    """Return the sum of 1x1 convolutions, rectified or not, as one of their joined inputs."""
    weight = torch.cat([layer.weight.detach() for layer in layers], dim=1)
    bias = sum(layer.bias for layer in layers if layer.bias is not None)
    assert isinstance(bias, Tensor)
    return PackedConv(weight, bias, layers[0], relu)


def without_bias(weight: Tensor, relu: bool) -> PackedConv:
    """Return a 1x1 convolution without bias."""
    return PackedConv(weight, None, nn.Conv2d(1, 1, 1), relu)


def of_neighbours(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return a 3x3 convolution of one channel as a 1x1 one of the nine around each position."""
    assert convolution.bias is not None
    layer = nn.Conv2d(9, convolution.out_channels, 1)
    layer.weight.data = convolution.weight.detach().flatten(1)[..., None, None]
    layer.bias.data = convolution.bias.detach()  # type: ignore[union-attr]
    return layer


def of_grey(convolution: PackedConv, colours: int) -> PackedConv:
    """Return a convolution for one channel in place of the first ones, which were equal."""
    weight = convolution.weight
    grey = weight[:, :colours].sum(dim=1, keepdim=True)
    return convolution.like(torch.cat([grey, weight[:, colours:]], dim=1))
