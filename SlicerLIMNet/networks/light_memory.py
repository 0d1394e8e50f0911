"""The propagation network of the `light` preset: XMem's design with a tenth of its work.

XMem = Cheng and Schwing, 2022; what is dropped follows Cutie (2024): one 1x1 projection of the
image features before everything else, narrow values and decoder, 1x1 skips and shortcuts, additions
for concatenations. Ours besides: the decoder sees the neighbouring slice and its mask, since slices
of a volume move less than frames of a video.

Letters: B slices, O objects, (H, W) input size, (h, w) a sixteenth of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from SlicerLIMNet.networks.light_layers import ConvNorm, GlobalContext, ResidualBlock
from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures, in_colours
from SlicerLIMNet.networks.place import PLACE_NUMBERS

PIXEL, FINE8, FINE4 = 128, 96, 64
"""Channels of the image features at strides 16, 8 and 4."""


class SensoryUpdate(nn.Module):
    """XMem's gated update of the sensory state from an input at stride 16."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.transform = nn.Conv2d(inputs + hidden, 3 * hidden, 3, padding=1)

    def forward(self, features: Tensor, hidden: Tensor) -> Tensor:
        """Return the new state: (B, inputs, h, w) and (B, hidden, h, w) to (B, hidden, h, w)."""
        forget, update, new = self.transform(torch.cat([features, hidden], dim=1)).chunk(3, dim=1)
        update = update.sigmoid()
        return forget.sigmoid() * hidden * (1 - update) + update * new.tanh()


class KeyEncoder(nn.Module):
    """Image to features at strides 4, 8 and 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stage4 = nn.Sequential(
            ConvNorm(3, 32, stride=2), ConvNorm(32, FINE4, stride=2), ResidualBlock(FINE4)
        )
        self.stage8 = nn.Sequential(ConvNorm(FINE4, 128, stride=2), ResidualBlock(128))
        self.stage16 = nn.Sequential(
            ConvNorm(128, 192, stride=2), ResidualBlock(192), ResidualBlock(192)
        )
        self.pixel = nn.Conv2d(192, PIXEL, 1)
        self.skip8 = nn.Conv2d(128, FINE8, 1)
        self.skip4 = nn.Conv2d(FINE4, FINE4, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the deepest features and what is kept of each stride: 16, 8, 4."""
        quarter = self.stage4((image - 0.45) / 0.225)
        eighth = self.stage8(quarter)
        deep = self.stage16(eighth)
        return deep, self.pixel(deep), self.skip8(eighth), self.skip4(quarter)


class ValueEncoder(nn.Module):
    """Image, mask and other objects' masks to what memory stores."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(5, 32, stride=2),
            ConvNorm(32, 64, stride=2),
            ConvNorm(64, 96, stride=2),
            ConvNorm(96, PIXEL, stride=2),
        )
        self.pixel = nn.Conv2d(PIXEL, PIXEL, 1)
        self.mix = nn.Sequential(ResidualBlock(PIXEL), GlobalContext(PIXEL))
        self.sensory = SensoryUpdate(PIXEL, hidden)

    def forward(self, image_and_masks: Tensor, pixel: Tensor) -> Tensor:
        """Return values: (B, 5, H, W) and (B, PIXEL, h, w) to (B, PIXEL, h, w)."""
        normal = (image_and_masks - 0.45) / 0.225
        return self.mix(functional.relu(self.body(normal) + self.pixel(pixel)))


class Decoder(nn.Module):
    """Readout, sensory state, image and neighbour to logits."""

    def __init__(self, hidden: int, with_place: bool) -> None:
        super().__init__()
        self.place = _place_layers() if with_place else None
        self.readout = nn.Conv2d(PIXEL, PIXEL, 1)
        self.hidden = nn.Conv2d(hidden, PIXEL, 1)
        self.before16 = nn.Conv2d(1, PIXEL, 3, padding=1)
        self.fuse = nn.Sequential(ResidualBlock(PIXEL), GlobalContext(PIXEL))
        self.compare8 = nn.Conv2d(3 * FINE8 + 1, FINE8, 1)
        self.deep8 = nn.Conv2d(PIXEL, FINE8, 1)
        self.mix8 = nn.Sequential(ConvNorm(FINE8, FINE8), ConvNorm(FINE8, FINE8))
        self.compare4 = nn.Conv2d(2 * FINE4 + 4, FINE4, 1)
        self.deep4 = nn.Conv2d(FINE8, FINE4, 1)
        self.mix4 = ConvNorm(FINE4, FINE4)
        self.head = nn.Conv2d(FINE4, 4, 3, padding=1)
        self.from16 = nn.Conv2d(PIXEL, hidden, 1)
        self.from8 = nn.Conv2d(FINE8, hidden, 1)
        self.from4 = nn.Conv2d(FINE4 + 4, hidden, 1)
        self.sensory = SensoryUpdate(hidden, hidden)

    def forward(
        self,
        now: SliceFeatures,
        before: Neighbour,
        readout: Tensor,
        hidden: Tensor,
        update: bool,
        place: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return logits (B, 1, H, W) and the sensory state, for one object an item."""
        pixel, skip8, skip4 = now.skips
        _, before8, before4 = before.features.skips
        mask2 = functional.avg_pool2d(before.probability, 2)
        mask8 = functional.avg_pool2d(mask2, 4)
        mask16 = functional.avg_pool2d(mask8, 2)
        g16 = pixel + self.readout(readout) + self.hidden(hidden) + self.before16(mask16)
        if self.place is not None and place is not None:
            g16 = g16 + self.place(place)[..., None, None]
        g16 = self.fuse(functional.relu(g16))
        nearby8 = torch.cat([skip8, before8 * mask8, before8 * (1 - mask8), mask8], dim=1)
        g8 = self.mix8(functional.relu(_twice(self.deep8(g16)) + self.compare8(nearby8)))
        masks4 = functional.pixel_unshuffle(mask2, 2)
        inside4 = before4 * masks4.mean(dim=1, keepdim=True)
        nearby4 = torch.cat([skip4, inside4, masks4], dim=1)
        g4 = self.mix4(functional.relu(_twice(self.deep4(g8)) + self.compare4(nearby4)))
        coarse = self.head(g4)
        if update:
            fine = functional.avg_pool2d(torch.cat([g4, coarse], dim=1), 4)
            seen = self.from16(g16) + self.from8(functional.avg_pool2d(g8, 2)) + self.from4(fine)
            hidden = self.sensory(seen, hidden)
        return _twice(functional.pixel_shuffle(coarse, 2)), hidden


class LightMemoryNetwork(nn.Module):
    """Key encoder, value encoder and decoder behind the interface of `memory_interface`."""

    stride = 16
    key_channels = 64
    value_channels = PIXEL
    hidden_channels = 64

    def __init__(self, with_place: bool = True) -> None:
        """Build it; `with_place` adds the layers that know distances."""
        super().__init__()
        self.key_encoder = KeyEncoder()
        self.key = nn.Conv2d(192, self.key_channels, 1)
        self.shrinkage = nn.Conv2d(192, 1, 1)
        self.selection = nn.Conv2d(192, self.key_channels, 1)
        self.value_encoder = ValueEncoder(self.hidden_channels)
        self.decoder = Decoder(self.hidden_channels, with_place)

    def encode_key(self, image: Tensor) -> SliceFeatures:
        """Return the features of slices; see `MemoryNetwork.encode_key`."""
        deep, *skips = self.key_encoder(in_colours(image))
        return SliceFeatures(
            key=self.key(deep),
            shrinkage=self.shrinkage(deep).square() + 1,
            selection=self.selection(deep).sigmoid(),
            skips=tuple(skips),
        )

    def encode_value(
        self, image: Tensor, features: SliceFeatures, mask: Tensor, hidden: Tensor, deep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return values and sensory state; see `MemoryNetwork.encode_value`."""
        batch, objects = mask.shape[:2]
        others = mask.sum(dim=1, keepdim=True) - mask
        stacked = torch.cat(
            [
                _for_each(in_colours(image), objects),
                mask.flatten(0, 1)[:, None].to(image.dtype),
                others.flatten(0, 1)[:, None].to(image.dtype),
            ],
            dim=1,
        )
        value = self.value_encoder(stacked, _for_each(features.skips[0], objects))
        value = value.unflatten(0, (batch, objects))
        return value, self.deep_update(value, hidden) if deep else hidden

    def deep_update(self, value: Tensor, hidden: Tensor) -> Tensor:
        """Return the sensory state after stored values; see `MemoryNetwork.deep_update`."""
        updated = self.value_encoder.sensory(value.flatten(0, 1), hidden.flatten(0, 1))
        return updated.unflatten(0, hidden.shape[:2])

    def decode(
        self,
        features: SliceFeatures,
        readout: Tensor,
        hidden: Tensor,
        neighbour: Neighbour | None,
        update_hidden: bool,
        place: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return logits and sensory state; see `MemoryNetwork.decode`."""
        batch, objects = readout.shape[:2]
        now = _object_features(features, objects)
        if neighbour is None:
            height, width = (self.stride * side for side in features.key.shape[-2:])
            empty = readout.new_zeros(batch * objects, 1, height, width)
            before = Neighbour(now, empty)
        else:
            probability = neighbour.probability.flatten(0, 1)[:, None].to(readout.dtype)
            before = Neighbour(_object_features(neighbour.features, objects), probability)
        if place is not None:
            place = _for_each(place.to(readout.dtype), objects)
        logits, updated = self.decoder(
            now, before, readout.flatten(0, 1), hidden.flatten(0, 1), update_hidden, place
        )
        return logits.unflatten(0, (batch, objects))[:, :, 0], updated.unflatten(
            0, (batch, objects)
        )


def _place_layers() -> nn.Sequential:
    last = nn.Linear(64, PIXEL)
    nn.init.zeros_(last.weight)  # says nothing before it is trained
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(PLACE_NUMBERS, 64), nn.ReLU(inplace=True), last)


def _twice(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def _for_each(tensor: Tensor, objects: int) -> Tensor:
    """Repeat what all objects of a slice share: (B, ...) to (B * objects, ...)."""
    return tensor if objects == 1 else tensor.repeat_interleave(objects, dim=0)


def _object_features(features: SliceFeatures, objects: int) -> SliceFeatures:
    if objects == 1:
        return features
    return SliceFeatures(
        features.key,
        features.shrinkage,
        features.selection,
        tuple(_for_each(skip, objects) for skip in features.skips),
    )
