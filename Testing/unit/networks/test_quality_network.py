from __future__ import annotations

import pytest
import torch

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.quality_network import QualityNetwork


def decided_network(kind: str = "small", channels: int = 1) -> QualityNetwork:
    """A network with an opinion: a fresh one has none."""
    torch.manual_seed(1)
    network = QualityNetwork(kind, channels).eval()
    torch.nn.init.normal_(network.head.weight, std=5.0)
    return network


def pair(channels: int = 1, size: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two slices with two masks each."""
    generator = torch.Generator().manual_seed(2)
    image = torch.rand(2, channels, size, size, generator=generator)
    masks = [(torch.rand(2, 1, size, size, generator=generator) > 0.5).float() for _ in range(2)]
    return image, masks[0], masks[1]


@pytest.mark.parametrize("kind", ["small", "resnet18", "resnet50"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_order_of_the_masks_cannot_matter(kind, channels):
    network, (image, a, b) = decided_network(kind, channels), pair(channels)
    with torch.inference_mode():
        forth, back = network(image, a, b), network(image, b, a)
    assert forth.shape == (2,)
    assert ((forth > 0) & (forth < 1)).all()
    assert (forth - 0.5).abs().max() > 1e-4  # it does decide
    torch.testing.assert_close(forth, 1 - back)


def test_equal_masks_are_neither_better():
    network, (image, a, _) = decided_network(), pair()
    with torch.inference_mode():
        torch.testing.assert_close(network(image, a, a), torch.full((2,), 0.5))


def test_the_decision_is_that_of_the_difference_of_logits():
    network, (image, a, b) = decided_network(), pair()
    with torch.inference_mode():
        difference = network.preference_logit(image, a, b) - network.preference_logit(image, b, a)
        assert torch.equal(network(image, a, b) > 0.5, difference > 0)


def test_a_new_network_is_undecided():
    image, a, b = pair()
    network = QualityNetwork().eval()
    with torch.inference_mode():
        assert torch.equal(network.preference_logit(image, a, b), torch.zeros(2))


@pytest.mark.parametrize(
    ("kind", "channels", "parameters"),
    [  # PROMPT.md 5.2
        ("resnet18", 1, 11_177_025),
        ("resnet18", 3, 11_183_297),
        ("resnet50", 1, 23_510_081),
        ("resnet50", 3, 23_516_353),
    ],
)
def test_the_large_networks_have_the_size_of_the_published_ones(kind, channels, parameters):
    network = QualityNetwork(kind, channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("channels", [1, 3])
def test_the_small_network_keeps_its_budget(channels):
    network = QualityNetwork("small", channels)
    assert sum(parameter.numel() for parameter in network.parameters()) <= 700_000


def test_the_trunk_has_the_names_of_published_checkpoints():
    names = set(QualityNetwork("resnet18").trunk.state_dict())
    assert {"conv1.weight", "bn1.weight", "layer1.0.conv1.weight"} <= names
    assert {"layer2.0.downsample.0.weight", "layer4.1.bn2.running_var"} <= names


@pytest.mark.parametrize(("kind", "channels"), [("resnet34", 1), ("small", 2)])
def test_an_unknown_kind_or_number_of_channels_is_refused(kind, channels):
    with pytest.raises(ConfigError, match="one of small, resnet18, resnet50"):
        QualityNetwork(kind, channels)


def test_gradients_reach_every_parameter_once_it_decides():
    network, (image, a, b) = decided_network().train(), pair()
    network.preference_logit(image, a, b).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
