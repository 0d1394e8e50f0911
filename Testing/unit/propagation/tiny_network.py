"""A propagation network without weights: it takes for the object what is bright and remembered."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures


class TinyNetwork:
    """Keys are the brightest pixels, values the masks, and the sensory state counts its updates.

    A pixel belongs to the object if it is bright and memory knows its grey value as the object's.
    """

    stride = 16
    key_channels = 2
    value_channels = 1
    hidden_channels = 1

    def __init__(self) -> None:
        self.keys_made = 0
        self.values_made = 0
        self.places: list[Tensor | None] = []
        self.neighbours: list[Neighbour | None] = []

    def encode_key(self, image: Tensor) -> SliceFeatures:
        self.keys_made += len(image)
        grey = image[:, :1]
        brightest = functional.max_pool2d(grey, self.stride).round()
        key = torch.cat([brightest, 1 - brightest], dim=1)
        return SliceFeatures(key, 100 * torch.ones_like(brightest), torch.ones_like(key), (grey,))

    def encode_value(
        self, image: Tensor, features: SliceFeatures, mask: Tensor, hidden: Tensor, deep: bool
    ) -> tuple[Tensor, Tensor]:
        self.values_made += 1
        value = functional.max_pool2d(mask.to(image.dtype), self.stride).unsqueeze(2)
        return value, self.deep_update(value, hidden) if deep else hidden

    def deep_update(self, value: Tensor, hidden: Tensor) -> Tensor:
        return hidden + 10

    def decode(
        self,
        features: SliceFeatures,
        readout: Tensor,
        hidden: Tensor,
        neighbour: Neighbour | None,
        update_hidden: bool,
        place: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        self.neighbours.append(neighbour)
        self.places.append(place)
        known = functional.interpolate(readout.flatten(0, 1), scale_factor=self.stride)
        known = known.reshape(*readout.shape[:2], *known.shape[-2:])
        logits = 40 * torch.minimum(features.skips[0], known) - 20
        return logits, hidden + 1 if update_hidden else hidden
