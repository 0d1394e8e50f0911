from __future__ import annotations

import math

import pytest
import torch

from SlicerLIMNet.training.losses import binary_cross_entropy, dice_loss, normalized_focal_loss

LOSSES = [normalized_focal_loss, binary_cross_entropy, dice_loss]


def _pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 1, 6, 7, generator=generator)
    return logits, (torch.rand(2, 1, 6, 7, generator=generator) > 0.6).float()


def test_equal_errors_make_the_focal_loss_half_the_cross_entropy():
    logits = torch.zeros(1, 1, 4, 4)
    loss = normalized_focal_loss(logits, torch.ones(1, 1, 4, 4))
    assert loss.item() == pytest.approx(0.5 * math.log(2))


@pytest.mark.parametrize("loss", LOSSES)
def test_there_is_one_finite_number_an_item_and_a_perfect_item_costs_nothing(loss):
    logits, target = _pair()
    assert loss(logits, target).shape == (2,)
    perfect = loss(80 * (2 * target - 1), target)
    assert torch.isfinite(perfect).all()
    assert perfect.abs().max() < 1e-4


@pytest.mark.parametrize("loss", LOSSES)
def test_ignored_pixels_get_no_gradient(loss):
    logits, target = _pair()
    target[:, :, 2:4] = -1
    logits.requires_grad_()
    loss(logits, target).sum().backward()
    assert not logits.grad[:, :, 2:4].any()
    assert logits.grad[:, :, :2].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_an_item_that_is_ignored_as_a_whole_costs_nothing(loss):
    logits, target = _pair()
    logits.requires_grad_()
    value = loss(logits, torch.full_like(target, -1))
    value.sum().backward()
    assert value.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert not logits.grad.any()


@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision_logits_are_summed_in_single_precision(loss):
    logits, target = _pair()
    rounded = logits.bfloat16()
    torch.testing.assert_close(loss(rounded, target), loss(rounded.float(), target))


def test_an_empty_prediction_of_an_empty_target_has_no_dice_loss():
    assert dice_loss(torch.full((1, 1, 4, 4), -50.0), torch.zeros(1, 1, 4, 4)).item() == 0
