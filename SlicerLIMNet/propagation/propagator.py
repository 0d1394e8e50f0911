"""From prompted slices through the volume in both directions, a slice of each way in turn."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence

import torch

from SlicerLIMNet.errors import Cancelled
from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.together import step_together
from SlicerLIMNet.networks.memory_interface import MemoryNetwork
from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.region import BoolArray, Region, RegionConfig
from SlicerLIMNet.propagation.savings import Savings
from SlicerLIMNet.propagation.schedule import (
    Direction,
    DirectionSchedule,
    RangeRule,
    legs_from_nearest,
)
from SlicerLIMNet.propagation.slice_views import (
    ImageSource,
    SeenSlices,
    SliceViews,
    ValueCache,
)
from SlicerLIMNet.propagation.way import PropagatedSlice, Way, empty_slice, reference_slice


class Propagator:
    """Runs rounds over one stack of slices and keeps what later rounds can use again.

    Source: LIM-Net (2024), propagation with XMem; XMem++ for mode `PERMANENT`. Differs: the network
    looks at a region that follows the object, a direction can stop where the object ends, and
    nothing that a mask does not change is computed twice.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        config: MemoryConfig,
        regions: RegionConfig,
        cache: FeatureCache[SeenSlices],
        device: torch.device,
        dtype: torch.dtype,
        savings: Savings | None = None,
    ) -> None:
        """Take a network that is on the device, in this precision, in evaluation mode."""
        self._network = network
        self._config = config
        self._regions = regions
        self._cache = cache
        self._values = ValueCache()
        self._device = device
        self._dtype = dtype
        self._savings = savings or Savings()

    def propagate(
        self,
        images: ImageSource,
        references: Mapping[int, BoolArray],
        start: int,
        n_slices: int,
        rule: RangeRule,
        mode: MemoryMode,
        region: Region,
        cancel: Callable[[], bool],
        from_nearest: bool = False,
        slice_step: float | None = None,
        settled: Container[int] = (),
    ) -> Iterator[PropagatedSlice]:
        """Yield every slice reached, near ones first; the start itself is not among them.

        Args:
            images: Slice index to (H, W) or (H, W, 3), float32, 0..1, all of one shape.
            references: Prompt masks (H, W) by slice, the start's among them. Mode `PAPER` looks at
                that one only; in mode `PERMANENT` the others are passed through unchanged.
            start: Slice index.
            n_slices: Of the stack.
            rule: How far to go.
            mode: What serves as reference.
            region: Around the object; each direction follows the object from there.
            cancel: Asked before every slice.
            from_nearest: Follow every slice from its nearest reference instead of from the start;
                in mode `PERMANENT` and a rule without a number of slices only.
            slice_step: From slice to slice, in pixels; networks that know distances need it.
            settled: With `from_nearest`: slices that are not reached, see `legs_from_nearest`.

        Raises:
            Cancelled: `cancel` said so; what was yielded until then is valid.
        """
        if mode is MemoryMode.PAPER:
            references = {start: references[start]}
        if cancel():
            raise Cancelled("the round was cancelled before its first slice")
        if from_nearest and mode is MemoryMode.PERMANENT and rule.slices_each_way is None:
            legs, empty = legs_from_nearest(_filled(references), n_slices, rule, settled)
            starts = [
                (leg.origin, DirectionSchedule(leg.origin, n_slices, leg.direction, leg.rule))
                for leg in legs
            ]
            yield from _known(references, start, empty, region)
        else:
            starts = [
                (start, DirectionSchedule(start, n_slices, direction, rule, references))
                for direction in Direction
            ]
        self._cache.set_focus(start)
        ways = self._begin(images, references, starts, n_slices, mode, region, slice_step)
        while ways := [way for way in ways if way.has_next]:
            for group in [ways] if self._savings.together else [[way] for way in ways]:
                if cancel():
                    raise Cancelled("the round was cancelled between two slices")
                for way, reached in zip(group, self._visit(group), strict=True):
                    yield reached
                    yield from way.beyond_end()

    @torch.inference_mode()
    def _begin(
        self,
        images: ImageSource,
        references: Mapping[int, BoolArray],
        starts: Sequence[tuple[int, DirectionSchedule]],
        n_slices: int,
        mode: MemoryMode,
        region: Region,
        slice_step: float | None,
    ) -> list[Way]:
        """Return the ways that have a slice to visit, ready for it; each from its own reference."""
        self._values.begin_round()
        views = SliceViews(
            self._network,
            self._cache,
            self._values,
            images,
            references,
            n_slices,
            self._savings.block,
            len(starts) + 1,
            self._device,
            self._dtype,
        )
        return [
            Way(
                self._network,
                self._config,
                mode,
                self._regions,
                views,
                schedule,
                origin,
                region,
                slice_step,
                self._savings.sparse,
            )
            for origin, schedule in starts
            if schedule.current is not None
        ]

    @torch.inference_mode()
    def _visit(self, ways: Sequence[Way]) -> list[PropagatedSlice]:
        """Return the next slice of every way: segmented, all together, or passed through."""
        slices = [way.next_slice for way in ways]
        seen = step_together(self._network, [new for new in slices if new is not None])
        answers = torch.cat(seen)[:, 0].cpu().numpy() if seen else ()  # one transfer
        segmented = zip(seen, answers, strict=True)
        return [
            way.pass_reference() if new is None else way.take(*next(segmented))
            for way, new in zip(ways, slices, strict=True)
        ]


def _filled(references: Mapping[int, BoolArray]) -> dict[int, bool]:
    return {index: bool(mask.any()) for index, mask in references.items()}


def _known(
    references: Mapping[int, BoolArray], start: int, empty: Sequence[int], region: Region
) -> Iterator[PropagatedSlice]:
    """Yield what needs no network: the other references, and slices that only empty ones touch."""
    for index, mask in references.items():
        if index != start:
            yield reference_slice(index, mask, Direction.FORWARD, region)
    for index in empty:
        yield empty_slice(index, Direction.FORWARD, region)
