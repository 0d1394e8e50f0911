"""The light propagation network arranged for work: the same results with less to do a slice.

Everything that depends on the image alone is computed with the key, once a slice: a 1x1 convolution
over joined channels is a sum of convolutions, and it may change places with the product by a mask.
Letters as in `light_memory`, whose weights are taken.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from SlicerLIMNet.networks.arranged_blocks import Float32Linear, arranged_block
from SlicerLIMNet.networks.joined_convs import (
    after,
    joined,
    of_grey,
    of_neighbours,
    side_by_side,
    split_inputs,
    without_bias,
)
from SlicerLIMNet.networks.light_memory import FINE4, FINE8, LightMemoryNetwork, SensoryUpdate
from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures
from SlicerLIMNet.networks.packed_conv import PackedConv


class LightMemoryInference(nn.Module):
    """`LightMemoryNetwork` in evaluation mode behind the same interface.

    The skips of its features are the pixel features, and what the comparisons at stride 8 and 4
    need of the image: at stride 8 the slice's own share, then what the next slice needs of it,
    outside and inside the mask; at stride 4 its own share, and inside the mask.
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
        mask = mask.to(image.dtype)
        others = mask.sum(dim=1, keepdim=True) - mask if objects > 1 else torch.zeros_like(mask)
        seen = [*_for_each(image, objects).unbind(1), mask.flatten(0, 1), others.flatten(0, 1)]
        stacked = torch.stack(seen, dim=-1).movedim(3, 1)
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
        now = [_for_each(skip, objects) for skip in features.skips]
        nearby = features if neighbour is None else neighbour.features
        before = [_for_each(skip, objects) for skip in nearby.skips[1:]]
        if neighbour is None:
            height, width = (self.stride * side for side in readout.shape[-2:])
            mask = readout.new_zeros(batch * objects, 1, height, width)
        else:
            mask = neighbour.probability.flatten(0, 1)[:, None]
        if place is not None:
            place = _for_each(place, objects)
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
        first, *others = encoder.stage4
        self.first = _First(first, colours=3)
        self.stage4 = nn.Sequential(*(arranged_block(layer) for layer in others))
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
        quarter = self.stage4(self.first(image))
        eighth = self.stage8(quarter)
        deep = self.at16(self.stage16(eighth))
        channels = LightMemoryNetwork.key_channels
        key, selection, shrinkage, pixel = torch.split(
            deep, [channels, channels, 1, deep.shape[1] - 2 * channels - 1], dim=1
        )
        return SliceFeatures(
            key,
            shrinkage.square() + 1,
            selection.sigmoid(),
            (_last(pixel), self.at8(eighth), self.at4(quarter)),
        )


class _ValueEncoder(nn.Module):
    """Image, masks and pixel features to what memory stores."""

    def __init__(self, network: LightMemoryNetwork) -> None:
        super().__init__()
        encoder = network.value_encoder
        first, *others = encoder.body
        self.first = _First(first, colours=3)
        self.body = nn.Sequential(*(arranged_block(layer) for layer in others))
        self.pixel = PackedConv.of(encoder.pixel, relu=True)
        self.mix = arranged_block(encoder.mix)
        self.sensory = _Sensory(encoder.sensory)

    def forward(self, image_and_masks: Tensor, pixel: Tensor) -> Tensor:
        return self.mix(self.pixel.onto(pixel, self.body(self.first(image_and_masks))))


class _Decoder(nn.Module):
    """Readout, sensory state, image and neighbour to logits."""

    def __init__(self, network: LightMemoryNetwork) -> None:
        super().__init__()
        decoder = network.decoder
        self.place = None
        if decoder.place is not None:
            near, relu, far = decoder.place
            layers = [Float32Linear.of(layer) for layer in (near, far)]
            self.place = nn.Sequential(layers[0], relu, layers[1])
        recalled = (decoder.readout, decoder.hidden, of_neighbours(decoder.before16))
        self.recalled = joined(*recalled, relu=True)
        self.fuse = arranged_block(decoder.fuse)
        self.deep8 = PackedConv.of(decoder.deep8)
        self.mix8 = arranged_block(decoder.mix8)
        masks4 = split_inputs(decoder.compare4, FINE4, FINE4, 4)[2]
        self.masks4 = without_bias(masks4, relu=True)
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
        """Return logits (B, 1, H, W), float32, and the sensory state, for one object an item."""
        pixel, own8, own4 = now[0], now[1][:, :FINE8], now[2][:, :FINE4]
        outside8, inside8 = before[0][:, FINE8:].chunk(2, dim=1)
        inside4 = before[1][:, FINE4:]
        masks = _Masks(mask, readout.dtype)
        recalled = _beside(readout, hidden, masks.around16)
        if self.place is not None and place is not None:
            known = pixel + self.place(place).to(pixel.dtype)[..., None, None]
            g16 = self.fuse(self.recalled.onto(recalled, known))
        else:
            g16 = self.fuse(self.recalled.plus(recalled, pixel))
        nearby8 = torch.addcmul(own8 + outside8, inside8, masks.at8)
        g8 = self.mix8(nearby8.add_(_twice(self.deep8(g16))).relu_())
        nearby4 = torch.addcmul(own4, inside4, masks.at4).add_(_twice(self.deep4(g8)))
        g4 = self.mix4(self.masks4.onto(masks.quarters4, nearby4))
        coarse = self.head(g4)
        if update:
            hidden = self.sensory(self._all_scales(g16, g8, g4, coarse), hidden)
        return _twice(functional.pixel_shuffle(coarse.float(), 2)), hidden

    def _all_scales(self, g16: Tensor, g8: Tensor, g4: Tensor, coarse: Tensor) -> Tensor:
        scales = [
            g16,
            functional.avg_pool2d(g8, 2),
            functional.avg_pool2d(g4, 4),
            functional.avg_pool2d(coarse, 4),
        ]
        return self.seen(torch.cat(scales, dim=1))


class _First(nn.Module):
    """First convolution of a slice: normalised, grey slices in one channel."""

    def __init__(self, layers: nn.Module, colours: int) -> None:
        """Take a `ConvNorm`, whose first inputs are the colours."""
        super().__init__()
        self.colour = arranged_block(layers)
        assert isinstance(self.colour, PackedConv)
        self.grey = of_grey(self.colour, colours)
        self.inputs = self.colour.weight.shape[1]

    def forward(self, slices: Tensor) -> Tensor:
        """Return (B, C, H / 2, W / 2); with grey slices there are two channels less."""
        layer = self.colour if slices.shape[1] == self.inputs else self.grey
        return layer((slices - 0.45) / 0.225)


class _Masks:
    """A mask (B, 1, H, W) at the scales of the decoder, in its precision."""

    def __init__(self, mask: Tensor, dtype: torch.dtype) -> None:
        half = functional.avg_pool2d(mask, 2).to(dtype)
        self.quarters4 = _last(functional.pixel_unshuffle(half, 2))
        """(B, 4, H / 4, W / 4): the quarters of each position."""
        self.at4 = functional.avg_pool2d(half, 2)
        self.at8 = functional.avg_pool2d(self.at4, 2)
        at16 = functional.avg_pool2d(self.at8, 2)
        nearby = functional.unfold(at16, 3, padding=1)
        self.around16 = torch.unflatten(nearby, 2, at16.shape[-2:])
        """(B, 9, H / 16, W / 16): each position and its eight neighbours."""


class _Sensory(nn.Module):
    """`SensoryUpdate`."""

    def __init__(self, update: SensoryUpdate) -> None:
        super().__init__()
        self.transform = PackedConv.of(update.transform)

    def forward(self, features: Tensor, hidden: Tensor) -> Tensor:
        gates = self.transform(_beside(features, hidden))
        channels = hidden.shape[1]
        forget, update = gates[:, : 2 * channels].sigmoid().chunk(2, dim=1)
        return torch.lerp(forget * hidden, gates[:, 2 * channels :].tanh(), update)


def _beside(*features: Tensor) -> Tensor:
    """Return features of the same positions behind each other, channels last."""
    return torch.cat([_last(some) for some in features], dim=1)


def _last(features: Tensor) -> Tensor:
    """Return features with channels last; no copy where they are so already."""
    return features.contiguous(memory_format=torch.channels_last)


def _twice(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def _for_each(tensor: Tensor, objects: int) -> Tensor:
    """Repeat what all objects of a slice share: (B, ...) to (B * objects, ...)."""
    return tensor if objects == 1 else tensor.repeat_interleave(objects, dim=0)
