"""HRNet: a backbone that keeps a high resolution and exchanges it with lower ones again and again.

Shapes: N images, (H, W) = rows and columns of the input, w = channels of the highest resolution.
Branch b has w 2^b channels at 1 / (4 2^b) of the input size. Layers are named as in the published
weights files of HRNet, so that such a file fits without renaming inside the backbone.

Source: Wang et al., "Deep High-Resolution Representation Learning" (2020), version W-C (V2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from SlicerLIMNet.networks.resnet_blocks import BasicBlock, Bottleneck, make_stage

STEM_CHANNELS = 64


@dataclass(frozen=True)
class HrnetConfig:
    """Size of the backbone."""

    width: int
    """w, channels of the highest resolution."""
    bottlenecks: int
    """Bottleneck blocks of stage 1."""
    modules: tuple[int, int, int]
    """Exchange modules of stages 2, 3 and 4."""
    blocks: int
    """Basic blocks of a branch between two exchanges."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the four branches."""
        return tuple(self.width * 2**branch for branch in range(4))


def resize(features: Tensor, rows_cols: Sequence[int]) -> Tensor:
    """Return (N, C, H, W) features at another size, bilinear, corner pixels on corner pixels."""
    return functional.interpolate(
        features, size=list(rows_cols), mode="bilinear", align_corners=True
    )


class HighResolutionNet(nn.Module):
    """The backbone: image to features at a quarter of its size."""

    def __init__(self, config: HrnetConfig) -> None:
        super().__init__()
        wide = STEM_CHANNELS * Bottleneck.expansion
        first, second, third, fourth = config.channels
        self.channels = sum(config.channels)
        self.conv1 = _convolution(3, STEM_CHANNELS, stride=2)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.conv2 = _convolution(STEM_CHANNELS, STEM_CHANNELS, stride=2)
        self.bn2 = nn.BatchNorm2d(STEM_CHANNELS)
        self.layer1 = make_stage(
            Bottleneck, STEM_CHANNELS, STEM_CHANNELS, config.bottlenecks, stride=1
        )
        # The names of the files: a branch that lowers the resolution lies one level deeper.
        self.transition1 = nn.ModuleList(
            [_conv_norm_relu(wide, first), nn.Sequential(_conv_norm_relu(wide, second, stride=2))]
        )
        self.transition2 = nn.ModuleDict({"2": _lower(second, third)})
        self.transition3 = nn.ModuleDict({"3": _lower(third, fourth)})
        self.stage2 = _stage(config, branches=2)
        self.stage3 = _stage(config, branches=3)
        self.stage4 = _stage(config, branches=4)

    def forward(self, image: Tensor, clicks: Tensor) -> Tensor:
        """Compute the features of an image.

        Args:
            image: (N, 3, H, W), normalised.
            clicks: (N, 64, H/2, W/2), added between the two convolutions of the stem.

        Returns:
            (N, 15 w, H/4, W/4), all branches at the size of the first, highest resolution first.
        """
        features = functional.relu(self.bn1(self.conv1(image))) + clicks
        features = self.layer1(functional.relu(self.bn2(self.conv2(features))))
        branches = self.stage2([transition(features) for transition in self.transition1])
        branches = self.stage3([*branches, self.transition2["2"](branches[-1])])
        branches = self.stage4([*branches, self.transition3["3"](branches[-1])])
        rows_cols = branches[0].shape[2:]
        return torch.cat([branches[0], *(resize(b, rows_cols) for b in branches[1:])], dim=1)


class _ExchangeModule(nn.Module):
    """Blocks on every branch, then every branch receives the sum over all of them."""

    def __init__(self, channels: Sequence[int], blocks: int) -> None:
        super().__init__()
        count = len(channels)
        self.branches = nn.ModuleList(
            make_stage(BasicBlock, width, width, blocks, stride=1) for width in channels
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleDict({str(j): _path(channels, j, i) for j in range(count) if j != i})
            for i in range(count)
        )

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        inputs = [branch(x) for branch, x in zip(self.branches, inputs, strict=True)]
        return [self._fused(inputs, target) for target in range(len(inputs))]

    def _fused(self, inputs: list[Tensor], target: int) -> Tensor:
        total: Tensor | None = None  # summed in the order of the branches, as the source does
        for source, features in enumerate(inputs):
            if source != target:
                features = self.fuse_layers[target][str(source)](features)  # type: ignore[index]
            if source > target:
                features = resize(features, inputs[target].shape[2:])
            total = features if total is None else total + features
        assert total is not None
        return functional.relu(total)


def _stage(config: HrnetConfig, branches: int) -> nn.Sequential:
    channels = config.channels[:branches]
    return nn.Sequential(
        *(_ExchangeModule(channels, config.blocks) for _ in range(config.modules[branches - 2]))
    )


def _path(channels: Sequence[int], source: int, target: int) -> nn.Sequential:
    """Return the layers from one branch to another; a path upwards is resized afterwards."""
    if source > target:
        return _conv_norm(channels[source], channels[target], size=1)
    steps = [
        _conv_norm_relu(channels[source], channels[source], stride=2)
        for _ in range(target - source - 1)
    ]
    return nn.Sequential(*steps, _conv_norm(channels[source], channels[target], stride=2))


def _lower(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(_conv_norm_relu(channels_in, channels_out, stride=2))


def _conv_norm_relu(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(*_conv_norm(channels_in, channels_out, stride=stride), nn.ReLU())


def _conv_norm(
    channels_in: int, channels_out: int, size: int = 3, stride: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        _convolution(channels_in, channels_out, size, stride), nn.BatchNorm2d(channels_out)
    )


def _convolution(channels_in: int, channels_out: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, size, stride=stride, padding=size // 2, bias=False)
