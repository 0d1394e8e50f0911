"""The fast way gives the probabilities of the plain one, whatever is kept already."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.networks.arranged import arranged
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.propagator import Propagator
from SlicerLIMNet.propagation.region import RegionConfig, choose_region
from SlicerLIMNet.propagation.savings import EXACT, PLAIN, Savings
from SlicerLIMNet.propagation.schedule import RangeRule
from SlicerLIMNet.propagation.way import PropagatedSlice
from Testing.unit.networks.made_networks import lively

SHAPE, SLICES = (72, 64), 18
REGIONS = RegionConfig(size=64, least_side=32)
CONFIG = MemoryConfig(every=2, max_slices=4, min_slices=2, prototypes=8)


@pytest.fixture(scope="module")
def network() -> LightMemoryNetwork:
    torch.manual_seed(0)
    return lively(LightMemoryNetwork(with_place=True))


def image(index: int) -> np.ndarray:
    draw = np.random.default_rng(index)
    return draw.random(SHAPE, np.float32) * 0.3 + 0.5 * disk(index)


def disk(index: int) -> np.ndarray:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - 20 - 2 * index, columns - 30) < 10


class Rounds:
    """Rounds over one stack of images with one kind of savings."""

    def __init__(self, network, savings: Savings, budget_mib: float = 100.0) -> None:
        self.cache = FeatureCache(budget_mib)
        self.propagator = Propagator(
            network, CONFIG, REGIONS, self.cache, torch.device("cpu"), torch.float32, savings
        )

    def run(
        self, known: tuple[int, ...], start: int, mode: MemoryMode, nearest: bool
    ) -> dict[int, PropagatedSlice]:
        references = {index: disk(index) for index in known}
        found = self.propagator.propagate(
            image,
            references,
            start,
            SLICES,
            RangeRule.whole(),
            mode,
            choose_region(references.values(), SHAPE, REGIONS),
            lambda: False,
            nearest,
            slice_step=2.0,
        )
        return {reached.index: reached for reached in found}


CASES = [
    ((9,), 9, MemoryMode.PAPER, False),
    ((9,), 9, MemoryMode.PERMANENT, True),
    ((3, 9, 14), 9, MemoryMode.PERMANENT, False),
    ((3, 9, 14), 14, MemoryMode.PERMANENT, True),
]


@pytest.mark.parametrize("case", CASES)
def test_the_fast_way_agrees_with_the_plain_one(network, case):
    plain = Rounds(network, PLAIN, budget_mib=0).run(*case)
    fast = Rounds(arranged(network), EXACT).run(*case)
    assert plain.keys() == fast.keys()
    for index, one in plain.items():
        other = fast[index]
        assert (one.box, one.region, one.kind) == (other.box, other.region, other.kind)
        assert np.abs(one.probability - other.probability).max(initial=0) < 1e-4
    assert max(float(one.probability.std()) for one in plain.values()) > 0.01


@pytest.mark.parametrize("budget_mib", [0.0, 1.0])
def test_what_was_kept_before_changes_no_bit(network, budget_mib):
    case = CASES[3]
    fresh = Rounds(arranged(network), EXACT).run(*case)
    busy = Rounds(arranged(network), EXACT, budget_mib)
    for before in CASES:
        busy.run(*before)
    again = busy.run(*case)
    assert busy.cache.bytes <= budget_mib * 2**20
    for index, one in fresh.items():
        assert np.array_equal(one.probability, again[index].probability)


def test_neighbours_are_encoded_once_and_in_blocks(network):
    seen = []

    class Counted(LightMemoryNetwork):
        def encode_key(self, image):
            seen.append(len(image))
            return super().encode_key(image)

    rounds = Rounds(lively(Counted()), EXACT)
    rounds.run((9,), 9, MemoryMode.PAPER, False)
    assert set(seen) == {1, 2, 4}  # a reference, the last two slices of 18, whole blocks
    done = len(seen)
    rounds.run((9,), 9, MemoryMode.PAPER, False)
    assert len(seen) == done


def test_a_block_has_a_slice():
    with pytest.raises(ConfigError, match="give 1 or more"):
        Savings(block=0)
