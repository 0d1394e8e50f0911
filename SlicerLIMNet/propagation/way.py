"""One direction of a round: slice after slice through the network, following the object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from torch import Tensor

from SlicerLIMNet.imaging.resample import Box, bounding_box
from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.together import NextSlice
from SlicerLIMNet.memory.tracker import SequenceTracker
from SlicerLIMNet.networks.memory_interface import MemoryNetwork, Neighbour
from SlicerLIMNet.propagation.compass import Compass
from SlicerLIMNet.propagation.region import (
    BoolArray,
    FloatArray,
    Region,
    RegionConfig,
    Shape,
    follow,
    is_near_edge,
    object_box,
    resample_between,
)
from SlicerLIMNet.propagation.schedule import Direction, DirectionSchedule
from SlicerLIMNet.propagation.slice_views import SliceViews

NOTHING: Box = (0, 0, 0, 0)


class SliceKind(Enum):
    """How a slice got its mask."""

    NETWORK = "network"
    """The propagation network segmented it."""
    REFERENCE = "reference"
    """Its prompt mask was passed through."""
    BEYOND_END = "beyond end"
    """The direction had stopped before it: empty, and no network saw it."""


@dataclass(frozen=True, eq=False)
class PropagatedSlice:
    """One slice that a round has reached."""

    index: int
    """Slice index."""
    direction: Direction
    """On which way."""
    kind: SliceKind
    """How it got its mask."""
    probability: FloatArray
    """(rows, columns) of the box, 0..1; outside the box it is 0. The mask is what is over 0.5."""
    box: Box
    """First row, end row, first column, end column, inside the slice; of no size if empty."""
    region: Region
    """Where the network looked."""


def reference_slice(
    index: int, mask: BoolArray, direction: Direction, region: Region
) -> PropagatedSlice:
    """Return a reference as it was given."""
    box = bounding_box(mask) or NOTHING
    probability = _inside(mask, box).astype(np.float32)
    return PropagatedSlice(index, direction, SliceKind.REFERENCE, probability, box, region)


def empty_slice(index: int, direction: Direction, region: Region) -> PropagatedSlice:
    """Return a slice that no network saw."""
    nothing = np.zeros((0, 0), np.float32)
    return PropagatedSlice(index, direction, SliceKind.BEYOND_END, nothing, NOTHING, region)


class Way:
    """One direction from the start slice, with the state of the network on it."""

    def __init__(
        self,
        network: MemoryNetwork,
        config: MemoryConfig,
        mode: MemoryMode,
        regions: RegionConfig,
        views: SliceViews,
        schedule: DirectionSchedule,
        start: int,
        region: Region,
        slice_step: float | None,
        sparse: bool = True,
    ) -> None:
        """Pass through the start slice, a reference."""
        self._compass = Compass(views.references, schedule.direction, start, slice_step)
        self._mode = mode
        self._regions = regions
        self._views = views
        self._schedule = schedule
        self._region = region
        self._shape: Shape = views.references[start].shape
        features = views.features(start, region)
        permanent = views.permanent_memory(region) if mode is MemoryMode.PERMANENT else None
        self._tracker = SequenceTracker(network, config, mode, features, permanent, sparse)
        self._tracker.step_with_value(
            features, views.prompt(start, region), views.value(start, region)
        )

    @property
    def has_next(self) -> bool:
        """Whether a slice is left."""
        return self._schedule.current is not None

    @property
    def next_slice(self) -> NextSlice | None:
        """The next slice if the network is to segment it; `None` if it is a reference."""
        index = self._next
        if index in self._views.references:
            return None
        region = self._region
        return NextSlice(
            self._tracker,
            lambda: self._views.image(index, region),
            self._views.features(index, region),
            self._schedule.is_last,
            self._compass.place(index),
        )

    def take(self, seen: Tensor, answer: FloatArray) -> PropagatedSlice:
        """Go on from the next slice as the network segmented it.

        Args:
            seen: (1, 1, size, size), probabilities in the region.
            answer: (size, size), the same.
        """
        index = self._next
        probability, box = self._region.restore(answer, self._shape)
        reached = self._result(index, SliceKind.NETWORK, probability, box)
        return self._reached(reached, seen, is_reference=False)

    def pass_reference(self) -> PropagatedSlice:
        """Go on from the next slice, a reference, which is passed through unchanged."""
        index = self._next
        seen = self._tracker.step_with_value(
            self._views.features(index, self._region),
            self._views.prompt(index, self._region),
            self._views.value(index, self._region),
            is_last=self._schedule.is_last,
        )
        mask = self._views.references[index]
        self._compass.pass_reference(index)
        reached = reference_slice(index, mask, self._schedule.direction, self._region)
        return self._reached(reached, seen, is_reference=True)

    def beyond_end(self) -> Iterator[PropagatedSlice]:
        """Yield the slices that an early stop left out, all empty."""
        for index in self._schedule.beyond_end:
            yield empty_slice(index, self._schedule.direction, self._region)

    @property
    def _next(self) -> int:
        index = self._schedule.current
        assert index is not None
        return index

    def _reached(
        self, reached: PropagatedSlice, seen: Tensor, is_reference: bool
    ) -> PropagatedSlice:
        mask = reached.probability > 0.5
        self._schedule.advance(is_empty=not mask.any(), is_reference=is_reference)
        if self.has_next:
            self._follow(reached.index, seen, mask, reached.box)
        return reached

    def _result(
        self, index: int, kind: SliceKind, probability: FloatArray, box: Box
    ) -> PropagatedSlice:
        return PropagatedSlice(
            index, self._schedule.direction, kind, probability, box, self._region
        )

    def _follow(self, index: int, seen: Tensor, mask: BoolArray, box: Box) -> None:
        """Move the region if the object came near its edge, and see everything anew in it."""
        old = self._region
        if not is_near_edge(old, _moved(bounding_box(mask), box), self._shape, self._regions):
            return  # nor is the object without its specks, which take longer to tell
        new = follow(old, _moved(object_box(mask), box), self._shape, self._regions)
        if new == old:
            return
        hidden = self._tracker.hidden
        moved = resample_between(hidden.flatten(1, 2), old, new)
        moved = moved.reshape(*hidden.shape[:3], *moved.shape[-2:])
        features = self._views.features(index, new)
        neighbour = Neighbour(features, resample_between(seen, old, new))
        is_permanent = self._mode is MemoryMode.PERMANENT
        permanent = self._views.permanent_memory(new) if is_permanent else None
        self._tracker.move(moved, neighbour, permanent)
        self._region = new


def _moved(found: Box | None, box: Box) -> Box | None:
    """Return a box inside a box in pixels of the slice."""
    if found is None:
        return None
    return (found[0] + box[0], found[1] + box[0], found[2] + box[2], found[3] + box[2])


def _inside(mask: BoolArray, box: Box) -> BoolArray:
    return mask[box[0] : box[1], box[2] : box[3]]
