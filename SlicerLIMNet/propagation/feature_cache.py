"""Features of slices, kept for later rounds within a memory budget."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from SlicerLIMNet.propagation.region import Region

MIB = 2**20


class Sized(Protocol):
    """What can be kept: it knows its size."""

    @property
    def bytes(self) -> int:
        """Memory that it takes."""


Kept = TypeVar("Kept", bound=Sized)


class FeatureCache(Generic[Kept]):
    """Features of slices in a region; those farthest from the focus go first.

    A cache belongs to one network and one stack of images: whoever changes the plane, the window,
    the weights or the precision takes another cache.
    """

    def __init__(self, budget_mib: float) -> None:
        self._budget_bytes = budget_mib * MIB
        self._bytes = 0
        self._features: dict[tuple[range, Region], Kept] = {}
        self._focus = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._features)

    @property
    def bytes(self) -> int:
        """Memory in use."""
        return self._bytes

    def set_focus(self, slice_index: int) -> None:
        """Say around which slice the work is: entries near it are worth the most."""
        self._focus = slice_index

    def get(self, slices: range, region: Region) -> Kept | None:
        """Return the features that were kept of just these slices, or `None`."""
        found = self._features.get((slices, region))
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, slices: range, region: Region, features: Kept) -> None:
        """Keep the features of slices; others, or these themselves, go if the budget is full."""
        key = (slices, region)
        if key in self._features:
            self._bytes -= self._features.pop(key).bytes
        self._features[key] = features
        self._bytes += features.bytes
        while self._bytes > self._budget_bytes:
            self._bytes -= self._features.pop(self._least_worth(region)).bytes

    def clear(self) -> None:
        """Forget everything."""
        self._features.clear()
        self._bytes = 0

    def _least_worth(self, region: Region) -> tuple[range, Region]:
        """Return an entry of another region than the one in use, else the farthest slice."""

        def worth(key: tuple[range, Region]) -> tuple[bool, int]:
            return (key[1] == region, -abs(key[0].start - self._focus))

        return min(self._features, key=worth)
