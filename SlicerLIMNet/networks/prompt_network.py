"""RITM: image, clicks and previous mask to mask logits (HRNet + OCR with a click branch).

Shapes: N images, (H, W) = rows and columns, (h, w) = a quarter of them, K clicks of each sign,
C = 15 times the backbone's width, k = context width.

Source: Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for Interactive
Segmentation" (2022); object context from Yuan et al., "Object-Contextual Representations" (2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.click_maps import disk_maps
from SlicerLIMNet.networks.hrnet import STEM_CHANNELS, HighResolutionNet, HrnetConfig, resize
from SlicerLIMNet.networks.prompt_interface import PromptOutput

PRETRAINED_RATE_FACTOR = 0.1
"""Learning rate of backbone and heads, relative to the parts that no ImageNet file provides."""


@dataclass(frozen=True)
class RitmConfig:
    """Size of the network."""

    backbone: HrnetConfig
    context_width: int
    """k, half the channels of the pixel features."""
    click_radius: float = 5.0
    """Radius in pixels of the disks that clicks are drawn as."""


RITM_SIZES = {
    "h18s": RitmConfig(HrnetConfig(18, bottlenecks=2, modules=(1, 3, 2), blocks=2), 48),
    "h18": RitmConfig(HrnetConfig(18, bottlenecks=4, modules=(1, 4, 3), blocks=4), 64),
    "h32": RitmConfig(HrnetConfig(32, bottlenecks=4, modules=(1, 4, 3), blocks=4), 128),
}
"""The published sizes: 4.2, 10.0 and 31.0 million parameters."""


class RitmNetwork(nn.Module):
    """The prompt network of the preset `paper`.

    In training mode a batch needs at least two images: the context normalises one value of each.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, size: str) -> None:
        """Build the network with random weights.

        Args:
            size: A key of `RITM_SIZES`.

        Raises:
            ConfigError: There is no such size.
        """
        super().__init__()
        if size not in RITM_SIZES:
            raise ConfigError(f"RITM has no size {size!r}; use one of {', '.join(RITM_SIZES)}")
        config = RITM_SIZES[size]
        self.click_radius = config.click_radius
        self.click_branch = _click_branch()
        self.backbone = HighResolutionNet(config.backbone)
        channels, pixel_channels = self.backbone.channels, 2 * config.context_width
        self.pixel_features = nn.Sequential(
            nn.Conv2d(channels, pixel_channels, 3, padding=1),
            nn.BatchNorm2d(pixel_channels),
            nn.ReLU(),
        )
        self.context = _ObjectContext(config.context_width)
        self.fusion = nn.Sequential(
            *_projection(2 * pixel_channels, pixel_channels), nn.Dropout2d(0.05)
        )
        self.main_head = nn.Conv2d(pixel_channels, 1, 1)
        self.auxiliary_head = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 1, 1),
        )
        for name, value in (("mean", (0.485, 0.456, 0.406)), ("deviation", (0.229, 0.224, 0.225))):
            self.register_buffer(name, torch.tensor(value).view(3, 1, 1), persistent=False)
        self.apply(_initialize)

    def forward(self, image: Tensor, points: Tensor) -> PromptOutput:
        """Segment the object that was clicked.

        Args:
            image: (N, 4, H, W): red, green, blue and the previous mask as probabilities, all 0..1;
                any size.
            points: (N, 2K, 3): positive, then negative clicks (row, column, order), -1 if unused.

        Returns:
            Logits (N, 1, H, W); those of the auxiliary head only in training mode.
        """
        rows_cols = (image.shape[2], image.shape[3])
        colours, previous = image[:, :3], image[:, 3:]
        click_maps = disk_maps(points, rows_cols, self.click_radius).to(image.dtype)
        clicks = self.click_branch(torch.cat([previous, click_maps], dim=1))
        features = self.backbone((colours - self.mean) / self.deviation, clicks)  # (N, C, h, w)
        auxiliary = self.auxiliary_head(features)  # (N, 1, h, w)
        pixels = self.pixel_features(features)  # (N, 2k, h, w)
        context = self.context(pixels, auxiliary).expand_as(pixels)
        logits = self.main_head(self.fusion(torch.cat([context, pixels], dim=1)))
        return PromptOutput(
            resize(logits, rows_cols), resize(auxiliary, rows_cols) if self.training else None
        )

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Return groups for an optimiser; backbone and heads learn ten times slower."""
        slow = [self.backbone, self.main_head, self.auxiliary_head]
        fast = [self.click_branch, self.pixel_features, self.context, self.fusion]
        return [
            {"params": [p for part in parts for p in part.parameters()], "lr": learning_rate * f}
            for parts, f in ((slow, PRETRAINED_RATE_FACTOR), (fast, 1.0))
        ]


class _ObjectContext(nn.Module):
    """Describe the object by one vector, the mean of its pixels.

    The source attends from every pixel to all regions. With a single region every attention weight
    is one, so `f_pixel` and `f_object`, which yield these weights, cannot change the result: they
    are held for the files that contain them and never run.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.f_pixel = _attention_layers(width)
        self.f_object = _attention_layers(width)
        self.f_down = _projection(2 * width, width)
        self.f_up = _projection(width, 2 * width)

    def forward(self, pixels: Tensor, logits: Tensor) -> Tensor:
        """Return the context that all pixels share.

        Args:
            pixels: (N, 2k, h, w).
            logits: (N, 1, h, w), how much every pixel belongs to the object.

        Returns:
            (N, 2k, 1, 1).
        """
        weights = logits.flatten(2).softmax(dim=2)  # (N, 1, hw), over all pixels
        vector = pixels.flatten(2) @ weights.transpose(1, 2)  # (N, 2k, 1)
        return self.f_up(self.f_down(vector.unsqueeze(3)))


class _AbsoluteScale(nn.Module):
    """Multiply by the absolute value of one learned number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1,), value))

    def forward(self, features: Tensor) -> Tensor:
        return features * self.scale.abs()


def _click_branch() -> nn.Sequential:
    """Previous mask, positive and negative clicks (N, 3, H, W) -> (N, 64, H/2, W/2)."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, STEM_CHANNELS, 3, stride=2, padding=1),
        _AbsoluteScale(0.05),
    )


def _attention_layers(width: int) -> nn.Sequential:
    return nn.Sequential(*_projection(2 * width, width), *_projection(width, width))


def _projection(channels_in: int, channels_out: int) -> nn.Sequential:
    """Return a 1x1 convolution, and its norm one level deeper, as the files have it."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
        nn.Sequential(nn.BatchNorm2d(channels_out), nn.ReLU()),
    )


def _initialize(module: nn.Module) -> None:
    """Draw convolutions with the deviation sqrt(2 / mean of fan-in and fan-out); biases are 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight, gain=math.sqrt(2.0))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
