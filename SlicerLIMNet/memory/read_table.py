"""All elements of a memory side by side, to be asked while none is added: one product, one sum."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from SlicerLIMNet.memory.store import MemoryStore
from SlicerLIMNet.networks.affinity import (
    add_usage,
    gather_readout,
    new_usage,
    top_k_weights,
    usage_total,
)


class ReadTable:
    """A copy of what several stores hold; of one store a view."""

    def __init__(self, stores: Sequence[MemoryStore], uncounted: MemoryStore) -> None:
        """Take stores that have elements; they must not change until `settle`.

        Args:
            stores: In the order in which equals are preferred.
            uncounted: One whose usage nobody asks for.
        """
        self._stores = stores
        self._uncounted = uncounted
        self._vectors = _joined([store.vectors for store in stores])
        self._value = _joined([store.value for store in stores])
        self._usage = new_usage(self._vectors)
        self._reads = 0

    def read(self, query: Tensor, top_k: int) -> Tensor:
        """Return what the elements answer, (Q, C), to `query_vectors` (Q, D)."""
        weights, index = top_k_weights([self._vectors], query, top_k)
        add_usage(self._usage, weights, index)
        self._reads += 1
        return gather_readout(weights, index, self._value)

    def settle(self) -> None:
        """Book all reads in the stores; the table is void then."""
        if not self._reads:
            return
        parts = torch.split(usage_total(self._usage), [len(store) for store in self._stores])
        for store, usage in zip(self._stores, parts, strict=True):
            if store is not self._uncounted:
                store.count(usage, self._reads)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
