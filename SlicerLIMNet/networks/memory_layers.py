"""Layers that value encoder and decoder of XMem share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two rectified 3x3 convolutions around a shortcut, without norm: a to b channels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.downsample: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.downsample = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, b, H, W) for (B, a, H, W)."""
        return self.conv2(self.conv1(x.relu()).relu()) + self.downsample(x)


class SplitResidualBlock(nn.Module):
    """`ResidualBlock` over [image features; object features], with the image's share apart.

    Convolution over joined channels is the sum of two convolutions, and the first of them is the
    same for every object, round and direction: `image_share` is computed once a slice.
    """

    def __init__(self, image_channels: int, object_channels: int, out_channels: int) -> None:
        super().__init__()
        self.image = nn.Conv2d(image_channels, 2 * out_channels, 3, padding=1)
        self.conv1 = nn.Conv2d(object_channels, out_channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.downsample = nn.Conv2d(object_channels, out_channels, 3, padding=1, bias=False)

    def image_share(self, image: Tensor) -> Tensor:
        """Return the image's share of first convolution and shortcut, with their biases.

        Args:
            image: (B, C, h, w), not negative: it passes for its own rectified copy.

        Returns:
            (B, 2 b, h, w), the shortcut's share last.
        """
        return self.image(image)

    def forward(self, image_share: Tensor, objects: Tensor) -> Tensor:
        """Return (B, b, h, w) from the image's share and object features (B, C, h, w)."""
        inner, shortcut = image_share.chunk(2, dim=1)
        inner = self.conv2((inner + self.conv1(objects.relu())).relu())
        return inner + shortcut + self.downsample(objects)


class Attention(nn.Module):
    """Gate every channel, then every position: (B, C, h, w) in and out.

    Source: CBAM (Woo et al. 2018), no norm, with the spatial gate's bias as XMem has it.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.channel_reduce = nn.Linear(channels, channels // reduction)
        self.channel_expand = nn.Linear(channels // reduction, channels)
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated features."""
        gate = self._channel_gate(x.mean(dim=(2, 3))) + self._channel_gate(x.amax(dim=(2, 3)))
        x = x * gate.sigmoid()[:, :, None, None]
        pooled = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)
        return x * self.spatial(pooled).sigmoid()

    def _channel_gate(self, pooled: Tensor) -> Tensor:
        return self.channel_expand(self.channel_reduce(pooled).relu())


class Fuser(nn.Module):
    """Join image features and object features at stride 16."""

    def __init__(self, image_channels: int, object_channels: int, out_channels: int) -> None:
        super().__init__()
        self.block1 = SplitResidualBlock(image_channels, object_channels, out_channels)
        self.attention = Attention(out_channels)
        self.block2 = ResidualBlock(out_channels, out_channels)

    def forward(self, image_share: Tensor, objects: Tensor) -> Tensor:
        """Return (B, b, h, w); `image_share` as `block1.image_share` gives it."""
        joined = self.block1(image_share, objects)
        return self.block2(joined + self.attention(joined))


class UpsampleBlock(nn.Module):
    """Double the size of object features and add those of the image."""

    def __init__(self, skip_channels: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, in_channels, 3, padding=1)
        self.out_conv = ResidualBlock(in_channels, out_channels)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """Return (B, b, 2 H, 2 W) from `skip_conv`'s result and (B, a, H, W)."""
        return self.out_conv(skip + upsample(x, 2))


def upsample(x: Tensor, factor: int) -> Tensor:
    """Return x enlarged by a whole factor, bilinear without corner alignment."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def update_hidden(gates: Tensor, hidden: Tensor) -> Tensor:
    """Return the new sensory state.

    Args:
        gates: (B, 3 Ch, h, w): forget, update and new values.
        hidden: (B, Ch, h, w).

    Source: XMem. Not the textbook GRU: the new values do not see the forget gate.
    """
    forget, update, new = gates.chunk(3, dim=1)
    update = update.sigmoid()
    return forget.sigmoid() * hidden * (1.0 - update) + update * new.tanh()
