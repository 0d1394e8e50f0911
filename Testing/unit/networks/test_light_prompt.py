from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from SlicerLIMNet.networks.light_prompt import (
    GUIDE_CHANNELS,
    LightPromptNetwork,
    click_maps,
)

VOID = (-1.0, -1.0, -1.0)


@pytest.fixture(scope="module")
def network() -> LightPromptNetwork:
    torch.manual_seed(3)
    network = LightPromptNetwork().eval()
    with torch.no_grad():
        for layer in network.modules():  # statistics as after training, not zeros and ones
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.2, 0.2)
                layer.running_var.uniform_(0.5, 1.5)
    return network


def made_input(batch: int = 1, height: int = 64, width: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(batch, 4, height, width, generator=torch.Generator().manual_seed(seed))


def points_of(*rows: tuple[float, float, float]) -> Tensor:
    return torch.tensor(rows)[None]


CLICKS = points_of((20, 30, 0), (40.5, 12, 2), (50, 60, 1), VOID)


@pytest.fixture(scope="module")
def full() -> LightPromptNetwork:
    """With everything that a network may have."""
    torch.manual_seed(5)
    return LightPromptNetwork(with_guides=True).eval()


def test_parameters_stay_within_the_budget(full):
    assert sum(parameter.numel() for parameter in full.parameters()) <= 4_000_000


@torch.inference_mode()
def test_guides_count_and_none_are_the_same_as_empty_ones(full):
    seen = made_input()
    guides = torch.rand(1, GUIDE_CHANNELS, 64, 64, generator=torch.Generator().manual_seed(9))
    without = full(seen, CLICKS)
    empty = full(torch.cat([seen, torch.zeros_like(guides)], dim=1), CLICKS)
    guided = full(torch.cat([seen, guides], dim=1), CLICKS)
    assert torch.equal(without, empty)
    assert not torch.allclose(without, guided)


def test_work_on_a_window_stays_below_a_gigaflop(full):
    """0.9984 GFLOP, multiply and add = 2."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        full(made_input(1, 128, 128), CLICKS)
    assert counter.get_total_flops() <= 1.0e9


def test_checkpoints_find_their_parts(network):
    parts = {name.split(".")[0] for name in network.state_dict()}
    stages = {"stem", "stage4", "stage8", "stage16", "stage32"}
    assert parts == stages | {"up16", "up8", "up4", "up2", "head"}


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (128, 32)])
@torch.inference_mode()
def test_logits_have_the_size_of_the_input(network, height, width):
    logits = network(made_input(2, height, width), CLICKS.expand(2, -1, -1))
    assert logits.shape == (2, 1, height, width)
    assert torch.isfinite(logits).all()


@torch.inference_mode()
def test_image_previous_mask_and_clicks_all_matter(network):
    image = made_input()
    plain = network(image, CLICKS)
    for channel in range(4):
        changed = image.clone()
        changed[:, channel] = 1 - changed[:, channel]
        assert not torch.allclose(network(changed, CLICKS), plain, atol=1e-3)
    for row in range(3):
        moved = CLICKS.clone()
        moved[0, row, :2] -= 10
        assert not torch.allclose(network(image, moved), plain, atol=1e-4)


@torch.inference_mode()
def test_void_clicks_change_nothing(network):
    image = made_input()
    positive, negative = CLICKS.chunk(2, dim=1)
    void = points_of(*[VOID] * 5)
    plain = network(image, CLICKS)
    assert torch.equal(network(image, torch.cat([positive, void, negative, void], dim=1)), plain)
    assert torch.equal(network(image, torch.cat([void, positive, void, negative], dim=1)), plain)


@torch.inference_mode()
def test_no_clicks_at_all_are_as_good_as_void_ones(network):
    image = made_input()
    none = torch.empty(1, 0, 3)
    assert torch.equal(network(image, none), network(image, points_of(VOID, VOID)))


@torch.inference_mode()
def test_neither_order_nor_its_value_matters(network):
    image = made_input()
    swapped = CLICKS[:, [1, 0, 3, 2]].clone()
    swapped[..., 2] = torch.where(swapped[..., 2] < 0, -1.0, 7.0)
    assert torch.equal(network(image, swapped), network(image, CLICKS))


@torch.inference_mode()
def test_items_of_a_batch_do_not_see_each_other(network):
    images = torch.cat([made_input(seed=1), made_input(seed=2)])
    points = torch.cat([CLICKS, points_of((5, 5, 0), VOID, VOID, VOID)])
    together = network(images, points)
    for item in range(2):
        alone = network(images[item : item + 1], points[item : item + 1])
        torch.testing.assert_close(together[item : item + 1], alone, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_channels_last_gives_the_same_result(network):
    image = made_input(2)
    points = CLICKS.expand(2, -1, -1)
    straight = network(image, points)
    turned = LightPromptNetwork().eval()
    turned.load_state_dict(network.state_dict())
    turned.to(memory_format=torch.channels_last)
    answer = turned(image.contiguous(memory_format=torch.channels_last), points)
    torch.testing.assert_close(answer, straight, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.inference_mode()
def test_low_precision_gives_nearly_the_same_result(network, dtype):
    low = LightPromptNetwork().eval()
    low.load_state_dict(network.state_dict())
    low.to(dtype)
    image = made_input(height=32, width=32)
    answer = low(image.to(dtype), CLICKS)
    assert answer.dtype == dtype
    torch.testing.assert_close(answer.float(), network(image, CLICKS), atol=0.1, rtol=0.1)


def test_gradients_reach_every_weight():
    network = LightPromptNetwork().train()
    network(made_input(2, 32, 32), CLICKS.expand(2, -1, -1)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_click_is_a_soft_disk_of_its_sign():
    maps = click_maps(made_input()[:, :3], points_of((20, 30, 0), VOID))
    disk, nothing = maps[0, 0], maps[0, 3:]
    distance = torch.hypot(
        torch.arange(64.0)[:, None] - 20, (torch.arange(64.0) - 30)[None].expand(64, -1)
    )
    assert (disk[distance <= 3] == 1).all()
    assert (disk[distance >= 4] == 0).all()
    assert ((disk > 0) & (disk < 1)).any()
    assert (nothing == 0).all()


def test_similarity_is_one_at_a_click_and_falls_with_the_difference_of_intensity():
    image = torch.full((1, 3, 32, 32), 0.2)
    image[..., 16:] = 0.25
    image[..., 24:] = 0.9
    narrow, wide = click_maps(image, points_of((10, 4, 0), VOID))[0, 1:3]
    assert narrow[0, 0] == wide[0, 0] == 1
    assert 0 < narrow[0, 20] < wide[0, 20] < 1
    assert wide[0, 30] < 1e-6


def test_of_several_clicks_the_most_similar_counts():
    image = torch.zeros(1, 3, 32, 32)
    image[..., 16:] = 0.8
    maps = click_maps(image, points_of((8, 8, 0), (8, 24, 1), VOID, VOID))
    assert (maps[0, 1:3] == 1).all()


def test_a_click_beyond_the_edge_with_one_negative_place_is_not_void():
    maps = click_maps(torch.zeros(1, 3, 32, 32), points_of((-0.5, 10, 0), VOID))
    assert maps[0, 0, 0, 10] == 1
