from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from SlicerLIMNet.networks.affinity import (
    gather_readout,
    memory_vectors,
    query_vectors,
    top_k_weights,
)
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.memory_interface import Neighbour, SliceFeatures
from SlicerLIMNet.networks.place import Place

SIZE = 64
GRID = SIZE // 16


@pytest.fixture(scope="module")
def network() -> LightMemoryNetwork:
    torch.manual_seed(5)
    network = LightMemoryNetwork().eval()
    with torch.no_grad():
        for layer in network.modules():  # statistics as after training, not zeros and ones
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.2, 0.2)
                layer.running_var.uniform_(0.5, 1.5)
    return network


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def image_of(batch: int = 1, size: int = SIZE) -> Tensor:
    return rand(batch, 3, size, size, seed=1)


def mask_of(objects: int, batch: int = 1, size: int = SIZE) -> Tensor:
    return rand(batch, objects, size, size, seed=2)


def hidden_of(objects: int, batch: int = 1) -> Tensor:
    return rand(batch, objects, 64, GRID, GRID, seed=3) - 0.5


def readout_of(objects: int, batch: int = 1) -> Tensor:
    return rand(batch, objects, 128, GRID, GRID, seed=4) - 0.5


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)


def flops_of(call) -> tuple[float, object]:
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        answer = call()
    return counter.get_total_flops(), answer


def test_parameters_stay_within_the_budget(network):
    assert sum(parameter.numel() for parameter in network.parameters()) <= 4_000_000


def test_work_on_a_slice_stays_within_the_budget(network):
    """GFLOP, multiply and add = 2: key 1.358, values 0.392, decoder 0.615, fullest memory 0.46.

    The worst slice is one that becomes a memory slice while everything that memory may hold is
    there: 9 slices of working memory, 10000 long-term elements and five prompted slices.
    """
    size, grid = 192, 12
    image, mask = image_of(size=size), mask_of(1, size=size)
    hidden = torch.zeros(1, 1, 64, grid, grid)
    key_work, features = flops_of(lambda: network.encode_key(image))
    value_work, stored = flops_of(lambda: network.encode_value(image, features, mask, hidden, True))
    neighbour = Neighbour(features, mask)
    decoder_work, _ = flops_of(
        lambda: network.decode(features, stored[0], hidden, neighbour, update_hidden=True)
    )
    query = query_vectors(
        features.key[0].flatten(1).T.contiguous(), features.selection[0].flatten(1).T.contiguous()
    )
    elements = 10_000 + (9 + 5) * grid**2
    memory = memory_vectors(torch.zeros(elements, network.key_channels), torch.ones(elements))
    values = torch.zeros(elements, network.value_channels)
    read_work, _ = flops_of(
        lambda: gather_readout(*top_k_weights([memory], query, top_k=30), values)
    )
    later_round = value_work + decoder_work + read_work
    assert read_work > 2 * elements * query.numel() * 0.99
    assert later_round <= 1.5e9
    assert key_work + later_round <= 3.0e9


def test_checkpoints_find_their_parts(network):
    parts = {name.split(".")[0] for name in network.state_dict()}
    assert parts == {"key_encoder", "key", "shrinkage", "selection", "value_encoder", "decoder"}


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80)])
@torch.inference_mode()
def test_features_are_what_the_interface_says(network, height, width):
    features = network.encode_key(rand(2, 3, height, width))
    grid = (height // network.stride, width // network.stride)
    assert features.key.shape == features.selection.shape == (2, network.key_channels, *grid)
    assert features.shrinkage.shape == (2, 1, *grid)
    assert (features.shrinkage >= 1).all()
    assert ((features.selection > 0) & (features.selection < 1)).all()
    assert features.batch == 2
    assert all(len(skip) == 2 for skip in features.skips)


@pytest.mark.parametrize("objects", [1, 2])
@torch.inference_mode()
def test_values_and_states_have_an_entry_for_every_object(network, objects):
    image, mask, hidden = image_of(2), mask_of(objects, 2), hidden_of(objects, 2)
    value, updated = network.encode_value(image, network.encode_key(image), mask, hidden, True)
    assert value.shape == (2, objects, network.value_channels, GRID, GRID)
    assert updated.shape == hidden.shape == (2, objects, network.hidden_channels, GRID, GRID)


@pytest.mark.parametrize("objects", [1, 2])
@torch.inference_mode()
def test_logits_have_the_size_of_the_input_for_every_object(network, objects):
    features = network.encode_key(image_of(2))
    neighbour = Neighbour(network.encode_key(1 - image_of(2)), mask_of(objects, 2))
    hidden = hidden_of(objects, 2)
    logits, updated = network.decode(features, readout_of(objects, 2), hidden, neighbour, True)
    assert logits.shape == (2, objects, SIZE, SIZE)
    assert updated.shape == hidden.shape
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("objects", [1, 2])
@torch.inference_mode()
def test_the_state_comes_back_as_it_went_in_without_an_update(network, objects):
    image, hidden = image_of(), hidden_of(objects)
    features = network.encode_key(image)
    _, kept = network.encode_value(image, features, mask_of(objects), hidden, False)
    assert torch.equal(kept, hidden)
    _, kept = network.decode(features, readout_of(objects), hidden, None, update_hidden=False)
    assert torch.equal(kept, hidden)
    _, updated = network.decode(features, readout_of(objects), hidden, None, update_hidden=True)
    assert not torch.allclose(updated, hidden)


@torch.inference_mode()
def test_values_do_not_depend_on_the_state(network):
    image = image_of()
    features = network.encode_key(image)
    value, _ = network.encode_value(image, features, mask_of(1), hidden_of(1), True)
    other, _ = network.encode_value(image, features, mask_of(1), 0 * hidden_of(1), False)
    assert torch.equal(value, other)


@torch.inference_mode()
def test_a_deep_update_from_stored_values_is_the_one_made_with_them(network):
    image, hidden = image_of(), hidden_of(2)
    features = network.encode_key(image)
    value, updated = network.encode_value(image, features, mask_of(2), hidden, True)
    close(network.deep_update(value, hidden), updated)


@torch.inference_mode()
def test_two_objects_have_the_values_of_one_run_twice_but_for_the_others(network):
    image, masks, hidden = image_of(), mask_of(2), hidden_of(2)
    features = network.encode_key(image)
    together, _ = network.encode_value(image, features, masks, hidden, False)
    beside_nothing = torch.stack([masks[:, 0], torch.zeros_like(masks[:, 0])], dim=1)
    without_others, _ = network.encode_value(image, features, beside_nothing, hidden, False)
    alone, _ = network.encode_value(image, features, masks[:, :1], hidden[:, :1], False)
    close(without_others[:, :1], alone)
    assert not torch.allclose(together[:, :1], alone, atol=1e-3)


@pytest.mark.parametrize("objects", [1, 2, 3])
@torch.inference_mode()
def test_an_object_is_encoded_with_its_mask_and_that_of_the_others(network, objects):
    seen: list[Tensor] = []
    handle = network.value_encoder.register_forward_pre_hook(
        lambda _, arguments: seen.append(arguments[0])
    )
    image, masks = image_of(2), mask_of(objects, 2)
    network.encode_value(image, network.encode_key(image), masks, hidden_of(objects, 2), False)
    handle.remove()
    shown = seen[0].unflatten(0, (2, objects))
    for number in range(objects):
        others = sum(masks[:, k] for k in range(objects) if k != number)
        close(shown[:, number, :3], image)
        close(shown[:, number, 3], masks[:, number])
        close(shown[:, number, 4], others + torch.zeros_like(masks[:, 0]))


@torch.inference_mode()
def test_two_objects_that_swap_places_swap_their_values(network):
    image, masks, hidden = image_of(), mask_of(2), hidden_of(2)
    features = network.encode_key(image)
    value, _ = network.encode_value(image, features, masks, hidden, False)
    swapped, _ = network.encode_value(image, features, masks.flip(1), hidden, False)
    close(swapped.flip(1), value)


@torch.inference_mode()
def test_two_objects_are_decoded_and_updated_like_one_run_twice(network):
    features = network.encode_key(image_of())
    before, masks = network.encode_key(1 - image_of()), mask_of(2)
    readout, hidden, value = readout_of(2), hidden_of(2), readout_of(2) + 1
    logits, updated = network.decode(features, readout, hidden, Neighbour(before, masks), True)
    deep = network.deep_update(value, hidden)
    for item in (slice(0, 1), slice(1, 2)):
        alone, state = network.decode(
            features, readout[:, item], hidden[:, item], Neighbour(before, masks[:, item]), True
        )
        close(logits[:, item], alone)
        close(updated[:, item], state)
        close(deep[:, item], network.deep_update(value[:, item], hidden[:, item]))


@pytest.mark.parametrize("objects", [1, 2])
@torch.inference_mode()
def test_a_missing_neighbour_is_the_slice_itself_with_nothing_on_it(network, objects):
    features = network.encode_key(image_of())
    readout, hidden = readout_of(objects), hidden_of(objects)
    missing, _ = network.decode(features, readout, hidden, None, False)
    empty = Neighbour(features, torch.zeros(1, objects, SIZE, SIZE))
    assert torch.equal(missing, network.decode(features, readout, hidden, empty, False)[0])


@torch.inference_mode()
def test_neighbour_readout_and_state_all_matter(network):
    features = network.encode_key(image_of())
    readout, hidden = readout_of(1), hidden_of(1)
    neighbour = Neighbour(network.encode_key(1 - image_of()), mask_of(1))
    plain = network.decode(features, readout, hidden, neighbour, False)[0]
    inverted = Neighbour(neighbour.features, 1 - neighbour.probability)
    for other in (
        (features, -readout, hidden, neighbour, False),
        (features, readout, -hidden, neighbour, False),
        (features, readout, hidden, inverted, False),
        (neighbour.features, readout, hidden, neighbour, False),
    ):
        assert not torch.allclose(network.decode(*other)[0], plain, atol=1e-3)


@torch.inference_mode()
def test_slices_of_a_batch_do_not_see_each_other(network):
    images = torch.cat([image_of(), 1 - image_of()])
    masks, hidden, readout = mask_of(2, 2), hidden_of(2, 2), readout_of(2, 2)
    features = network.encode_key(images)
    value, _ = network.encode_value(images, features, masks, hidden, False)
    logits, _ = network.decode(features, readout, hidden, Neighbour(features, masks), False)
    for index in range(2):
        item = slice(index, index + 1)
        alone = network.encode_key(images[item])
        close(features.key[item], alone.key)
        close(
            value[item],
            network.encode_value(images[item], alone, masks[item], hidden[item], False)[0],
        )
        before = Neighbour(alone, masks[item])
        close(logits[item], network.decode(alone, readout[item], hidden[item], before, False)[0])


@torch.inference_mode()
def test_channels_last_gives_the_same_result(network):
    turned = LightMemoryNetwork().eval()
    turned.load_state_dict(network.state_dict())
    turned.to(memory_format=torch.channels_last)
    image, mask, hidden, readout = image_of(), mask_of(2), hidden_of(2), readout_of(2)
    answers = []
    for one, picture in (
        (network, image),
        (turned, image.contiguous(memory_format=torch.channels_last)),
    ):
        features = one.encode_key(picture)
        value, deep = one.encode_value(picture, features, mask, hidden, True)
        logits, state = one.decode(features, readout, hidden, Neighbour(features, mask), True)
        answers.append((*tensors_of(features), value, deep, logits, state))
    for straight, other in zip(*answers, strict=True):
        close(other, straight)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.inference_mode()
def test_low_precision_gives_nearly_the_same_result(network, dtype):
    low = LightMemoryNetwork().eval()
    low.load_state_dict(network.state_dict())
    low.to(dtype)
    image, mask, hidden, readout = image_of(), mask_of(1), hidden_of(1), readout_of(1)
    features = low.encode_key(image.to(dtype))
    value, _ = low.encode_value(image.to(dtype), features, mask, hidden.to(dtype), True)
    neighbour = Neighbour(features, mask)
    logits, _ = low.decode(features, readout.to(dtype), hidden.to(dtype), neighbour, True)
    assert value.dtype == logits.dtype == dtype
    exact = network.encode_key(image)
    expected, _ = network.decode(exact, readout, hidden, Neighbour(exact, mask), True)
    torch.testing.assert_close(logits.float(), expected, atol=0.1, rtol=0.1)


def tensors_of(features: SliceFeatures) -> tuple[Tensor, ...]:
    return (features.key, features.shrinkage, features.selection, *features.skips)


def test_places_change_nothing_before_they_are_learned_and_something_afterwards():
    torch.manual_seed(0)
    network = LightMemoryNetwork(with_place=True).eval()
    features, readout = network.encode_key(image_of()), readout_of(1)
    hidden = features.key.new_zeros(1, 1, network.hidden_channels, *features.key.shape[-2:])
    place = torch.tensor([Place(0.5).numbers()])
    plain, _ = network.decode(features, readout, hidden, None, False)
    assert torch.equal(network.decode(features, readout, hidden, None, False, place)[0], plain)
    nn.init.normal_(network.decoder.place[2].weight)
    far = torch.tensor([Place(2.0).numbers()])
    answers = [
        network.decode(features, readout, hidden, None, False, at)[0] for at in (None, place, far)
    ]
    assert torch.equal(answers[0], plain)
    assert not torch.equal(answers[1], plain)
    assert not torch.equal(answers[1], answers[2])
