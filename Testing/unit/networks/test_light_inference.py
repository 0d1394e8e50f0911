"""The light propagation network arranged for work gives what the trained one gives."""

from __future__ import annotations

import pytest
import torch

from SlicerLIMNet.networks.light_inference import LightMemoryInference
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.memory_interface import Neighbour
from SlicerLIMNet.networks.place import PLACE_NUMBERS
from Testing.unit.networks.made_networks import lively

SIZE, GRID = 64, 4


@pytest.fixture(autouse=True)
def made_the_same_every_time():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, atol=1e-4, rtol=1e-4)


def hidden_of(objects: int) -> torch.Tensor:
    return torch.randn(2, objects, 64, GRID, GRID) * 0.3


@pytest.fixture(params=[False, True])
def pair(request) -> tuple[LightMemoryNetwork, LightMemoryInference]:
    network = lively(LightMemoryNetwork(with_place=request.param))
    return network, LightMemoryInference(network)


def test_keys_are_the_same(pair):
    image = torch.rand(2, 3, SIZE, SIZE)
    one, other = (network.encode_key(image) for network in pair)
    for name in ("key", "shrinkage", "selection"):
        assert close(getattr(one, name), getattr(other, name))
    assert close(one.skips[0], other.skips[0])


@pytest.mark.parametrize("objects", [1, 2])
@pytest.mark.parametrize("deep", [False, True])
def test_values_and_deep_updates_are_the_same(pair, objects, deep):
    image, mask = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, objects, SIZE, SIZE)
    hidden = hidden_of(objects)
    found = [
        network.encode_value(image, network.encode_key(image), mask, hidden, deep)
        for network in pair
    ]
    assert all(close(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("objects", [1, 2])
def test_a_grey_slice_is_one_of_three_equal_colours(pair, objects):
    grey, mask = torch.rand(2, 1, SIZE, SIZE), torch.rand(2, objects, SIZE, SIZE)
    for network in pair:
        seen = [network.encode_key(image) for image in (grey, grey.repeat(1, 3, 1, 1))]
        assert close(seen[0].key, seen[1].key)
        assert all(close(one, other) for one, other in zip(*(f.skips for f in seen), strict=True))
        values = [
            network.encode_value(image, features, mask, hidden_of(objects), False)[0]
            for image, features in zip((grey, grey.repeat(1, 3, 1, 1)), seen, strict=True)
        ]
        assert close(*values)


def test_small_linear_layers_stay_in_float32(pair):
    weights = {
        name: layer.weight
        for name, layer in pair[1].to(torch.bfloat16).named_modules()
        if isinstance(layer, torch.nn.Linear)
    }
    assert weights
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


@pytest.mark.parametrize("objects", [1, 2])
@pytest.mark.parametrize("has_neighbour", [False, True])
@pytest.mark.parametrize("knows_place", [False, True])
def test_masks_and_sensory_states_are_the_same(pair, objects, has_neighbour, knows_place):
    image, before = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 3, SIZE, SIZE)
    mask, hidden = torch.rand(2, objects, SIZE, SIZE), hidden_of(objects)
    readout = torch.randn(2, objects, 128, GRID, GRID)
    place = torch.rand(2, PLACE_NUMBERS) if knows_place else None
    found = []
    for network in pair:
        neighbour = Neighbour(network.encode_key(before), mask) if has_neighbour else None
        features = network.encode_key(image)
        found.append(network.decode(features, readout, hidden, neighbour, True, place))
    assert all(close(one, other) for one, other in zip(*found, strict=True))
    assert found[0][0].std() > 0


def test_a_sensory_state_that_is_not_updated_stays(pair):
    network, hidden = pair[1], hidden_of(1)
    features = network.encode_key(torch.rand(2, 3, SIZE, SIZE))
    _, after = network.decode(features, torch.randn(2, 1, 128, GRID, GRID), hidden, None, False)
    assert torch.equal(after, hidden)


def test_what_is_kept_of_a_slice_fits_the_budget_of_a_long_volume(pair):
    features = pair[1].encode_key(torch.rand(1, 3, 128, 128))
    assert features.bytes < 1024 * 2**20 / 1000
