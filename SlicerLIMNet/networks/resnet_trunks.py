"""ResNet-18 and ResNet-50 up to the pooled features, with the names of published checkpoints.

Source: He et al., "Deep Residual Learning for Image Recognition", 2016.
"""

from __future__ import annotations

from torch import Tensor, nn

from SlicerLIMNet.networks.resnet_blocks import BasicBlock, Bottleneck, make_stage

WIDTHS = (64, 128, 256, 512)


class ResNetTrunk(nn.Module):
    """Stem, four stages and global average pooling: (B, inputs, H, W) to (B, features)."""

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], depths: tuple[int, ...], inputs: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        channels = 64
        for number, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), start=1):
            stride = 1 if number == 1 else 2
            self.add_module(f"layer{number}", make_stage(block, channels, width, depth, stride))
            channels = width * block.expansion
        self.features = channels

    def forward(self, image: Tensor) -> Tensor:
        """Return pooled features."""
        x = self.maxpool(self.bn1(self.conv1(image)).relu_())
        for number in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.mean(dim=(2, 3))


def resnet_trunk(kind: str, inputs: int) -> tuple[nn.Module, int]:
    """Return a trunk and the number of its features; `kind` is `resnet18` or `resnet50`."""
    block, depths = (BasicBlock, (2, 2, 2, 2)) if kind == "resnet18" else (Bottleneck, (3, 4, 6, 3))
    trunk = ResNetTrunk(block, depths, inputs)
    return trunk, trunk.features
