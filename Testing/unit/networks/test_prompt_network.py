from __future__ import annotations

import math

import pytest
import torch

from SlicerLIMNet.networks.click_maps import disk_maps, tanh_maps
from SlicerLIMNet.networks.prompt_interface import PromptOutput, main_logits
from SlicerLIMNet.networks.prompt_network import RitmNetwork


@pytest.fixture(scope="module")
def network() -> RitmNetwork:
    torch.manual_seed(1)
    return RitmNetwork("h18s").eval()


@pytest.mark.parametrize("rows_cols", [(33, 47), (64, 32)])
def test_images_of_any_size_give_logits_of_that_size(network, rows_cols):
    with torch.no_grad():
        output = network(torch.rand(1, 4, *rows_cols), torch.full((1, 2, 3), -1.0))
    assert output.logits.shape == (1, 1, *rows_cols)
    assert output.auxiliary is None


def test_training_mode_adds_auxiliary_logits(network):
    network.train()
    output = network(torch.rand(2, 4, 32, 40), torch.full((2, 2, 3), -1.0))
    network.eval()
    assert output.auxiliary is not None
    assert output.auxiliary.shape == (2, 1, 32, 40)


def test_half_precision_keeps_its_type(network):
    half = RitmNetwork("h18s").eval().to(torch.bfloat16)
    with torch.no_grad():
        output = half(torch.rand(1, 4, 32, 32).bfloat16(), torch.tensor([[[5.0, 5, 0], [-1] * 3]]))
    assert output.logits.dtype == torch.bfloat16


def test_start_weights_have_the_documented_spread_and_no_bias(network):
    weight = network.auxiliary_head[0].weight  # 270 channels in and out
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 270), rel=0.02)
    assert not network.pixel_features[0].bias.any()
    assert network.click_branch[3].scale.item() == pytest.approx(0.05)


def test_backbone_and_heads_learn_ten_times_slower_and_nothing_is_left_out(network):
    slow, fast = network.parameter_groups(5e-4)
    assert slow["lr"] == pytest.approx(5e-5)
    assert fast["lr"] == pytest.approx(5e-4)
    grouped = [id(p) for group in (slow, fast) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())
    assert any(p is network.main_head.bias for p in slow["params"])
    assert any(p is network.click_branch[3].scale for p in fast["params"])


def test_bare_logits_and_a_pair_of_logits_are_read_alike():
    logits = torch.zeros(1, 1, 2, 2)
    assert main_logits(logits) is logits
    assert main_logits(PromptOutput(logits, None)) is logits


def test_a_click_inside_sets_81_pixels_of_its_own_sign():
    maps = disk_maps(torch.tensor([[[20.0, 30, 0], [-1, -1, -1]]]), (48, 64))
    assert maps.sum(dim=(2, 3)).tolist() == [[81, 0]]


def test_without_clicks_disks_are_empty_and_distances_saturate():
    points = torch.full((1, 2, 3), -1.0)
    assert not disk_maps(points, (8, 8)).any()
    assert (tanh_maps(points, (8, 8)) == 1).all()


def test_clicks_of_one_image_do_not_reach_another():
    points = torch.tensor([[[4.0, 4, 0], [-1] * 3], [[-1] * 3, [4, 4, 0]]])
    maps = disk_maps(points, (9, 9), radius=1)
    assert maps.sum(dim=(2, 3)).tolist() == [[5, 0], [0, 5]]
