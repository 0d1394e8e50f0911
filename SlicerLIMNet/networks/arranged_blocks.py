"""Blocks of the light networks arranged for work: same results, fewer and larger steps."""

from __future__ import annotations

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


def _linear(convolution: nn.Module) -> nn.Linear:
    assert isinstance(convolution, nn.Conv2d)
    outputs, inputs = convolution.weight.shape[:2]
    layer = nn.Linear(inputs, outputs)
    assert convolution.bias is not None
    layer.weight = nn.Parameter(convolution.weight.detach().flatten(1), requires_grad=False)
    layer.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
    return layer


class _Residual(nn.Module):
    """`ResidualBlock`: the sum and the rectifier are part of the second convolution."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.first = _of_norm(block.first, relu=True)
        self.second = _of_norm(block.second, relu=True)

    def forward(self, features: Tensor) -> Tensor:
        return self.second.plus(self.first(features), features)


class _Context(nn.Module):
    """`GlobalContext`: convolutions of one position are matrix products."""

    def __init__(self, block: GlobalContext) -> None:
        super().__init__()
        self.reduce, self.expand = _linear(block.mix[0]), _linear(block.mix[2])

    def forward(self, features: Tensor) -> Tensor:
        mixed = self.expand(self.reduce(features.mean(dim=(2, 3))).relu_())
        return (features + mixed[..., None, None]).relu_()
