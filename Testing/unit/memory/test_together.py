"""Several ways as one batch give what each gives by itself."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.together import MOST_AT_ONCE, NextSlice, step_together
from SlicerLIMNet.memory.tracker import SequenceTracker, SlicePrompt
from SlicerLIMNet.networks.light_inference import LightMemoryInference
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.place import Place
from Testing.unit.networks.made_networks import lively

SIZE = 64
SLICES = 6


@pytest.fixture(autouse=True)
def made_the_same_every_time():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.fixture
def network() -> LightMemoryInference:
    return LightMemoryInference(lively(LightMemoryNetwork(with_place=True)))


def images_of(way: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(way)
    return torch.rand(SLICES, 3, SIZE, SIZE, generator=draw)


def begun(network, way: int, config: MemoryConfig) -> SequenceTracker:
    """Return a tracker that has passed a reference, some ways a slice more: clocks differ."""
    image = images_of(way)[:1]
    features = network.encode_key(image)
    tracker = SequenceTracker(network, config, MemoryMode.PAPER, features)
    mask = (image[:, 0] > 0.4 + 0.1 * (way % 3)).float()
    for _ in range(1 + way % 2):
        tracker.step(lambda: image, features, SlicePrompt(mask))
    return tracker


def masks(network, config: MemoryConfig, ways: range, together: bool) -> torch.Tensor:
    """Return (ways, slices, H, W) probabilities of ways that end one after the other."""
    trackers = {way: begun(network, way, config) for way in ways}
    found = torch.zeros(len(ways), SLICES, SIZE, SIZE)
    for t in range(1, SLICES):
        going = [way for way in ways if t < SLICES - way % 2]
        slices = []
        for way in going:
            image = images_of(way)[t : t + 1]
            slices.append(
                NextSlice(
                    trackers[way],
                    lambda image=image: image,
                    network.encode_key(image),
                    is_last=t == SLICES - 1 - way % 2,
                    place=None if way % 3 == 2 else Place(0.1 * t),
                )
            )
        groups = [slices] if together else [[new] for new in slices]
        seen = [mask for group in groups for mask in step_together(network, group)]
        for way, mask in zip(going, seen, strict=True):
            found[way, t] = mask[0, 0]
    return found


@pytest.mark.parametrize("deep_every", [None, 3])
def test_a_batch_of_ways_is_the_ways_by_themselves(network, deep_every):
    config = MemoryConfig(every=2, deep_every=deep_every)
    alone = masks(network, config, range(4), together=False)
    batch = masks(network, config, range(4), together=True)
    assert torch.allclose(batch, alone, atol=1e-4)
    assert alone[:, 1:4].std() > 0


def test_one_way_by_itself_is_the_step_of_its_tracker(network):
    config = MemoryConfig(every=2)
    trackers = [begun(network, 0, config), begun(network, 0, config)]
    for t in range(1, SLICES):
        image = images_of(0)[t : t + 1]
        features = network.encode_key(image)
        stepped = trackers[0].step(lambda image=image: image, features)
        batch = step_together(
            network, [NextSlice(trackers[1], lambda image=image: image, features)]
        )
        assert torch.equal(batch[0], stepped)
        assert torch.equal(trackers[0].hidden, trackers[1].hidden)
        assert trackers[0].memories[0].sizes == trackers[1].memories[0].sizes


def test_more_ways_than_a_batch_holds_keep_their_order(network):
    config = MemoryConfig(every=2)
    ways = range(MOST_AT_ONCE + 2)
    alone = masks(network, config, ways, together=False)
    assert torch.allclose(masks(network, config, ways, together=True), alone, atol=1e-4)


def test_ways_seen_in_other_sizes_go_apart_and_keep_their_order(network):
    config = MemoryConfig(every=2)

    def stepped(together: bool) -> list[torch.Tensor]:
        trackers, slices = [], []
        for way, size in enumerate((SIZE, SIZE // 2, SIZE)):
            image = images_of(way)[:1, :, :size, :size]
            features = network.encode_key(image)
            trackers.append(SequenceTracker(network, config, MemoryMode.PAPER, features))
            trackers[-1].step(lambda i=image: i, features, SlicePrompt((image[:, 0] > 0.5).float()))
            slices.append(NextSlice(trackers[-1], lambda i=image: i, features))
        groups = [slices] if together else [[new] for new in slices]
        return [mask for group in groups for mask in step_together(network, group)]

    for one, other in zip(stepped(True), stepped(False), strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, atol=1e-4)


def test_a_way_that_something_happened_to_is_not_taken_for_where_it_was(network):
    config = MemoryConfig(every=2)

    def later(together: bool) -> list[torch.Tensor]:
        trackers = [begun(network, way, config) for way in (0, 2)]
        groups = [[0, 1]] if together else [[0], [1]]
        found = []
        for t in range(1, 4):
            for group in groups:
                slices = []
                for k in group:
                    image = images_of(k)[t : t + 1]
                    slices.append(
                        NextSlice(trackers[k], lambda i=image: i, network.encode_key(image))
                    )
                found.append(torch.cat(step_together(network, slices)))
            if t == 1:  # one of them moves on
                hidden = torch.ones_like(trackers[1].hidden)
                trackers[1].move(hidden, trackers[1].neighbour, None)
        return found

    together, alone = later(True), later(False)
    assert torch.allclose(torch.cat(together), torch.cat(alone), atol=1e-4)


def test_trackers_go_as_soon_as_nobody_has_them(network):
    config = MemoryConfig(every=2)
    trackers = [begun(network, way, config) for way in (0, 2)]
    image = images_of(0)[1:2]
    features = network.encode_key(image)
    step_together(network, [NextSlice(tracker, lambda: image, features) for tracker in trackers])
    gone = [weakref.ref(tracker) for tracker in trackers]
    gc.disable()
    try:
        trackers.clear()
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
