"""What the network sees of the slices of one round: images, features, references, in a region."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.imaging.resample import Pixels
from SlicerLIMNet.memory.store import MemoryElements, MemoryStore
from SlicerLIMNet.memory.tracker import SlicePrompt, aggregated_prompt
from SlicerLIMNet.networks.memory_interface import MemoryNetwork, SliceFeatures
from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.region import BoolArray, Region

ImageSource = Callable[[int], Pixels]


class ValueKey(NamedTuple):
    """What a reference's value depends on, for one network and one stack of images."""

    slice_index: int
    mask_digest: bytes
    region: Region


class ValueCache:
    """Values of references, kept as long as rounds ask for them.

    A value that neither this round nor the one before asked for is forgotten.
    """

    def __init__(self) -> None:
        self._now: dict[ValueKey, Tensor] = {}
        self._before: dict[ValueKey, Tensor] = {}

    def __len__(self) -> int:
        return len(self._now)

    def begin_round(self) -> None:
        """Forget what the last round did not ask for."""
        self._before, self._now = self._now, {}

    def get(self, key: ValueKey, make: Callable[[], Tensor]) -> Tensor:
        """Return a value, made now if it is not there."""
        if key not in self._now:
            self._now[key] = self._before[key] if key in self._before else make()
        return self._now[key]


class SeenSlice(NamedTuple):
    """A slice as the network sees it in a region, and what it knows of it without masks."""

    image: Tensor
    """(1, 1 or 3, size, size), 0..1; a grey slice has one channel."""
    features: SliceFeatures
    """Of this slice."""


class SeenSlices:
    """Slices that were encoded as one batch."""

    def __init__(self, images: Tensor, features: SliceFeatures) -> None:
        """Take images (B, 1 or 3, size, size) and their features."""
        pairs = zip(torch.split(images, 1), features.each(), strict=True)
        self._slices = [SeenSlice(*pair) for pair in pairs]
        self.bytes = images.nbytes + features.bytes
        """Memory that they take."""

    def __getitem__(self, place: int) -> SeenSlice:
        """Return one of the slices, as a view."""
        return self._slices[place]


class SliceViews:
    """One round's slices as tensors of the network's device and precision, batch 1."""

    def __init__(
        self,
        network: MemoryNetwork,
        kept: FeatureCache[SeenSlices],
        values: ValueCache,
        images: ImageSource,
        references: Mapping[int, BoolArray],
        n_slices: int,
        block: int,
        held: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Begin a round.

        Args:
            network: On the device, in this precision.
            kept: What earlier rounds have seen.
            values: Of references, from earlier rounds.
            images: Slice index to (H, W) or (H, W, 3), 0..1.
            references: Masks (H, W) by slice.
            n_slices: Of the stack.
            block: Slices encoded as one batch; a reference is always encoded by itself.
            held: Blocks that stay at hand although there is no room to keep them.
            device: Of the network.
            dtype: Of the network.
        """
        self._network = network
        self._kept = kept
        self._values = values
        self._images = images
        self.references = references
        self._n_slices = n_slices
        self._block = block
        self._held: OrderedDict[tuple[range, Region], SeenSlices] = OrderedDict()
        self._most_held = held
        self._digests = {index: _digest(mask) for index, mask in references.items()}
        self._permanent: dict[Region, MemoryStore] = {}
        self._device = device
        self._dtype = dtype

    def image(self, index: int, region: Region) -> Tensor:
        """Return (1, 1 or 3, size, size), 0..1."""
        return self._seen(index, region).image

    def features(self, index: int, region: Region) -> SliceFeatures:
        """Return a slice's features, from the cache if they are there."""
        return self._seen(index, region).features

    def prompt(self, index: int, region: Region) -> SlicePrompt:
        """Return the mask of a reference."""
        mask = region.cut_mask(self.references[index]).astype(np.float32)
        return SlicePrompt(torch.from_numpy(mask)[None].to(self._device))

    def value(self, index: int, region: Region) -> Tensor:
        """Return the value (1, 1, Cv, h, w) of a reference."""
        key = ValueKey(index, self._digests[index], region)
        return self._values.get(key, lambda: self._make_value(index, region))

    def permanent_memory(self, region: Region) -> MemoryStore:
        """Return all references in the order of slices, one store for both directions."""
        if region not in self._permanent:
            store = MemoryStore()
            for index in sorted(self.references):
                features, value = self.features(index, region), self.value(index, region)
                store.append(MemoryElements.of_slice(features, value))
            self._permanent[region] = store
        return self._permanent[region]

    def _seen(self, index: int, region: Region) -> SeenSlice:
        slices = self._block_of(index)
        key = (slices, region)
        block = self._held.pop(key, None) or self._kept.get(slices, region)
        if block is None:
            block = self._look(slices, region)
            self._kept.put(slices, region, block)
        self._held[key] = block
        while len(self._held) > self._most_held:
            self._held.popitem(last=False)
        return block[index - slices.start]

    def _block_of(self, index: int) -> range:
        """Return the slices that are encoded together with one."""
        if index in self.references:
            return range(index, index + 1)
        first = index // self._block * self._block
        return range(first, min(first + self._block, self._n_slices))

    def _look(self, slices: range, region: Region) -> SeenSlices:
        patches = np.stack([region.cut_image(self._images(index)) for index in slices])
        images = torch.from_numpy(patches).movedim(3, 1)
        if self._device.type == "cuda":
            images = images.pin_memory()  # so that nobody waits for the transfer
        images = images.to(
            self._device, self._dtype, non_blocking=True, memory_format=torch.channels_last
        )
        return SeenSlices(images, self._network.encode_key(images))

    def _make_value(self, index: int, region: Region) -> Tensor:
        features = self.features(index, region)
        grid = features.key.shape[-2:]
        hidden = features.key.new_zeros(1, 1, self._network.hidden_channels, *grid)
        mask = aggregated_prompt(self.prompt(index, region))
        image = self.image(index, region)
        return self._network.encode_value(image, features, mask, hidden, deep=False)[0]


def _digest(mask: BoolArray) -> bytes:
    return hashlib.blake2b(np.packbits(mask).tobytes(), digest_size=16).digest()
