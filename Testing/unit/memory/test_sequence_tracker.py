from __future__ import annotations

import pytest
import torch
from torch import Tensor

from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.manager import MemorySizes
from SlicerLIMNet.memory.store import MemoryElements, MemoryStore
from SlicerLIMNet.memory.tracker import SequenceTracker, SlicePrompt, aggregated_prompt
from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures
from Testing.unit.propagation.tiny_network import TinyNetwork

SIZE = 48
CONFIG = MemoryConfig(every=2)


def made_image(row: int) -> Tensor:
    """Return a bright square of 16 pixels on black, at a row."""
    image = torch.zeros(1, 3, SIZE, SIZE)
    image[:, :, row : row + 16, 16:32] = 1.0
    return image


def prompt(row: int) -> SlicePrompt:
    return SlicePrompt(made_image(row)[:, 0])


@pytest.fixture
def network() -> TinyNetwork:
    return TinyNetwork()


def made_tracker(network: TinyNetwork, mode: MemoryMode, permanent: MemoryStore | None = None):
    like = network.encode_key(made_image(0))
    return SequenceTracker(network, CONFIG, mode, like, permanent)


def step(tracker: SequenceTracker, network: TinyNetwork, row: int, **options) -> Tensor:
    image = made_image(row)
    return tracker.step(lambda: image, network.encode_key(image), **options)


def with_value(network: TinyNetwork, row: int) -> tuple[SliceFeatures, SlicePrompt, Tensor]:
    image, mask = made_image(row), prompt(row)
    features = network.encode_key(image)
    hidden = torch.zeros(1, 1, 1, 3, 3)
    value, _ = network.encode_value(image, features, aggregated_prompt(mask), hidden, deep=False)
    return features, mask, value


def test_the_object_is_found_where_it_went(network):
    tracker = made_tracker(network, MemoryMode.PAPER)
    first = step(tracker, network, 16, prompt=prompt(16))
    assert torch.equal(first > 0.5, made_image(16)[:, :1] > 0.5)
    found = step(tracker, network, 32)
    assert torch.equal(found > 0.5, made_image(32)[:, :1] > 0.5)


def test_a_known_value_gives_what_encoding_it_gives(network):
    encoded = made_tracker(network, MemoryMode.PAPER)
    known = made_tracker(network, MemoryMode.PAPER)
    first = step(encoded, network, 16, prompt=prompt(16))
    assert torch.equal(known.step_with_value(*with_value(network, 16)), first)
    assert torch.equal(known.hidden, encoded.hidden)
    assert known.memories[0].sizes == encoded.memories[0].sizes == MemorySizes(0, 9, 0)
    assert torch.equal(step(known, network, 0), step(encoded, network, 0))


def test_a_permanent_reference_is_passed_through_and_nothing_is_added(network):
    features, mask, value = with_value(network, 16)
    permanent = MemoryStore()
    permanent.append(MemoryElements.of_slice(features, value))
    tracker = made_tracker(network, MemoryMode.PERMANENT, permanent)
    found = tracker.step_with_value(features, mask, value)
    assert torch.equal(found > 0.5, mask.masks[None] > 0.5)
    assert tracker.memories[0].sizes == MemorySizes(9, 0, 0)
    assert tracker.hidden.unique().tolist() == [10]  # one deep update
    step(tracker, network, 16)
    tracker.step_with_value(features, mask, value)
    assert tracker.hidden.unique().tolist() == [21]  # kept, a normal update, a deep one
    assert tracker.memories[0].sizes == MemorySizes(9, 0, 0)


def test_only_remembered_slices_are_looked_at_again(network):
    tracker = made_tracker(network, MemoryMode.PAPER)
    asked = []

    def image_of(t: int) -> Tensor:
        asked.append(t)
        return made_image(16)

    for t in range(6):
        mask = prompt(16) if t == 0 else None
        tracker.step(lambda t=t: image_of(t), network.encode_key(made_image(16)), mask, t == 5)
    assert asked == [0, 2, 4]
    assert network.values_made == 3


def test_an_object_that_comes_later_is_added_and_overrides_the_others(network):
    tracker = made_tracker(network, MemoryMode.PAPER)
    step(tracker, network, 16, prompt=prompt(16))
    half = made_image(16)[:, 0].clone()
    half[:, :, :24] = 0
    found = step(tracker, network, 16, prompt=SlicePrompt(half, (1,)))
    assert found.shape[1] == 2
    assert torch.equal(found[:, 1] > 0.5, half > 0.5)
    assert not (found[:, 0] > 0.5)[half > 0.5].any()
    assert tracker.hidden.shape[1] == 2
    assert [memory.sizes.working for memory in tracker.memories] == [18, 9]


def test_the_slice_before_is_shown_to_the_network(network):
    tracker = made_tracker(network, MemoryMode.PAPER)
    first = step(tracker, network, 16, prompt=prompt(16))
    step(tracker, network, 16)
    assert torch.equal(network.neighbours[-1].probability, first)


def test_moving_replaces_sensory_state_neighbour_and_references_only(network):
    features, mask, value = with_value(network, 16)
    old, new = MemoryStore(), MemoryStore()
    old.append(MemoryElements.of_slice(features, value))
    new.append(MemoryElements.of_slice(features, value))
    tracker = made_tracker(network, MemoryMode.PERMANENT, old)
    tracker.step_with_value(features, mask, value)
    for _ in range(3):
        step(tracker, network, 16)
    working = tracker.memories[0].working.value.clone()
    neighbour = Neighbour(features, torch.zeros(1, 1, SIZE, SIZE))
    tracker.move(tracker.hidden + 5, neighbour, new)
    assert tracker.memories[0].permanent is new
    assert torch.equal(tracker.memories[0].working.value, working)
    step(tracker, network, 16)
    assert network.neighbours[-1] is neighbour
