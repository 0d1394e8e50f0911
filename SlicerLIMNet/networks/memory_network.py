"""XMem: key encoder, value encoder and decoder of the propagation network, preset `paper`.

Letters as in `memory_interface`. Modules have the names of the published checkpoints except where
`import_xmem` says; one module is split there so that whatever depends on the image alone is cached.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures, in_colours
from SlicerLIMNet.networks.memory_layers import (
    Fuser,
    UpsampleBlock,
    update_hidden,
    upsample,
)
from SlicerLIMNet.networks.resnet_blocks import BasicBlock, Bottleneck, make_stage

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
F16_CHANNELS, F8_CHANNELS, F4_CHANNELS = 1024, 512, 256


class KeyEncoder(nn.Module):
    """ResNet-50 up to its third stage."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.res2 = make_stage(Bottleneck, 64, 64, 3, stride=1)
        self.layer2 = make_stage(Bottleneck, 256, 128, 4, stride=2)
        self.layer3 = make_stage(Bottleneck, 512, 256, 6, stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features at strides 16, 8 and 4 of (B, 3, H, W); none is negative."""
        x = functional.max_pool2d(self.bn1(self.conv1(image)).relu_(), 3, 2, padding=1)
        f4 = self.res2(x)
        f8 = self.layer2(f4)
        return self.layer3(f8), f8, f4


class KeyProjection(nn.Module):
    """Key, shrinkage and selection from the features at stride 16."""

    def __init__(self, key_channels: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(F16_CHANNELS, key_channels, 3, padding=1)
        self.d_proj = nn.Conv2d(F16_CHANNELS, 1, 3, padding=1)
        self.e_proj = nn.Conv2d(F16_CHANNELS, key_channels, 3, padding=1)

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (B, Ck, h, w), (B, 1, h, w) at least 1, and (B, Ck, h, w) in 0..1."""
        return self.key_proj(f16), self.d_proj(f16).square() + 1.0, self.e_proj(f16).sigmoid()


class DeepUpdate(nn.Module):
    """Sensory state from values, on memory slices."""

    def __init__(self, value_channels: int, hidden_channels: int) -> None:
        super().__init__()
        channels = value_channels + hidden_channels
        self.transform = nn.Conv2d(channels, 3 * hidden_channels, 3, padding=1)

    def forward(self, value: Tensor, hidden: Tensor) -> Tensor:
        """Return the new state (B, Ch, h, w)."""
        return update_hidden(self.transform(torch.cat([value, hidden], dim=1)), hidden)


class ValueEncoder(nn.Module):
    """ResNet-18 up to its third stage on image and masks, joined with the image's features."""

    def __init__(self, value_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(5, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = make_stage(BasicBlock, 64, 64, 2, stride=1)
        self.layer2 = make_stage(BasicBlock, 64, 128, 2, stride=2)
        self.layer3 = make_stage(BasicBlock, 128, 256, 2, stride=2)
        self.fuser = Fuser(F16_CHANNELS, 256, value_channels)
        if hidden_channels:
            self.hidden_reinforce = DeepUpdate(value_channels, hidden_channels)

    def forward(self, image_and_masks: Tensor, image_share: Tensor) -> Tensor:
        """Return values (B, Cv, h, w).

        Args:
            image_and_masks: (B, 5, H, W): image, mask of the object, sum of the others' masks.
            image_share: (B, 2 Cv, h, w) of the image's features.
        """
        x = self.bn1(self.conv1(image_and_masks)).relu_()
        x = functional.max_pool2d(x, 3, 2, padding=1)
        return self.fuser(image_share, self.layer3(self.layer2(self.layer1(x))))


class NormalUpdate(nn.Module):
    """Sensory state from all scales of the decoder, on slices between memory slices."""

    def __init__(self, hidden_channels: int) -> None:
        super().__init__()
        self.g16_conv = nn.Conv2d(512, 256, 1)
        self.g8_conv = nn.Conv2d(256, 256, 1)
        self.g4_conv = nn.Conv2d(257, 256, 1)
        self.transform = nn.Conv2d(256 + hidden_channels, 3 * hidden_channels, 3, padding=1)

    def forward(self, g16: Tensor, g8: Tensor, g4_and_logit: Tensor, hidden: Tensor) -> Tensor:
        """Return the new state (B, Ch, h, w)."""
        x = self.g16_conv(g16)
        x = x + self.g8_conv(functional.avg_pool2d(g8, 2))
        x = x + self.g4_conv(functional.avg_pool2d(g4_and_logit, 4))
        return update_hidden(self.transform(torch.cat([x, hidden], dim=1)), hidden)


class Decoder(nn.Module):
    """Logits at a quarter of the size from readout, sensory state and cached skips."""

    def __init__(self, value_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.fuser = Fuser(F16_CHANNELS, value_channels + hidden_channels, 512)
        self.up_16_8 = UpsampleBlock(F8_CHANNELS, 512, 256)
        self.up_8_4 = UpsampleBlock(F4_CHANNELS, 256, 256)
        self.pred = nn.Conv2d(256, 1, 3, padding=1)
        if hidden_channels:
            self.hidden_update = NormalUpdate(hidden_channels)

    def forward(
        self, skips: tuple[Tensor, Tensor, Tensor], readout: Tensor, hidden: Tensor, update: bool
    ) -> tuple[Tensor, Tensor]:
        """Return logits (B, 1, H / 4, W / 4) and the sensory state (B, Ch, h, w).

        Args:
            skips: The image's share of the fuser, and what `skip_conv` gives at strides 8 and 4.
            readout: (B, Cv, h, w).
            hidden: (B, Ch, h, w).
            update: Whether the state is updated.
        """
        share16, skip8, skip4 = skips
        g16 = self.fuser(share16, torch.cat([readout, hidden], dim=1))
        g8 = self.up_16_8(skip8, g16)
        g4 = self.up_8_4(skip4, g8)
        logit = self.pred(g4.relu())
        if update:
            hidden = self.hidden_update(g16, g8, torch.cat([g4, logit], dim=1), hidden)
        return logit, hidden


class XMemNetwork(nn.Module):
    """XMem's networks behind the interface `MemoryNetwork`.

    Source: XMem (Cheng and Schwing 2022). Differs: what depends on the image alone (skip
    convolutions, the image's share of the decoder's fuser) is part of the slice's features.
    """

    stride = 16

    def __init__(
        self, key_channels: int = 64, value_channels: int = 512, hidden_channels: int = 64
    ) -> None:
        super().__init__()
        self.key_channels = key_channels
        self.value_channels = value_channels
        self.hidden_channels = hidden_channels
        self.key_encoder = KeyEncoder()
        self.key_proj = KeyProjection(key_channels)
        self.value_encoder = ValueEncoder(value_channels, hidden_channels)
        self.decoder = Decoder(value_channels, hidden_channels)
        for name, numbers in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(numbers).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def train(self, mode: bool = True) -> XMemNetwork:
        """Set training mode; batch norms keep their stored statistics in training, too."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def encode_key(self, image: Tensor) -> SliceFeatures:
        """Return key, shrinkage, selection and (f16, decoder's share, skips 8 and 4)."""
        f16, f8, f4 = self.key_encoder(self._normalised(image))
        key, shrinkage, selection = self.key_proj(f16)
        share16 = self.decoder.fuser.block1.image_share(f16)
        skip8 = self.decoder.up_16_8.skip_conv(f8)
        skip4 = self.decoder.up_8_4.skip_conv(f4)
        return SliceFeatures(key, shrinkage, selection, (f16, share16, skip8, skip4))

    def encode_value(
        self, image: Tensor, features: SliceFeatures, mask: Tensor, hidden: Tensor, deep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return values and sensory state; see `MemoryNetwork.encode_value`."""
        objects = mask.shape[1]
        others = mask.sum(dim=1, keepdim=True) - mask
        masks = torch.stack([mask, others], dim=2).flatten(0, 1).to(self.mean.dtype)
        image = _for_objects(self._normalised(image), objects)
        share = self.value_encoder.fuser.block1.image_share(features.skips[0])
        value = self.value_encoder(torch.cat([image, masks], dim=1), _for_objects(share, objects))
        value = value.reshape(-1, objects, *value.shape[1:])
        return value, self.deep_update(value, hidden) if deep else hidden

    def deep_update(self, value: Tensor, hidden: Tensor) -> Tensor:
        """Return the sensory state; see `MemoryNetwork.deep_update`."""
        if not self.hidden_channels:
            return hidden
        updated = self.value_encoder.hidden_reinforce(value.flatten(0, 1), hidden.flatten(0, 1))
        return updated.reshape(hidden.shape)

    def decode(
        self,
        features: SliceFeatures,
        readout: Tensor,
        hidden: Tensor,
        neighbour: Neighbour | None,  # noqa: ARG002 - XMem looks at no neighbour
        update_hidden: bool,
        place: Tensor | None = None,  # noqa: ARG002 - nor does it know distances
    ) -> tuple[Tensor, Tensor]:
        """Return logits and sensory state; see `MemoryNetwork.decode`."""
        objects = readout.shape[1]
        _, share16, skip8, skip4 = (_for_objects(skip, objects) for skip in features.skips)
        logit, new_hidden = self.decoder(
            (share16, skip8, skip4),
            readout.flatten(0, 1),
            hidden.flatten(0, 1),
            update_hidden and self.hidden_channels > 0,
        )
        logits = upsample(logit.float(), 4)
        logits = logits.reshape(-1, objects, *logits.shape[2:])
        return logits, new_hidden.reshape(hidden.shape)

    def _normalised(self, image: Tensor) -> Tensor:
        return ((in_colours(image) - self.mean) / self.std).to(self.mean.dtype)


def _for_objects(tensor: Tensor, objects: int) -> Tensor:
    """Return (B * O, ...) from (B, ...): every slice once for each object; no copy for one."""
    return tensor.unsqueeze(1).expand(-1, objects, *tensor.shape[1:]).flatten(0, 1)
