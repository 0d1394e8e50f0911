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


@dataclass(frozen=True)
class SliceFeatures:
    """What a network knows of slices without any mask: computed once, used by every later round."""

    key: Tensor
    """(B, Ck, h, w): where a position looks in memory, and how it is found there."""
    shrinkage: Tensor
    """(B, 1, h, w), at least 1: how sharply a memory element wants to be matched."""
    selection: Tensor
    """(B, Ck, h, w), 0..1: which key channels count for a query."""
    skips: Sequence[Tensor]
    """(B, ...) each: whatever else of the image the network's other parts need."""

    @property
    def batch(self) -> int:
        """Number of slices."""
        return self.key.shape[0]

    @property
    def bytes(self) -> int:
        """Memory that the tensors hold together."""
        return sum(tensor.nbytes for tensor in self._tensors())

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> SliceFeatures:
        """Return the features on another device or in another precision."""
        return _from_tensors([tensor.to(device=device, dtype=dtype) for tensor in self._tensors()])

    def index_select(self, batch: Sequence[int]) -> SliceFeatures:
        """Return the features of some slices of the batch, in the order given."""
        index = torch.tensor(batch, dtype=torch.long, device=self.key.device)
        return _from_tensors([tensor.index_select(0, index) for tensor in self._tensors()])

    def narrow(self, first: int, count: int) -> SliceFeatures:
        """Return the features of slices that follow each other in the batch, as views."""
        return _from_tensors([tensor[first : first + count] for tensor in self._tensors()])

    @staticmethod
    def cat(parts: Sequence[SliceFeatures]) -> SliceFeatures:
        """Join several batches into one, in the order given; one by itself is not copied.

        Each of the skips is joined only when it is asked for.
        """
        if len(parts) == 1:
            return parts[0]
        return SliceFeatures(
            torch.cat([part.key for part in parts]),
            torch.cat([part.shrinkage for part in parts]),
            torch.cat([part.selection for part in parts]),
            _JoinedSkips([part.skips for part in parts]),
        )

    def _tensors(self) -> tuple[Tensor, ...]:
        return (self.key, self.shrinkage, self.selection, *self.skips)


def _from_tensors(tensors: Sequence[Tensor]) -> SliceFeatures:
    return SliceFeatures(tensors[0], tensors[1], tensors[2], tuple(tensors[3:]))


class _JoinedSkips(Sequence[Tensor]):
    """Skips of several batches as those of one, copied only where somebody needs them."""

    def __init__(self, parts: Sequence[Sequence[Tensor]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts[0])

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return torch.cat([skips[index] for skips in self._parts])


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
            image: (B, 3, H, W), 0..1; the network normalises it itself. H and W are multiples of
                `stride`.
        """

    def encode_value(
        self, image: Tensor, features: SliceFeatures, mask: Tensor, hidden: Tensor, deep: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the values to be stored with the keys, and the sensory state.

        Args:
            image: (B, 3, H, W), 0..1.
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
