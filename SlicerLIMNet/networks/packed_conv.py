"""A convolution with its batch norm and rectifier inside, packed where a CPU gains from it.

A CPU brings the weights into an order of its own at every call, which for a batch of one or two
takes as long as the convolution where there are matrix units: keeping them in that order made whole
networks 1.3 to 1.6 times faster in bfloat16. In float32 torch leaves small inputs to a slow path of
its own, unless the weights are packed, and what a slice gave depended on the batch it was in. Which
order is right depends on the input: with AVX2 some layers took four times as long with the
order made for another shape, so every shape has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

_PACKED_TYPES = (torch.bfloat16, torch.float32)
_SHAPES_KEPT = 6
_LARGE_BATCH = 8  # what is larger is in the same order


class PackedConv(nn.Module):
    """A convolution, and maybe a rectifier: (B, inputs, H, W) to (B, outputs, H / s, W / s)."""

    def __init__(self, weight: Tensor, bias: Tensor | None, like: nn.Conv2d, relu: bool) -> None:
        """Take weights, and stride, padding and the like from a convolution."""
        super().__init__()
        self.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
        bias = weight.new_zeros(len(weight)) if bias is None else bias.detach().clone()
        self.bias = nn.Parameter(bias, requires_grad=False)
        assert isinstance(like.padding, tuple)
        self._shape = (list(like.padding), list(like.stride), list(like.dilation), like.groups)
        self._relu = relu
        self._packed: dict[tuple[int, ...], Tensor] = {}

    @classmethod
    def of(
        cls, convolution: nn.Conv2d, norm: nn.BatchNorm2d | None = None, relu: bool = False
    ) -> PackedConv:
        """Return a convolution with the norm after it, in evaluation mode, and a rectifier."""
        weight, bias = convolution.weight, convolution.bias
        if norm is not None:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            weight, bias = fuse_conv_bn_weights(
                weight, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
        return cls(weight, bias, convolution, relu)

    def forward(self, features: Tensor) -> Tensor:
        """Return the convolution of the features, rectified if it was made so."""
        if not self._is_packed(features):
            result = self._plain(features)
            return result.relu_() if self._relu else result
        padding, stride, dilation, groups = self._shape
        return torch.ops.mkldnn._convolution_pointwise(
            features,
            self._pack(features),
            self.bias,
            padding,
            stride,
            dilation,
            groups,
            "relu" if self._relu else "none",
            [],
            "",
        )

    def plus(self, features: Tensor, other: Tensor) -> Tensor:
        """Return the convolution of the features plus another tensor, rectified if made so."""
        if not self._is_packed(features):
            result = self._plain(features).add_(other)
            return result.relu_() if self._relu else result
        padding, stride, dilation, groups = self._shape
        return torch.ops.mkldnn._convolution_pointwise.binary(
            features,
            other,
            self._pack(features),
            self.bias,
            padding,
            stride,
            dilation,
            groups,
            "add",
            1.0,
            "relu" if self._relu else None,
            [],
            "",
        )

    def _is_packed(self, features: Tensor) -> bool:
        return features.is_cpu and features.dtype in _PACKED_TYPES and can_pack(features.dtype)

    def _plain(self, features: Tensor) -> Tensor:
        padding, stride, dilation, groups = self._shape
        return functional.conv2d(
            features, self.weight, self.bias, stride, padding, dilation, groups
        )

    def _pack(self, features: Tensor) -> Tensor:
        """Return the weights in the order for inputs of this shape."""
        shape = (min(len(features), _LARGE_BATCH), *features.shape[1:])
        packed = self._packed.get(shape)
        if packed is None:
            if len(self._packed) >= _SHAPES_KEPT:
                del self._packed[next(iter(self._packed))]
            packed = self._packed[shape] = _packed(self.weight, *self._shape, list(shape))
        return packed

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> PackedConv:
        """Go to another device or precision: what was packed is void."""
        self._packed = {}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this torch keeps weights packed, and computes the same with them: tried here."""
    weight = torch.linspace(-0.5, 0.5, 4 * 4 * 9).reshape(4, 4, 3, 3).to(dtype)
    bias = torch.linspace(-1, 1, 4).to(dtype)
    features = torch.linspace(-1, 1, 4 * 36).reshape(1, 4, 6, 6).to(dtype)
    expected = functional.conv2d(features, weight, bias, padding=1)
    try:
        shape = ([1, 1], [1, 1], [1, 1], 1)
        packed = _packed(weight, *shape, list(features.shape))
        got = torch.ops.mkldnn._convolution_pointwise(
            features, packed, bias, *shape, "none", [], ""
        )
        summed = torch.ops.mkldnn._convolution_pointwise.binary(
            features, expected, packed, bias, *shape, "add", 1.0, "relu", [], ""
        )
    except (AttributeError, RuntimeError, TypeError):
        return False  # no such operation in this version of torch, or not on this machine
    tolerance = 0.05 if dtype is torch.bfloat16 else 1e-5
    is_same = torch.allclose(got.float(), expected.float(), atol=tolerance)
    total = (2 * expected.float()).relu()
    return is_same and torch.allclose(summed.float(), total, atol=2 * tolerance)


def _packed(
    weight: Tensor,
    padding: list[int],
    stride: list[int],
    dilation: list[int],
    groups: int,
    input_shape: list[int],
) -> Tensor:
    reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight  # its stub knows fewer arguments
    packed: Tensor = reorder(weight.to_mkldnn(), padding, stride, dilation, groups, input_shape)
    return packed
