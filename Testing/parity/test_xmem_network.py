"""Key encoder, value encoder and decoder of XMem against the published implementation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from SlicerLIMNet.networks.affinity import (
    aggregate_logits,
    full_affinity,
    readout,
    similarity,
)
from SlicerLIMNet.networks.memory_interface import SliceFeatures
from Testing.parity.recipe_xmem import (
    HERE,
    made_image,
    made_mask,
    made_normalised_image,
    made_tensor,
    xmem_network,
)

GRID = (6, 8)


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def given() -> dict[str, np.ndarray]:
    return dict(np.load(HERE / "xmem_net.npz"))


@pytest.fixture(scope="module")
def network():
    return xmem_network()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.from_numpy(np.stack([made_image(0), made_image(3)]))


@pytest.fixture(scope="module")
def features(network, images) -> SliceFeatures:
    return network.encode_key(images)


@pytest.fixture(scope="module")
def one_object(network, images, features) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return value and sensory state of image A with its first mask, and what is inside."""
    mask = torch.from_numpy(made_mask(0))[None, None]
    parts = {
        "layer3": network.value_encoder.layer3,
        "block1": network.value_encoder.fuser.block1,
        "cbam": network.value_encoder.fuser.attention,
    }
    hidden = torch.zeros(1, 1, 64, *GRID)
    with watching(parts) as seen:
        value, hidden = network.encode_value(
            images[:1], features.index_select([0]), mask, hidden, deep=True
        )
    return value, hidden, seen


@pytest.fixture(scope="module")
def two_objects(network, images, features) -> tuple[Tensor, Tensor]:
    masks = torch.from_numpy(np.stack([made_mask(0), made_mask(0, which=2)]))[None]
    hidden = torch.zeros(1, 2, 64, *GRID)
    return network.encode_value(images[:1], features.index_select([0]), masks, hidden, deep=True)


def test_the_recipe_gives_the_documented_numbers():
    conv1 = made_tensor("key_encoder.conv1.weight", (64, 3, 7, 7))
    np.testing.assert_allclose(conv1.flat[:3], [0.05971077, -0.1613633, 0.007575853], rtol=1e-6)
    assert conv1.sum(dtype=np.float64) == pytest.approx(-10.254608, abs=1e-4)
    assert made_tensor("decoder.pred.bias", (1,))[0] == pytest.approx(-4.270852)
    image = made_normalised_image(0)
    np.testing.assert_allclose(image[:, 48, 51], [0.904656, 1.192944, 1.160510], atol=1e-6)
    assert made_normalised_image(5).sum(dtype=np.float64) == pytest.approx(-5064.6056, abs=1e-2)
    counts = [made_mask(0), made_mask(7), made_mask(0, which=2), made_mask(0, 90, 118)]
    assert [int(mask.sum()) for mask in counts] == [1727, 1245, 696, 1496]


def test_the_network_has_the_published_size(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 62_185_224
    assert len(network.state_dict()) == 412


def test_features_are_the_published_ones(given, features, network, images):
    assert_same(features.key, given["key"])
    assert_near(features.shrinkage, given["shrinkage"])
    assert_same(features.selection, given["selection"])
    f16, f8, f4 = network.key_encoder(torch.from_numpy(_normalised_pair()))
    assert_same(f16[:, ::8], given["f16"])
    assert_same(f8[:, ::16], given["f8"])
    assert_same(f4[:, ::16, ::2, ::2], given["f4"])
    torch.testing.assert_close(features.skips[0], f16, atol=1e-3, rtol=0)


def test_the_value_of_one_object_is_the_published_one(given, one_object):
    value, hidden, inside = one_object
    assert_same(value[:, :, ::4], given["v1_g16"])
    assert_near(hidden, given["v1_hidden"])
    assert_same(inside["layer3"][:, ::8], given["v1_layer3"])
    assert_same(inside["block1"][:, ::8], given["v1_block1"])
    assert_same(inside["cbam"][:, ::8], given["v1_cbam"])


def test_the_value_of_a_soft_mask_continues_the_sensory_state(
    given, network, images, features, one_object
):
    soft = np.where(made_mask(3) == 1, 0.880797, 0.119203).astype(np.float32)
    value, hidden = network.encode_value(
        images[1:],
        features.index_select([1]),
        torch.from_numpy(soft)[None, None],
        one_object[1],
        deep=True,
    )
    assert_same(value[:, :, ::4], given["v1b_g16"])
    assert_near(hidden, given["v1b_hidden"])


def test_the_deep_update_from_a_stored_value_is_that_of_the_value_encoder(network, one_object):
    value, hidden, _ = one_object
    assert torch.equal(network.deep_update(value, torch.zeros_like(hidden)), hidden)


def test_the_values_of_two_objects_are_the_published_ones(given, two_objects):
    assert_same(two_objects[0][:, :, ::8], given["v2_g16"])
    assert_near(two_objects[1][:, :, ::4], given["v2_hidden"])


def test_reading_and_decoding_one_object_gives_the_published_mask(
    given, network, features, one_object
):
    value, hidden, _ = one_object
    read = _full_readout(features, value)
    assert_same(read[:, :, ::4], given["r1"])
    decoder = network.decoder
    parts = {
        "block1": decoder.fuser.block1,
        "cbam": decoder.fuser.attention,
        "g16": decoder.fuser,
        "g8": decoder.up_16_8,
        "g4": decoder.up_8_4,
        "pred": decoder.pred,
    }
    with watching(parts) as seen:
        logits, hidden = network.decode(features.index_select([1]), read, hidden, None, True)
    aggregated = aggregate_logits(logits.sigmoid())
    assert_same(aggregated[..., ::2, ::2], given["s1_logits"])
    assert_near(aggregated.softmax(dim=1)[..., ::2, ::2], given["s1_prob"])
    assert_near(hidden, given["s1_hidden"])
    for name in ("block1", "cbam", "g16", "g8"):
        assert_same(seen[name][:, ::8], given[f"s1_{name}"])
    assert_same(seen["g4"][:, ::16, ::2, ::2], given["s1_g4"])
    assert_same(seen["pred"], given["s1_pred"])


def test_reading_and_decoding_two_objects_gives_the_published_masks(
    given, network, features, two_objects
):
    value, hidden = two_objects
    read = _full_readout(features, value)
    logits, hidden = network.decode(features.index_select([1]), read, hidden, None, True)
    aggregated = aggregate_logits(logits.sigmoid())
    assert_same(aggregated[..., ::4, ::4], given["s2_logits"])
    assert_near(aggregated.softmax(dim=1)[..., ::4, ::4], given["s2_prob"])
    assert_near(hidden[:, :, ::4], given["s2_hidden"])


def assert_near(found: Tensor, expected: np.ndarray) -> None:
    """Probabilities, sensory state and shrinkage: 1e-4 each."""
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4, rtol=0)


def assert_same(found: Tensor, expected: np.ndarray) -> None:
    """Features, keys, values and logits: 1e-4 of the largest."""
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


def _normalised_pair() -> np.ndarray:
    return np.stack([made_normalised_image(0), made_normalised_image(3)])


def _full_readout(features: SliceFeatures, value: Tensor) -> Tensor:
    memory, query = features.index_select([0]), features.index_select([1])
    pairwise = similarity(
        memory.key.flatten(2),
        memory.shrinkage.flatten(2),
        query.key.flatten(2),
        query.selection.flatten(2),
    )
    return readout(full_affinity(pairwise), value.flatten(3)).reshape(value.shape)


@contextmanager
def watching(modules: dict[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Keep the results of some modules while the block runs."""
    seen: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, result, n=name: seen.update({n: result}))
        for name, module in modules.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()
