"""A packed convolution is the convolution, whether this machine packs or not."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from SlicerLIMNet.networks.packed_conv import _SHAPES_KEPT, PackedConv


@pytest.fixture(autouse=True)
def made_the_same_every_time():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def near(one: torch.Tensor, other: torch.Tensor) -> bool:
    tolerance = 0.02 if one.dtype is torch.bfloat16 else 1e-5
    return torch.allclose(one.float(), other.float(), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (7, 2)])
def test_it_is_convolution_and_rectifier(dtype, relu, kernel, stride):
    plain = nn.Conv2d(8, 16, kernel, stride, padding=kernel // 2).to(dtype)
    packed = PackedConv.of(plain, relu=relu).to(memory_format=torch.channels_last)
    for batch in (1, 3):  # each shape has its own order
        features = torch.randn(batch, 8, 12, 10).to(dtype)
        expected = plain(features)
        other = torch.randn_like(expected)
        assert near(packed(features), expected.relu() if relu else expected)
        total = expected + other
        assert near(packed.plus(features, other), total.relu() if relu else total)


def test_adding_leaves_both_inputs_alone():
    for dtype in (torch.float32, torch.bfloat16):
        packed = PackedConv.of(nn.Conv2d(4, 4, 1), relu=True).to(dtype)
        features, other = torch.randn(1, 4, 5, 5).to(dtype), torch.randn(1, 4, 5, 5).to(dtype)
        copies = features.clone(), other.clone()
        packed.plus(features, other)
        assert torch.equal(features, copies[0])
        assert torch.equal(other, copies[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_adding_onto_a_tensor_is_adding(dtype, relu, memory):
    packed = PackedConv.of(nn.Conv2d(4, 6, 3, padding=1), relu=relu).to(dtype)
    features = torch.randn(2, 4, 5, 7).to(dtype, memory_format=memory)
    total = torch.randn(2, 6, 5, 7).to(dtype, memory_format=memory)
    expected = packed.plus(features, total)
    assert near(packed.onto(features, total.clone()), expected)


def test_another_precision_takes_other_weights():
    plain = nn.Conv2d(4, 4, 3, padding=1)
    packed = PackedConv.of(plain).to(torch.bfloat16)
    features = torch.randn(1, 4, 6, 6)
    packed(features.to(torch.bfloat16))
    with torch.no_grad():
        packed.float().weight.mul_(0)
    bias = packed.bias[None, :, None, None].expand(1, 4, 6, 6)
    assert near(packed(features), bias)
    assert near(packed.to(torch.bfloat16)(features.to(torch.bfloat16)), bias.to(torch.bfloat16))


def test_the_norm_is_inside():
    plain, norm = nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4).eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    features = torch.randn(2, 4, 8, 8)
    assert near(
        PackedConv.of(plain, norm)(features), norm(functional.conv2d(features, plain.weight))
    )


def test_inputs_of_many_shapes_are_served_with_little_kept():
    torch.manual_seed(3)
    plain = nn.Conv2d(4, 8, 3, padding=1)
    packed = PackedConv.of(plain)
    with torch.inference_mode():
        for side in (*range(4, 16), 4):
            features = torch.rand(2, 4, side, side)
            torch.testing.assert_close(packed(features), plain(features))
    assert len(packed._packed) <= _SHAPES_KEPT
