"""Networks arranged for work: norms inside their convolutions, channels last. Same results.

Training and files keep the networks as they are; whatever runs them arranges a copy first.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from SlicerLIMNet.networks.arranged_blocks import arranged_block
from SlicerLIMNet.networks.light_layers import GlobalContext, ResidualBlock
from SlicerLIMNet.networks.packed_conv import PackedConv

Network = TypeVar("Network", bound=nn.Module)


def folded(network: Network) -> Network:
    """Return a copy in which every convolution holds the batch norm (and ReLU) that follows it.

    Norms are found behind a convolution in a `Sequential`, and as `bnN` beside `convN`.

    Args:
        network: In evaluation mode. One without convolutions is returned itself.
    """
    if not any(isinstance(module, nn.Conv2d) for module in network.modules()):
        return network
    network = copy.deepcopy(network)
    _fold(network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold(parent: nn.Module) -> None:
    for name, child in list(parent.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(parent, name, _with_norm_beside(parent, name, child))
        elif parent._modules[name] is child:  # no norm that a convolution has taken in
            parent._modules[name] = _folded_child(child)


def _with_norm_beside(parent: nn.Module, name: str, convolution: nn.Conv2d) -> PackedConv:
    beside = name.replace("conv", "bn")
    norm = getattr(parent, beside, None)
    if beside == name or not isinstance(norm, nn.BatchNorm2d):
        return PackedConv.of(convolution)
    setattr(parent, beside, nn.Identity())
    return PackedConv.of(convolution, norm)


def _folded_child(child: nn.Module) -> nn.Module:
    """Return what takes the place of a layer that is no convolution."""
    if isinstance(child, ResidualBlock | GlobalContext):
        return arranged_block(child)
    if not isinstance(child, nn.Sequential):
        _fold(child)
        return child
    _fold_sequence(child)
    return child[0] if len(child) == 1 else child


def _fold_sequence(sequence: nn.Sequential) -> None:
    """Fold the layers of a sequence; what they have taken in leaves it."""
    layers = list(sequence)
    kept: list[nn.Module] = []
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, nn.Conv2d):
            norm = _take_norm(layers)
            relu = bool(layers) and isinstance(layers[0], nn.ReLU)
            if relu:
                layers.pop(0)
            kept.append(PackedConv.of(layer, norm, relu))
        else:
            kept.append(_folded_child(layer))
    del sequence[:]
    sequence.extend(kept)


def _take_norm(layers: list[nn.Module]) -> nn.BatchNorm2d | None:
    """Take the norm that comes next, also from the head of a sequence inside the sequence."""
    if layers and isinstance(layers[0], nn.BatchNorm2d):
        norm = layers.pop(0)
        assert isinstance(norm, nn.BatchNorm2d)
        return norm
    if layers and isinstance(layers[0], nn.Sequential) and isinstance(layers[0][0], nn.BatchNorm2d):
        inner = list(layers.pop(0).children())
        layers[:0] = inner[1:]
        assert isinstance(inner[0], nn.BatchNorm2d)
        return inner[0]
    return None
