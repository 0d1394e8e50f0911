"""Blocks that the light prompt and memory networks share: few, wide convolutions.

Channels are multiples of 32 and the work starts at a quarter of the size: many small layers waste
any machine, laptop CPUs most of all.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm and (unless told otherwise) ReLU.

    Shapes: (B, inputs, H, W) to (B, outputs, H / stride, W / stride).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, relu: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity: (B, channels, H, W) in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels)
        self.second = ConvNorm(channels, channels, relu=False)
        norm = self.second[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.constant_(norm.weight, 0.2)  # starts near the identity

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's output, rectified."""
        return functional.relu(features + self.second(self.first(features)))


class GlobalContext(nn.Module):
    """Add what the whole field of view looks like to every position.

    Shapes: (B, channels, H, W) in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(channels, channels // 2, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels // 2, channels, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features plus a transform of their mean, rectified."""
        return functional.relu(features + self.mix(features.mean(dim=(2, 3), keepdim=True)))


class UpBlock(nn.Module):
    """Upsample by two, add the projected skip, and mix: a step of a decoder.

    Shapes: deep (B, inputs, H, W) and skip (B, skips, 2H, 2W) to (B, outputs, 2H, 2W).
    """

    def __init__(self, inputs: int, skips: int, outputs: int) -> None:
        super().__init__()
        self.deep = nn.Conv2d(inputs, outputs, 1)
        self.skip = ConvNorm(skips, outputs, 1, relu=False)
        self.mix = ConvNorm(outputs, outputs)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return the mixed features at the skip's size."""
        upsampled = functional.interpolate(
            self.deep(deep), size=skip.shape[-2:], mode="bilinear", align_corners=False
        )
        return self.mix(functional.relu(upsampled + self.skip(skip)))
