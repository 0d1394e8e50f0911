from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

from SlicerLIMNet.errors import Cancelled
from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.propagator import Propagator
from SlicerLIMNet.propagation.region import Region, RegionConfig, choose_region
from SlicerLIMNet.propagation.schedule import Direction, RangeRule
from SlicerLIMNet.propagation.way import PropagatedSlice, SliceKind
from Testing.unit.propagation.tiny_network import TinyNetwork

SHAPE = (96, 128)
SLICES = 24
REGIONS = RegionConfig(size=96, least_side=48)


def truth(index: int) -> np.ndarray:
    """Return a square of 16 pixels that moves by two a slice, on slices 3 to 18 only."""
    mask = np.zeros(SHAPE, bool)
    if 3 <= index <= 18:
        mask[40:56, 20 + 2 * index : 36 + 2 * index] = True
    return mask


def image(index: int) -> np.ndarray:
    return truth(index).astype(np.float32)


class Stack:
    """A propagator over the made slices, and what it needs."""

    def __init__(
        self,
        budget_mib: float = 100.0,
        config: MemoryConfig | None = None,
        regions: RegionConfig = REGIONS,
    ) -> None:
        self.network = TinyNetwork()
        self.cache = FeatureCache(budget_mib)
        self.propagator = Propagator(
            self.network,
            config or MemoryConfig(every=2),
            regions,
            self.cache,
            torch.device("cpu"),
            torch.float32,
        )

    def run(
        self,
        references: Mapping[int, np.ndarray] | None = None,
        start: int = 10,
        rule: RangeRule | None = None,
        mode: MemoryMode = MemoryMode.PERMANENT,
        region: Region | None = None,
        cancel: Callable[[], bool] = lambda: False,
    ) -> list[PropagatedSlice]:
        references = references or {start: truth(start)}
        region = region or choose_region([references[start]], SHAPE, REGIONS)
        rule = rule or RangeRule.whole()
        found = self.propagator.propagate(
            image, references, start, SLICES, rule, mode, region, cancel
        )
        return list(found)


@pytest.fixture
def stack() -> Stack:
    return Stack()


def mask_of(reached: PropagatedSlice) -> np.ndarray:
    top, bottom, left, right = reached.box
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = reached.probability > 0.5
    return mask


def dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum() + b.sum())
    return 1.0 if total == 0 else 2 * int((a & b).sum()) / total


@pytest.mark.parametrize("mode", list(MemoryMode))
def test_a_moving_object_is_followed_to_both_ends(stack, mode):
    found = stack.run(mode=mode)
    assert sorted(reached.index for reached in found) == [i for i in range(SLICES) if i != 10]
    for reached in found:
        assert dice(mask_of(reached), truth(reached.index)) > 0.9
        assert reached.probability.dtype == np.float32
    assert len({reached.region for reached in found}) > 2  # it left the first region both ways


@pytest.mark.parametrize("mode", list(MemoryMode))
def test_an_object_that_grows_is_seen_larger(mode):
    def grown(index: int) -> np.ndarray:
        mask = np.zeros(SHAPE, bool)
        half = 8 + 2 * index
        mask[48 - half : 48 + half, 64 - half : 64 + half] = True
        return mask

    regions = RegionConfig(size=128, least_size=64, least_side=48)
    stack = Stack(regions=regions)
    start = choose_region([grown(0)], SHAPE, regions)
    whole = RangeRule.whole()
    found = list(
        stack.propagator.propagate(
            lambda i: grown(i).astype(np.float32),
            {0: grown(0)},
            0,
            16,
            whole,
            mode,
            start,
            lambda: False,
        )
    )
    assert {reached.region.size for reached in found} == {64, 128}
    for reached in found:
        assert dice(mask_of(reached), grown(reached.index)) > 0.9


def test_near_slices_come_first_one_of_each_direction_in_turn(stack):
    found = stack.run(rule=RangeRule.each_way(3))
    assert [reached.index for reached in found] == [11, 9, 12, 8, 13, 7]
    assert {reached.direction for reached in found[::2]} == {Direction.FORWARD}


def test_the_other_direction_goes_on_alone(stack):
    found = stack.run(start=1, references={1: truth(5), 5: truth(5)})
    assert [reached.index for reached in found[:4]] == [2, 0, 3, 4]


def test_a_direction_stops_after_the_object_and_the_rest_is_empty(stack):
    found = {reached.index: reached for reached in stack.run(rule=RangeRule.until_end(3))}
    kinds = {index: reached.kind for index, reached in found.items()}
    assert {index for index, kind in kinds.items() if kind is SliceKind.BEYOND_END} == {22, 23}
    assert found[22].probability.size == 0
    assert not mask_of(found[22]).any()
    assert sum(kind is SliceKind.NETWORK for kind in kinds.values()) == 21


def test_prompted_slices_on_the_way_keep_their_mask_in_permanent_mode(stack):
    odd = np.zeros(SHAPE, bool)
    odd[30:70, 50:90] = True
    found = stack.run({10: truth(10), 13: odd, 6: np.zeros(SHAPE, bool)})
    by_index = {reached.index: reached for reached in found}
    assert by_index[13].kind is SliceKind.REFERENCE
    assert np.array_equal(mask_of(by_index[13]), odd)
    assert by_index[6].kind is SliceKind.REFERENCE
    assert not mask_of(by_index[6]).any()


def test_prompted_slices_on_the_way_are_ordinary_ones_in_paper_mode(stack):
    odd = np.zeros(SHAPE, bool)
    odd[30:70, 50:90] = True
    found = stack.run({10: truth(10), 13: odd}, mode=MemoryMode.PAPER)
    by_index = {reached.index: reached for reached in found}
    assert by_index[13].kind is SliceKind.NETWORK
    assert dice(mask_of(by_index[13]), truth(13)) > 0.9


def test_the_same_round_gives_the_same_bits(stack):
    first, again = stack.run(), stack.run()
    other = Stack().run()
    for a, b, c in zip(first, again, other, strict=True):
        assert (
            (a.index, a.box, a.region) == (b.index, b.box, b.region) == (c.index, c.box, c.region)
        )
        assert np.array_equal(a.probability, b.probability)
        assert np.array_equal(a.probability, c.probability)


def test_a_later_round_computes_no_key_and_no_value_of_a_reference_again(stack):
    stack.run()
    keys, values = stack.network.keys_made, stack.network.values_made
    stack.run()
    assert stack.network.keys_made == keys
    regions = len({reached.region for reached in stack.run()})
    per_round = stack.network.values_made - values
    assert per_round % 2 == 0
    assert per_round // 2 == values - regions


@pytest.mark.parametrize("budget_mib", [0.0, 0.3])
def test_a_small_cache_changes_time_and_not_masks(stack, budget_mib):
    poor = Stack(budget_mib)
    poor.run()
    for a, b in zip(stack.run(), poor.run(), strict=True):
        assert np.array_equal(a.probability, b.probability)
    assert poor.cache.bytes <= budget_mib * 2**20
    assert poor.network.keys_made > stack.network.keys_made


def test_cancelling_stops_between_two_slices(stack):
    asked = []

    def cancel() -> bool:
        asked.append(None)
        return len(asked) > 4

    found = []
    region = choose_region([truth(10)], SHAPE, REGIONS)
    ways = stack.propagator.propagate(
        image,
        {10: truth(10)},
        10,
        SLICES,
        RangeRule.whole(),
        MemoryMode.PERMANENT,
        region,
        cancel,
    )
    with pytest.raises(Cancelled):
        found.extend(ways)
    for reached in stack.run():  # the next round is not disturbed
        assert dice(mask_of(reached), truth(reached.index)) > 0.9


def test_a_stack_of_one_slice_reaches_nothing(stack):
    region = choose_region([truth(10)], SHAPE, REGIONS)
    found = stack.propagator.propagate(
        image, {0: truth(10)}, 0, 1, RangeRule.whole(), MemoryMode.PAPER, region, lambda: False
    )
    assert list(found) == []
    assert stack.network.keys_made == 0


def test_the_network_sees_the_slice_before_in_the_region_at_hand(stack):
    found = [reached for reached in stack.run() if reached.direction is Direction.FORWARD]
    assert len({reached.region for reached in found}) > 1
    for neighbour in stack.network.neighbours:
        grey = neighbour.features.skips[0] > 0.5
        assert dice((neighbour.probability > 0.5).numpy(), grey.numpy()) > 0.9


def test_colour_slices_are_taken(stack):
    region = choose_region([truth(10)], SHAPE, REGIONS)
    found = stack.propagator.propagate(
        lambda index: np.repeat(image(index)[:, :, None], 3, axis=2),
        {10: truth(10)},
        10,
        SLICES,
        RangeRule.each_way(1),
        MemoryMode.PERMANENT,
        region,
        lambda: False,
    )
    assert all(dice(mask_of(reached), truth(reached.index)) > 0.9 for reached in found)
