"""The propagator runs XMem in both directions as single sequences run it, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.store import MemoryElements, MemoryStore
from SlicerLIMNet.memory.tracker import SequenceTracker, SlicePrompt, aggregated_prompt
from SlicerLIMNet.networks.arranged import arranged
from SlicerLIMNet.networks.memory_interface import SliceFeatures
from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.propagator import Propagator
from SlicerLIMNet.propagation.region import Region, RegionConfig
from SlicerLIMNet.propagation.savings import EXACT, PLAIN
from SlicerLIMNet.propagation.schedule import Direction, RangeRule
from SlicerLIMNet.propagation.way import PropagatedSlice
from Testing.parity.recipe_xmem import made_image, made_mask, xmem_network

SIDE = 64
SLICES = 7
START, OTHER = 3, 5
CONFIG = MemoryConfig(every=2)
WHOLE = Region((0, SIDE, 0, SIDE), SIDE)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def image(index: int) -> np.ndarray:
    return made_image(index, SIDE, SIDE).transpose(1, 2, 0)


def mask(index: int) -> np.ndarray:
    return made_mask(index, SIDE, SIDE) > 0


def seen(index: int) -> tuple[Tensor, SliceFeatures]:
    tensor = torch.from_numpy(made_image(index, SIDE, SIDE))[None]
    tensor = tensor.contiguous(memory_format=torch.channels_last)  # as the propagator has it
    return tensor, xmem_network().encode_key(tensor)


def reference(index: int) -> tuple[SliceFeatures, SlicePrompt, Tensor]:
    prompt = SlicePrompt(torch.from_numpy(mask(index).astype(np.float32))[None])
    tensor, features = seen(index)
    hidden = torch.zeros(1, 1, 64, SIDE // 16, SIDE // 16)
    value, _ = xmem_network().encode_value(
        tensor, features, aggregated_prompt(prompt), hidden, deep=False
    )
    return features, prompt, value


def sequence(mode: MemoryMode, order: range) -> dict[int, np.ndarray]:
    """Return the masks of one direction, run by itself."""
    references = {index: reference(index) for index in (START, OTHER)}
    permanent = MemoryStore()
    if mode is MemoryMode.PERMANENT:
        for features, _, value in references.values():
            permanent.append(MemoryElements.of_slice(features, value))
    tracker = SequenceTracker(xmem_network(), CONFIG, mode, references[START][0], permanent)
    found = {}
    for index in order:
        is_last = index == order[-1]
        if index == START or (index == OTHER and mode is MemoryMode.PERMANENT):
            probability = tracker.step_with_value(*references[index], is_last=is_last)
        else:
            tensor, features = seen(index)
            probability = tracker.step(lambda t=tensor: t, features, is_last=is_last)
        found[index] = probability[0, 0].numpy()
    return found


def propagated(propagator: Propagator, mode: MemoryMode) -> list[PropagatedSlice]:
    references = {START: mask(START), OTHER: mask(OTHER)}
    whole = RangeRule.whole()
    ways = propagator.propagate(image, references, START, SLICES, whole, mode, WHOLE, lambda: False)
    return list(ways)


@pytest.mark.parametrize("mode", list(MemoryMode))
def test_both_directions_are_the_sequences_run_by_themselves(mode):
    propagator = Propagator(
        xmem_network(),
        CONFIG,
        RegionConfig(size=SIDE),
        FeatureCache(1000.0),
        torch.device("cpu"),
        torch.float32,
    )
    forward = sequence(mode, range(START, SLICES))
    backward = sequence(mode, range(START, -1, -1))
    found = propagated(propagator, mode)
    assert sorted(reached.index for reached in found) == [0, 1, 2, 4, 5, 6]
    for reached in found:
        alone = forward if reached.direction is Direction.FORWARD else backward
        if mode is MemoryMode.PERMANENT and reached.index == OTHER:
            continue  # its prompt mask, in pixels of the slice
        assert np.array_equal(reached.probability, alone[reached.index])


@pytest.mark.parametrize("mode", list(MemoryMode))
def test_the_fast_way_agrees_with_the_plain_one(mode):
    found = []
    for network, savings in ((xmem_network(), PLAIN), (arranged(xmem_network()), EXACT)):
        propagator = Propagator(
            network,
            CONFIG,
            RegionConfig(size=SIDE),
            FeatureCache(1000.0),
            torch.device("cpu"),
            torch.float32,
            savings,
        )
        found.append({reached.index: reached for reached in propagated(propagator, mode)})
    plain, fast = found
    assert plain.keys() == fast.keys()
    for index, one in plain.items():
        assert np.abs(one.probability - fast[index].probability).max(initial=0) < 1e-4
