"""A memory store: elements appended, their usage counted, some of them dropped.

An element is one position of the stride-16 grid of a remembered slice, or a prototype of several.
Letters: N elements, Ck key channels, C = O * Cv columns of value, (h, w) the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from SlicerLIMNet.networks.affinity import memory_vectors
from SlicerLIMNet.networks.memory_interface import SliceFeatures

FIRST_LIFE = 1e-7  # so that the usage of an element nobody has asked yet is 0, not 0 / 0


@dataclass(frozen=True)
class MemoryElements:
    """Elements in the form in which they are stored, one row each."""

    key: Tensor
    """(N, Ck), float32."""
    shrinkage: Tensor
    """(N,), float32."""
    selection: Tensor
    """(N, Ck), float32: needed when they become prototypes."""
    value: Tensor
    """(N, C), in the network's precision."""

    @classmethod
    def of_slice(cls, features: SliceFeatures, value: Tensor) -> MemoryElements:
        """Return the elements of one slice in raster order.

        Args:
            features: Of the slice, batch 1.
            value: (1, O, Cv, h, w).
        """
        return cls(
            rows(features.key).float(),
            features.shrinkage.flatten().float(),
            rows(features.selection).float(),
            rows(value.flatten(1, 2)),
        )

    def __len__(self) -> int:
        return len(self.key)

    def select(self, index: Tensor) -> MemoryElements:
        """Return some elements, by indices (M,) or a bool mask (N,)."""
        return MemoryElements(
            self.key[index], self.shrinkage[index], self.selection[index], self.value[index]
        )


class MemoryStore:
    """Elements in the order of insertion, in buffers that double when they are full."""

    def __init__(self) -> None:
        self._length = 0
        self._buffers: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return self._length

    @property
    def elements(self) -> MemoryElements:
        """All elements; empty stores have none to show."""
        return MemoryElements(
            *(self._rows(name) for name in ("key", "shrinkage", "selection", "value"))
        )

    @property
    def vectors(self) -> Tensor:
        """(N, 2 Ck + 1), the memory's side of the similarity product."""
        return self._rows("vectors")

    @property
    def value(self) -> Tensor:
        """(N, C)."""
        return self._rows("value")

    @property
    def usage(self) -> Tensor:
        """(N,): affinity that an element has collected, per read since it came."""
        return self._rows("used") / self._rows("life")

    def append(self, elements: MemoryElements) -> None:
        """Add elements at the end, their usage zero."""
        added = {
            "key": elements.key,
            "shrinkage": elements.shrinkage,
            "selection": elements.selection,
            "value": elements.value,
            "vectors": memory_vectors(elements.key, elements.shrinkage),
            "used": torch.zeros_like(elements.shrinkage),
            "life": torch.full_like(elements.shrinkage, FIRST_LIFE),
        }
        self._reserve(self._length + len(elements), added)
        for name, tensor in added.items():
            self._buffers[name][self._length : self._length + len(elements)] = tensor
        self._length += len(elements)

    def count(self, usage: Tensor, reads: int = 1) -> None:
        """Book some reads: the affinity (N,) that each element got in them from all queries."""
        self._rows("used").add_(usage)
        self._rows("life").add_(float(reads))

    def keep(self, kept: Tensor) -> None:
        """Drop every element that the bool mask `kept` (N,) does not name."""
        length = int(kept.sum())
        for name, buffer in self._buffers.items():
            buffer[:length] = self._rows(name)[kept]
        self._length = length

    def _rows(self, name: str) -> Tensor:
        return self._buffers[name][: self._length]

    def _reserve(self, needed: int, like: dict[str, Tensor]) -> None:
        capacity = len(self._buffers["key"]) if self._buffers else 0
        if needed <= capacity:
            return
        for name, tensor in like.items():
            buffer = tensor.new_empty(max(needed, 2 * capacity), *tensor.shape[1:])
            if self._length:
                buffer[: self._length] = self._rows(name)
            self._buffers[name] = buffer


def rows(grid: Tensor) -> Tensor:
    """Return (h * w, C) from (1, C, h, w)."""
    return grid.squeeze(0).flatten(1).T
