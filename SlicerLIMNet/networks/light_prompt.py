"""The prompt network of the `light` preset: RITM's inputs, a compact encoder-decoder.

RITM = Sofiiuk et al., "Reviving Iterative Training with Mask Guidance", 2021. Ours differs in the
backbone (few wide layers from stride 2 on instead of HRNet) and has two more input maps: how
similar each pixel's intensity is to that under the positive, and the negative, clicks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from SlicerLIMNet.networks.light_layers import ConvNorm, GlobalContext, ResidualBlock, UpBlock

CLICK_RADIUS = 3.0  # pixels of the network's input
SIMILARITY_WIDTHS = (0.04, 0.15)  # of the window: near twin, same tissue
GUIDE_CHANNELS = 5
"""Grey images and probabilities of two other slices, and how near the second one is."""


@dataclass(frozen=True)
class PromptWidths:
    """Channels of the stages."""

    stem: int = 32
    """At half the size."""
    stages: tuple[int, int, int, int] = (64, 128, 192, 192)
    """At strides 4, 8, 16 and 32."""
    eighth: int = 80
    """Of the decoder at stride 8."""
    half: int = 24
    """Of the decoder at half the size."""


class LightPromptNetwork(nn.Module):
    """Image, previous mask and clicks to the logits of a mask.

    Shapes: B crops of (H, W) pixels, multiples of 32; K clicks of each sign, void where both
    coordinates are negative.
    """

    def __init__(
        self,
        widths: PromptWidths | Mapping[str, Any] | None = None,
        with_guides: bool = False,
    ) -> None:
        """Build it.

        Args:
            widths: Channels; those that a mapping leaves out have their default.
            with_guides: Whether it is shown other slices of the object.
        """
        super().__init__()
        self.guide_channels = GUIDE_CHANNELS if with_guides else 0
        width = widths if isinstance(widths, PromptWidths) else PromptWidths(**(widths or {}))
        one, two, three, four = width.stages
        maps = 2 + 2 * len(SIMILARITY_WIDTHS)
        self.stem = ConvNorm(3 + 1 + maps + self.guide_channels, width.stem, stride=2)
        self.stage4 = nn.Sequential(ConvNorm(width.stem, one, stride=2), ResidualBlock(one))
        self.stage8 = nn.Sequential(
            ConvNorm(one, two, stride=2), ResidualBlock(two), ResidualBlock(two)
        )
        self.stage16 = nn.Sequential(
            ConvNorm(two, three, stride=2), ResidualBlock(three), ResidualBlock(three)
        )
        self.stage32 = nn.Sequential(
            ConvNorm(three, four, stride=2), ResidualBlock(four), GlobalContext(four)
        )
        self.up16 = UpBlock(four, three, two)
        self.up8 = UpBlock(two, two, width.eighth)
        self.up4 = UpBlock(width.eighth, one, one)
        self.up2 = UpBlock(one, width.stem, width.half)
        self.head = nn.Conv2d(width.half, 4, 3, padding=1)

    def forward(self, image_and_previous: Tensor, points: Tensor) -> Tensor:
        """Return the mask's logits, (B, 1, H, W).

        Args:
            image_and_previous: (B, 4 + G, H, W): three colour channels in 0..1 (a grey slice three
                times), the probabilities of the previous mask, then the guides: G is
                `guide_channels`, or 0 where there are none.
            points: (B, 2K, 3): row, column, order; the first K rows are positive clicks.
        """
        image = image_and_previous[:, :3]
        maps = click_maps(image, points).to(image.dtype)
        seen = [image_and_previous[:, :4] * 2 - 0.5, maps]
        if self.guide_channels:
            seen.append(self._guides(image_and_previous))
        half = self.stem(torch.cat(seen, dim=1))
        quarter = self.stage4(half)
        eighth = self.stage8(quarter)
        sixteenth = self.stage16(eighth)
        deep = self.up16(self.stage32(sixteenth), sixteenth)
        fine = self.up2(self.up4(self.up8(deep, eighth), quarter), half)
        return functional.pixel_shuffle(self.head(fine), 2)

    def _guides(self, given: Tensor) -> Tensor:
        """Return the channels of the guides, 0 where none are given."""
        if given.shape[1] > 4:
            return given[:, 4:]
        batch, _, height, width = given.shape
        return given.new_zeros(batch, self.guide_channels, height, width)


def click_maps(image: Tensor, points: Tensor) -> Tensor:
    """Draw the clicks: soft disks, and intensity similarity to the clicked pixels.

    Args:
        image: (B, 3, H, W) in 0..1.
        points: (B, 2K, 3): row, column, order; void where both coordinates are negative.

    Returns:
        (B, 2 + 2 * len(SIMILARITY_WIDTHS), H, W) in 0..1, zero where no click has that sign.
    """
    maps = []
    for clicks in points.chunk(2, dim=1):
        disks, similarities = _maps_of_sign(image, clicks)
        maps.append(torch.cat([disks[:, None], similarities], dim=1))
    return torch.cat(maps, dim=1)


def _maps_of_sign(image: Tensor, clicks: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the clicks of one sign: disks (B, H, W) and similarities (B, S, H, W)."""
    height, width = image.shape[-2:]
    valid = clicks[..., :2].amax(dim=2) >= 0
    if not valid.any():
        nothing = torch.zeros(len(image), height, width, device=image.device)
        return nothing, nothing[:, None].expand(-1, len(SIMILARITY_WIDTHS), -1, -1)
    rows = torch.arange(height, device=image.device)[None, :, None]
    columns = torch.arange(width, device=image.device)[None, None, :]
    distance = torch.full((len(image), height, width), 1e6, device=image.device)  # beyond float16
    gap = torch.full_like(distance, 10.0)
    for k in torch.nonzero(valid.any(dim=0)).flatten().tolist():
        has: Tensor | slice = slice(None)
        if not bool(valid[:, k].all()):  # in training few items use the later slots
            has = torch.nonzero(valid[:, k]).flatten()
        click, seen = clicks[has, k], image[has]
        squared = (rows - click[:, 0, None, None]) ** 2 + (columns - click[:, 1, None, None]) ** 2
        distance[has] = torch.minimum(distance[has], squared)
        apart = (seen - _colour_at(seen, click)).abs_().sum(dim=1) / image.shape[1]
        gap[has] = torch.minimum(gap[has], apart)
    disks = (CLICK_RADIUS + 1 - distance.sqrt()).clamp(0, 1)
    similarities = [torch.exp(-((gap / sigma) ** 2)) for sigma in SIMILARITY_WIDTHS]
    return disks, torch.stack(similarities, dim=1)


def _colour_at(image: Tensor, clicks: Tensor) -> Tensor:
    """Mean of the 3x3 pixels around a click of each item: (B, 3, H, W), (B, 3) to (B, 3, 1, 1)."""
    height, width = image.shape[-2:]
    around = torch.arange(-1, 2, device=image.device)
    rows = (clicks[:, 0].round().long()[:, None] + around).clamp(0, height - 1)
    columns = (clicks[:, 1].round().long()[:, None] + around).clamp(0, width - 1)
    index = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
    pixels = image.flatten(2).gather(2, index[:, None].expand(-1, image.shape[1], -1))
    return pixels.mean(dim=2)[..., None, None]
