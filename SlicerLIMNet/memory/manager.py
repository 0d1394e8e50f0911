"""The memory of one direction: working and long-term, and the permanent one that it looks into."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.consolidation import make_prototypes, used_enough
from SlicerLIMNet.memory.read_table import ReadTable
from SlicerLIMNet.memory.store import MemoryElements, MemoryStore
from SlicerLIMNet.networks.affinity import (
    gather_readout,
    similarity,
    top_k_affinity,
    top_k_weights,
    usage_of,
)
from SlicerLIMNet.networks.memory_interface import SliceFeatures

READ_BLOCK = 16_384  # elements compared at a time: 59 MB of similarities for 900 queries
SMALL_MEMORY = 8192  # elements: so few are worth a table of their own
SMALL_PERMANENT = 2048  # elements: every way has a copy of them in its table


@dataclass(frozen=True)
class MemorySizes:
    """Elements in each store."""

    permanent: int
    working: int
    long_term: int


class MemoryManager:
    """Adds slices, answers queries, and moves elements between the stores when they are full.

    The permanent store belongs to the caller, who may share it between both directions and replace
    it: here it is only read.
    """

    def __init__(
        self,
        config: MemoryConfig,
        mode: MemoryMode,
        permanent: MemoryStore | None = None,
        sparse: bool = True,
    ) -> None:
        """Begin with nothing in working and long-term memory.

        Args:
            config: How much is kept.
            mode: Which prompted slices are references.
            permanent: Their memory.
            sparse: Whether to read as one product and its largest elements; otherwise the plain
                way, with the affinity of all elements, which gives the same.
        """
        self.permanent = MemoryStore() if permanent is None else permanent
        self._working = MemoryStore()
        self._long_term = MemoryStore()
        self._table: ReadTable | None = None
        self._table_of: tuple[MemoryStore, MemorySizes] | None = None
        self._config = config
        self._sparse = sparse
        # XMem's first frame is the reference; in the other mode the references are permanent
        self._slices_that_stay_first = 1 if mode is MemoryMode.PAPER else 0

    @property
    def sizes(self) -> MemorySizes:
        """Elements in each store."""
        return MemorySizes(len(self.permanent), len(self._working), len(self._long_term))

    @property
    def working(self) -> MemoryStore:
        """What is remembered of the newest slices, and in mode `PAPER` of the reference."""
        self._settle()
        return self._working

    @property
    def long_term(self) -> MemoryStore:
        """Prototypes of what was remembered before."""
        self._settle()
        return self._long_term

    def read(self, features: SliceFeatures) -> Tensor:
        """Return what the memory answers to a slice, and count what it used.

        Args:
            features: Of the slice, batch 1. At least one element is in memory.

        Returns:
            (1, C, h, w), C = objects times value channels, in the precision of the values.

        Source: XMem; long-term, working and permanent elements compete for one top-k.
        """
        if not self._sparse:
            answer = self._read_densely(features)
        elif self._is_small:
            answer = self._known().read(features.query[0], self._config.top_k)
        else:
            answer = self._read_sparsely(features)
        height, width = features.key.shape[-2:]
        return answer.T.reshape(1, -1, height, width)

    def add(self, features: SliceFeatures, value: Tensor) -> None:
        """Put a slice into working memory, and consolidate if that makes it full.

        Args:
            features: Of the slice, batch 1.
            value: (1, O, Cv, h, w).
        """
        elements = MemoryElements.of_slice(features, value)
        self.working.append(elements)
        per_slice = len(elements)
        if self._config.long_term and len(self.working) >= self._config.max_slices * per_slice:
            self._consolidate(per_slice)

    def _consolidate(self, per_slice: int) -> None:
        room = self._config.long_term_elements - self._config.prototypes
        if len(self.long_term) > room:
            self.long_term.keep(used_enough(self.long_term.usage, room))
        first = self._slices_that_stay_first * per_slice
        leaving = (self._config.max_slices - self._config.min_slices) * per_slice
        candidates = torch.arange(first, first + leaving, device=self.working.vectors.device)
        self.long_term.append(
            make_prototypes(
                self.working.elements.select(candidates),
                self.working.usage[candidates],
                self._config.prototypes,
            )
        )
        kept = torch.ones(len(self.working), dtype=torch.bool, device=candidates.device)
        kept[candidates] = False
        self.working.keep(kept)

    @property
    def _is_small(self) -> bool:
        sizes = self.sizes
        elements = sizes.permanent + sizes.working + sizes.long_term
        return elements <= SMALL_MEMORY and sizes.permanent <= SMALL_PERMANENT

    def _known(self) -> ReadTable:
        """Return everything in one table, made anew after every change."""
        now = (self.permanent, self.sizes)
        if self._table is None or self._table_of != now:
            self._settle()
            self._table, self._table_of = ReadTable(self._filled(), self.permanent), now
        return self._table

    def _settle(self) -> None:
        """Book what was read from the table, which is void from here on."""
        if self._table is not None:
            self._table.settle()
        self._table = None

    def _filled(self) -> list[MemoryStore]:
        return [store for store in (self._long_term, self._working, self.permanent) if len(store)]

    def _read_sparsely(self, features: SliceFeatures) -> Tensor:
        """Return the answer (Q, C): of every query only its most similar elements are looked at."""
        self._settle()
        stores = self._filled()
        blocks = [part for store in stores for part in torch.split(store.vectors, READ_BLOCK)]
        weights, index = top_k_weights(blocks, features.query[0], self._config.top_k)
        if len(stores) == 1:
            return self._ask(stores[0], weights, index)
        start, answers = 0, []
        for store in stores:
            inside = (index >= start) & (index < start + len(store))
            answers.append(self._ask(store, weights * inside, (index - start) * inside))
            start += len(store)
        return sum(answers[1:], start=answers[0])

    def _ask(self, store: MemoryStore, weights: Tensor, index: Tensor) -> Tensor:
        """Return the share of the answer (Q, C) that one store gives."""
        if store is not self.permanent:
            store.count(usage_of(weights, index, len(store)))
        return gather_readout(weights, index, store.value)

    def _read_densely(self, features: SliceFeatures) -> Tensor:
        """Return the answer (Q, C) as XMem computes it: similarities, affinity and sum of all."""
        stores = self._filled()
        pairwise = similarity(
            torch.cat([store.elements.key for store in stores]).T[None],
            torch.cat([store.elements.shrinkage for store in stores])[None, None],
            features.key.flatten(2),
            features.selection.flatten(2),
        )
        affinity = top_k_affinity(pairwise, self._config.top_k)[0]  # (N, Q)
        parts = torch.split(affinity, [len(store) for store in stores])
        for store, part in zip(stores, parts, strict=True):
            if store is not self.permanent:
                store.count(part.sum(dim=1))
        value = torch.cat([store.value for store in stores])
        return affinity.T.to(value.dtype) @ value
