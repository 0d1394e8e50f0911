"""Arranged networks give what the networks give, and leave those as they are."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from SlicerLIMNet.networks.arranged import arranged
from SlicerLIMNet.networks.folding import folded
from SlicerLIMNet.networks.light_inference import LightMemoryInference
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.light_prompt import LightPromptNetwork
from SlicerLIMNet.networks.prompt_interface import main_logits
from SlicerLIMNet.networks.prompt_network import RitmNetwork
from SlicerLIMNet.networks.quality_network import QualityNetwork
from Testing.unit.networks.made_networks import lively


@pytest.fixture(autouse=True)
def made_the_same_every_time():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def prompt_input(size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    points = torch.tensor([[[20.0, 30, 0], [-1, -1, -1]], [[40.0, 10, 0], [50, 50, 1]]])
    return torch.rand(2, 4, size, size), points


def norms_in(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("build", [LightPromptNetwork, lambda: RitmNetwork("h18s")])
def test_a_folded_prompt_network_gives_the_same(build):
    network = lively(build())
    inputs = prompt_input()
    before = main_logits(network(*inputs))
    after = main_logits(folded(network)(*inputs))
    assert norms_in(folded(network)) == 0
    assert torch.allclose(after, before, atol=1e-4 * float(before.abs().max()))
    assert before.std() > 0


@pytest.mark.parametrize("kind", ["small", "resnet18", "resnet50"])
def test_a_folded_judge_gives_the_same(kind):
    network = lively(QualityNetwork(kind))
    inputs = torch.rand(2, 1, 64, 64), torch.rand(2, 1, 64, 64), torch.rand(2, 1, 64, 64)
    before, after = network(*inputs), folded(network)(*inputs)
    assert norms_in(folded(network)) == 0
    assert torch.allclose(after, before, atol=1e-5)
    assert (before != 0.5).all()


def test_the_network_itself_stays_as_it_is():
    network = lively(LightPromptNetwork())
    state = copy.deepcopy(network.state_dict())
    folded(network).to(torch.bfloat16)
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[name], now) for name, now in network.state_dict().items())


def test_a_network_without_convolutions_is_returned_itself():
    network = nn.Sequential(nn.Linear(2, 2))
    assert arranged(network) is network


def test_the_light_memory_network_has_an_arrangement_of_its_own():
    assert isinstance(arranged(LightMemoryNetwork()), LightMemoryInference)
