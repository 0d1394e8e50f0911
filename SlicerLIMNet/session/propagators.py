"""One propagator for every stack of slices, so that sessions on one volume share its features."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.propagator import Propagator
from SlicerLIMNet.propagation.slice_views import SeenSlices

MIB = 2**20


class PropagatorPool:
    """Propagators by stack, with one memory budget for the features of all of them."""

    def __init__(
        self, make: Callable[[FeatureCache[SeenSlices]], Propagator], budget_mib: float
    ) -> None:
        """Begin without any.

        Args:
            make: A propagator that keeps features in a cache.
            budget_mib: For all caches together.
        """
        self._make = make
        self._budget_mib = budget_mib
        self._kept: dict[Hashable, tuple[Propagator, FeatureCache[SeenSlices]]] = {}

    @property
    def bytes(self) -> int:
        """Memory that all features take."""
        return sum(cache.bytes for _, cache in self._kept.values())

    def take(self, stack_key: Hashable) -> Propagator:
        """Return the propagator of a stack, a new one if there is none; it is now the newest."""
        found = self._kept.pop(stack_key, None)
        if found is None:
            cache = FeatureCache[SeenSlices](self._budget_mib)
            found = (self._make(cache), cache)
        self._kept[stack_key] = found
        return found[0]

    def trim(self) -> None:
        """Forget the stacks used longest ago while all features together exceed the budget."""
        while self.bytes > self._budget_mib * MIB and len(self._kept) > 1:
            del self._kept[next(iter(self._kept))]
