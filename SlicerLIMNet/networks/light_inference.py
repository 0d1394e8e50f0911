"""The light propagation network arranged for work: the same results with less to do a slice.

Everything that depends on the image alone is computed with the key, once a slice: a 1x1 convolution
over joined channels is a sum of convolutions, and it may change places with the product by a mask.
Letters as in `light_memory`, whose weights are taken.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from SlicerLIMNet.networks.arranged_blocks import arranged_block
from SlicerLIMNet.networks.joined_convs import (
    after,
    joined,
    side_by_side,
    split_inputs,
    without_bias,
)
from SlicerLIMNet.networks.light_memory import FINE4, FINE8, LightMemoryNetwork, SensoryUpdate
from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures
from SlicerLIMNet.networks.packed_conv import PackedConv

OWN = 3
"""Skips that a slice needs itself; the others are for the next slice."""


class LightMemoryInference(nn.Module):
    """`LightMemoryNetwork` in evaluation mode behind the same interface.

    The skips of its features are: what a slice needs itself, the pixel features and its share of
    the comparisons at stride 8 and 4; then what the next slice needs of it: at stride 8 outside and
    inside the mask, at stride 4 inside it.
    """

    stride = LightMemoryNetwork.stride
    key_channels = LightMemoryNetwork.key_channels
    value_channels = LightMemoryNetwork.value_channels
    hidden_channels = LightMemoryNetwork.hidden_channels

    def __init__(self, network: LightMemoryNetwork) -> None:
        """Take the weights of a network, which stays as it is."""
        super().__init__()
        self._key_encoder = _KeyEncoder(network)
        self._value_encoder = _ValueEncoder(network)
        self._decoder = _Decoder(network)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode_key(self, image: Tensor) -> SliceFeatures:
        """Return the features of slices; see `MemoryNetwork.encode_key`."""
        return self._key_encoder(image)

    def encode_value(
        self, image: Tensor, features: SliceFeatures, mask: Tensor, hidden: Tensor, deep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return values and sensory state; see `MemoryNetwork.encode_value`."""
        batch, objects = mask.shape[:2]
        others = mask.sum(dim=1, keepdim=True) - mask
        masks = torch.stack([mask, others], dim=2).flatten(0, 1).to(image.dtype)
        stacked = torch.cat([_for_each(image, objects), masks], dim=1)
        value = self._value_encoder(stacked, _for_each(features.skips[0], objects))
        value = value.unflatten(0, (batch, objects))
        return value, self.deep_update(value, hidden) if deep else hidden

    def deep_update(self, value: Tensor, hidden: Tensor) -> Tensor:
        """Return the sensory state after stored values; see `MemoryNetwork.deep_update`."""
        updated = self._value_encoder.sensory(value.flatten(0, 1), hidden.flatten(0, 1))
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
        now = [_for_each(skip, objects) for skip in features.skips[:OWN]]
        nearby = features if neighbour is None else neighbour.features
        before = [_for_each(skip, objects) for skip in nearby.skips[OWN:]]
        if neighbour is None:
            height, width = (self.stride * side for side in features.key.shape[-2:])
            mask = readout.new_zeros(batch * objects, 1, height, width)
        else:
            mask = neighbour.probability.flatten(0, 1)[:, None].to(readout.dtype)
        if place is not None:
            place = _for_each(place.to(readout.dtype), objects)
        logits, updated = self._decoder(
            now, before, mask, readout.flatten(0, 1), hidden.flatten(0, 1), update_hidden, place
        )
        sizes = (batch, objects)
        return logits.unflatten(0, sizes)[:, :, 0], updated.unflatten(0, sizes)


class _KeyEncoder(nn.Module):
    """Image to everything that no mask changes."""

    def __init__(self, network: LightMemoryNetwork) -> None:
        super().__init__()
        encoder, decoder = network.key_encoder, network.decoder
        self.stage4 = arranged_block(encoder.stage4)
        self.stage8 = arranged_block(encoder.stage8)
        self.stage16 = arranged_block(encoder.stage16)
        self.at16 = side_by_side(network.key, network.selection, network.shrinkage, encoder.pixel)
        own8, inside8, outside8, mask8 = split_inputs(decoder.compare8, FINE8, FINE8, FINE8, 1)
        # outside * (1 - m) + inside * m + mask * m = outside + (inside - outside + mask) * m
        of_mask = mask8[:, 0, 0, 0] + 0 * own8[:, 0, 0, 0]
        none = torch.zeros_like(of_mask)
        self.at8 = side_by_side(
            after(encoder.skip8, own8, decoder.compare8.bias),
            after(encoder.skip8, outside8, none),
            after(encoder.skip8, inside8 - outside8, of_mask),
        )
        own4, inside4, _ = split_inputs(decoder.compare4, FINE4, FINE4, 4)
        self.at4 = side_by_side(
            after(encoder.skip4, own4, decoder.compare4.bias),
            after(encoder.skip4, inside4, torch.zeros_like(inside4[:, 0, 0, 0])),
        )

    def forward(self, image: Tensor) -> SliceFeatures:
        quarter = self.stage4((image - 0.45) / 0.225)
        eighth = self.stage8(quarter)
        deep = self.at16(self.stage16(eighth))
        channels = LightMemoryNetwork.key_channels
        key, selection, shrinkage, pixel = torch.split(
            deep, [channels, channels, 1, deep.shape[1] - 2 * channels - 1], dim=1
        )
        own8, outside8, inside8 = _parts(self.at8(eighth), 3)
        own4, inside4 = _parts(self.at4(quarter), 2)
        return SliceFeatures(
            key,
            shrinkage.square() + 1,
            selection.sigmoid(),
            (
                pixel.contiguous(memory_format=torch.channels_last),
                own8,
                own4,
                outside8,
                inside8,
                inside4,
            ),
        )


class _ValueEncoder(nn.Module):
    """Image, masks and pixel features to what memory stores."""

    def __init__(self, network: LightMemoryNetwork) -> None:
        super().__init__()
        encoder = network.value_encoder
        self.body = arranged_block(encoder.body)
        self.pixel = PackedConv.of(encoder.pixel, relu=True)
        self.mix = arranged_block(encoder.mix)
        self.sensory = _Sensory(encoder.sensory)

    def forward(self, image_and_masks: Tensor, pixel: Tensor) -> Tensor:
        normal = (image_and_masks - 0.45) / 0.225
        return self.mix(self.pixel.plus(pixel, self.body(normal)))


class _Decoder(nn.Module):
    """Readout, sensory state, image and neighbour to logits."""

    def __init__(self, network: LightMemoryNetwork) -> None:
        super().__init__()
        decoder = network.decoder
        self.place = copy.deepcopy(decoder.place)
        self.recalled = joined(decoder.readout, decoder.hidden)
        self.before16 = PackedConv.of(decoder.before16)
        self.fuse = arranged_block(decoder.fuse)
        self.deep8 = PackedConv.of(decoder.deep8)
        self.mix8 = arranged_block(decoder.mix8)
        self.masks4 = without_bias(split_inputs(decoder.compare4, FINE4, FINE4, 4)[2])
        self.deep4 = PackedConv.of(decoder.deep4)
        self.mix4 = arranged_block(decoder.mix4)
        self.head = PackedConv.of(decoder.head)
        self.seen = joined(decoder.from16, decoder.from8, decoder.from4)
        self.sensory = _Sensory(decoder.sensory)

    def forward(
        self,
        now: list[Tensor],
        before: list[Tensor],
        mask: Tensor,
        readout: Tensor,
        hidden: Tensor,
        update: bool,
        place: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return logits (B, 1, H, W) and the sensory state, for one object an item."""
        pixel, own8, own4 = now
        outside8, inside8, inside4 = before
        mask2 = functional.avg_pool2d(mask, 2)
        mask8 = functional.avg_pool2d(mask2, 4)
        g16 = self.recalled.plus(torch.cat([readout, hidden], dim=1), pixel)
        g16 = self.before16.plus(functional.avg_pool2d(mask8, 2), g16)
        if self.place is not None and place is not None:
            g16 = g16 + self.place(place)[..., None, None]
        g16 = self.fuse(g16.relu_())
        nearby8 = torch.addcmul(own8 + outside8, inside8, mask8)
        g8 = self.mix8(nearby8.add_(_twice(self.deep8(g16))).relu_())
        masks4 = functional.pixel_unshuffle(mask2, 2)
        nearby4 = torch.addcmul(own4, inside4, masks4.mean(dim=1, keepdim=True))
        nearby4 = self.masks4.plus(masks4, nearby4)
        g4 = self.mix4(nearby4.add_(_twice(self.deep4(g8))).relu_())
        coarse = self.head(g4)
        if update:
            hidden = self.sensory(self._all_scales(g16, g8, g4, coarse), hidden)
        return _twice(functional.pixel_shuffle(coarse, 2)), hidden

    def _all_scales(self, g16: Tensor, g8: Tensor, g4: Tensor, coarse: Tensor) -> Tensor:
        scales = [
            g16,
            functional.avg_pool2d(g8, 2),
            functional.avg_pool2d(g4, 4),
            functional.avg_pool2d(coarse, 4),
        ]
        return self.seen(torch.cat(scales, dim=1))


class _Sensory(nn.Module):
    """`SensoryUpdate`."""

    def __init__(self, update: SensoryUpdate) -> None:
        super().__init__()
        self.transform = PackedConv.of(update.transform)

    def forward(self, features: Tensor, hidden: Tensor) -> Tensor:
        forget, update, new = self.transform(torch.cat([features, hidden], dim=1)).chunk(3, dim=1)
        update = update.sigmoid()
        return forget.sigmoid() * hidden * (1 - update) + update * new.tanh()


def _parts(features: Tensor, count: int) -> list[Tensor]:
    """Return equal groups of channels, each by itself in memory."""
    chunks = features.chunk(count, dim=1)
    return [chunk.contiguous(memory_format=torch.channels_last) for chunk in chunks]


def _twice(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def _for_each(tensor: Tensor, objects: int) -> Tensor:
    """Repeat what all objects of a slice share: (B, ...) to (B * objects, ...)."""
    return tensor if objects == 1 else tensor.repeat_interleave(objects, dim=0)
