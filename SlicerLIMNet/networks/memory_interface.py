"""What every propagation network offers, whatever is inside it.

Letters used here and in the networks: B slices in a batch, O objects, (H, W) the input size,
(h, w) = (H, W) / stride, Ck / Cv / Ch the channels of keys, values and sensory state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, overload

import torch
from torch import Tensor

from SlicerLIMNet.networks.affinity import query_vectors


class SliceFeatures:
    """What a network knows of slices without any mask: computed once, used by every later round."""

    def __init__(
        self, key: Tensor, shrinkage: Tensor, selection: Tensor, skips: Sequence[Tensor]
    ) -> None:
        """Hold the tensors of B slices.

        Args:
            key: (B, Ck, h, w): where a position looks in memory, and how it is found there.
            shrinkage: (B, 1, h, w), at least 1: how sharply an element wants to be matched.
            selection: (B, Ck, h, w), 0..1: which key channels count for a query.
            skips: (B, ...) each: whatever else of the image the network's other parts need.
        """
        self._tensors: Sequence[Tensor] = (key, shrinkage, selection, *skips)
        self._query: Tensor | None = None

    @classmethod
    def _of(cls, tensors: Sequence[Tensor], query: Tensor | None = None) -> SliceFeatures:
        features = cls.__new__(cls)
        features._tensors, features._query = tensors, query
        return features

    @property
    def key(self) -> Tensor:
        """(B, Ck, h, w)."""
        return self._tensors[0]

    @property
    def shrinkage(self) -> Tensor:
        """(B, 1, h, w)."""
        return self._tensors[1]

    @property
    def selection(self) -> Tensor:
        """(B, Ck, h, w)."""
        return self._tensors[2]

    @property
    def query(self) -> Tensor:
        """(B, h * w, 2 Ck + 1): what memory is asked, see `query_vectors`; made only once."""
        if self._query is None:
            key, selection = (some.flatten(2).mT for some in (self.key, self.selection))
            self._query = query_vectors(key, selection)
        return self._query

    @property
    def skips(self) -> Sequence[Tensor]:
        """(B, ...) each."""
        return self._tensors[3:]

    @property
    def batch(self) -> int:
        """Number of slices."""
        return self.key.shape[0]

    @property
    def bytes(self) -> int:
        """Memory that the tensors hold together."""
        query = 0 if self._query is None else self._query.nbytes
        return query + sum(tensor.nbytes for tensor in self._tensors)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> SliceFeatures:
        """Return the features on another device or in another precision."""
        return self._of([tensor.to(device=device, dtype=dtype) for tensor in self._tensors])

    def index_select(self, batch: Sequence[int]) -> SliceFeatures:
        """Return the features of some slices of the batch, in the order given."""
        index = torch.tensor(batch, dtype=torch.long, device=self.key.device)
        return self._of([tensor.index_select(0, index) for tensor in self._tensors])

    def each(self) -> list[SliceFeatures]:
        """Return the features of every slice of the batch by itself, as views, with queries."""
        columns = (torch.split(tensor, 1) for tensor in (self.query, *self._tensors))
        return [self._of(tensors, query) for query, *tensors in zip(*columns, strict=True)]

    @classmethod
    def cat(cls, parts: Sequence[SliceFeatures]) -> SliceFeatures:
        """Join several batches into one, in the order given; one by itself is not copied.

        Each of the tensors is joined only when it is asked for.
        """
        if len(parts) == 1:
            return parts[0]
        return cls._of(_JoinedTensors([part._tensors for part in parts]))


class _JoinedTensors(Sequence[Tensor]):
    """Tensors of several batches as those of one, copied once, where somebody needs them."""

    def __init__(
        self,
        parts: Sequence[Sequence[Tensor]],
        places: range | None = None,
        joined: dict[int, Tensor] | None = None,
    ) -> None:
        """Take tensors of each batch; for some of them also their places, and what is made."""
        self._parts = parts
        self._places = range(len(parts[0])) if places is None else places
        self._joined: dict[int, Tensor] = {} if joined is None else joined

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        if isinstance(index, slice):
            return _JoinedTensors(self._parts, self._places[index], self._joined)
        place = self._places[index]
        if place not in self._joined:
            self._joined[place] = torch.cat([tensors[place] for tensors in self._parts])
        return self._joined[place]


def in_colours(image: Tensor) -> Tensor:
    """Return slices (B, 1 or 3, H, W) in three channels; grey ones as a view."""
    return image.expand(-1, 3, -1, -1)


@dataclass(frozen=True)
class Neighbour:
    """The slice visited just before in the same direction, with its result."""

    features: SliceFeatures
    """Of that slice, in the same region as the slice at hand."""
    probability: Tensor
    """(B, O, H, W), 0..1, after aggregation."""


class MemoryNetwork(Protocol):
    """Key encoder, value encoder and decoder of a propagation network (XMem type)."""

    @property
    def stride(self) -> int:
        """Input pixels per position of keys and values."""

    @property
    def key_channels(self) -> int:
        """Ck."""

    @property
    def value_channels(self) -> int:
        """Cv."""

    @property
    def hidden_channels(self) -> int:
        """Ch, 0 for a network without sensory memory."""

    def encode_key(self, image: Tensor) -> SliceFeatures:
        """Return what does not depend on a mask.

        Args:
            image: (B, 1 or 3, H, W), 0..1, one channel for grey slices; the network normalises it
                itself. H and W are multiples of `stride`.
        """

    def encode_value(
        self, image: Tensor, features: SliceFeatures, mask: Tensor, hidden: Tensor, deep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the values to be stored with the keys, and the sensory state.

        Args:
            image: (B, 1 or 3, H, W), 0..1.
            features: Of this image.
            mask: (B, O, H, W), 0..1, binary or soft.
            hidden: (B, O, Ch, h, w), the sensory state before this slice.
            deep: Whether the sensory state is updated from the values; returned as it came if not.

        Returns:
            (B, O, Cv, h, w), independent of `hidden`, and the sensory state, shaped like `hidden`.
        """

    def deep_update(self, value: Tensor, hidden: Tensor) -> Tensor:
        """Return the sensory state updated from stored values: `encode_value` with `deep`, cheaply.

        Args:
            value: (B, O, Cv, h, w), from `encode_value` of the slice.
            hidden: (B, O, Ch, h, w).
        """

    def decode(
        self,
        features: SliceFeatures,
        readout: Tensor,
        hidden: Tensor,
        neighbour: Neighbour | None,
        update_hidden: bool,
        place: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of every object, before aggregation, and the sensory state.

        Args:
            features: Of the slice to be segmented.
            readout: (B, O, Cv, h, w), what memory answered.
            hidden: (B, O, Ch, h, w), the sensory state before this slice.
            neighbour: The slice before, for networks that look at it; `None` where there is none.
            update_hidden: Whether the sensory state is updated; returned as it came if not.
            place: (B, `PLACE_NUMBERS`), for networks that know distances; `None` if unknown.

        Returns:
            (B, O, H, W) logits at input size, and the sensory state, shaped like `hidden`.
        """
