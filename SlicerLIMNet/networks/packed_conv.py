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
_SHAPES_KEPT = 8
_LARGE_BATCH = 8  # what is larger is in the same order
_LAST = torch.channels_last


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
        self._after: tuple[Any, ...] = ("relu" if relu else "none", [], "")
        self._after_sum: tuple[Any, ...] = ("add", 1.0, "relu" if relu else None, [], "")
        self._packed: dict[torch.Size, Tensor] = {}

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

    def like(self, weight: Tensor) -> PackedConv:
        """Return the same convolution with other weights, for another number of inputs."""
        padding, stride, dilation, groups = self._shape
        shape = nn.Conv2d(1, 1, 1, stride, padding, dilation)  # type: ignore[arg-type]
        assert groups == 1
        return PackedConv(weight, self.bias, shape, self._relu)

    def forward(self, features: Tensor) -> Tensor:
        """Return the convolution of the features, rectified if it was made so."""
        packed = self._weight_for(features)
        if packed is None:
            result = self._plain(features)
            return result.relu_() if self._relu else result
        features = features.contiguous(memory_format=_LAST)  # the library would take longer
        return _OPS.alone(features, packed, self.bias, *self._shape, *self._after)

    def plus(self, features: Tensor, other: Tensor) -> Tensor:
        """Return the convolution of the features plus another tensor, rectified if made so."""
        packed = self._weight_for(features)
        if packed is None:
            return self._plain_sum(features, other)
        return self._packed_sum(features, other.clone(memory_format=_LAST), packed)

    def onto(self, features: Tensor, total: Tensor) -> Tensor:
        """Return the same as `plus`; `total` is used up, and may become the result."""
        packed = self._weight_for(features)
        if packed is None or not total.is_contiguous(memory_format=_LAST):
            return self._plain_sum(features, total)
        return self._packed_sum(features, total, packed)

    def _plain_sum(self, features: Tensor, other: Tensor) -> Tensor:
        result = self._plain(features).add_(other)
        return result.relu_() if self._relu else result

    def _packed_sum(self, features: Tensor, total: Tensor, packed: Tensor) -> Tensor:
        features = features.contiguous(memory_format=_LAST)
        return _OPS.onto(total, features, packed, self.bias, *self._shape, *self._after_sum)

    def _plain(self, features: Tensor) -> Tensor:
        padding, stride, dilation, groups = self._shape
        return functional.conv2d(
            features, self.weight, self.bias, stride, padding, dilation, groups
        )

    def _weight_for(self, features: Tensor) -> Tensor | None:
        """Return the weights in the order for inputs of this shape; None if they are not packed."""
        shape = features.shape
        if shape[0] > _LARGE_BATCH:
            shape = torch.Size([_LARGE_BATCH, *shape[1:]])
        if shape in self._packed:
            return self._packed[shape]
        if not (features.is_cpu and features.dtype in _PACKED_TYPES and can_pack(features.dtype)):
            return None
        if len(self._packed) >= _SHAPES_KEPT:
            del self._packed[next(iter(self._packed))]
        packed = self._packed[shape] = _packed(self.weight, *self._shape, list(shape))
        return packed

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> PackedConv:
        """Go to another device or precision: what was packed is void."""
        self._packed = {}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


class _Operations:
    """Convolutions of torch that take packed weights; looked up once, as that takes its time."""

    def __init__(self) -> None:
        self.alone: Any = _operation("_convolution_pointwise", "default")
        self.onto: Any = _operation("_convolution_pointwise_", "binary")


def _operation(name: str, overload: str) -> Any:
    """Return an operation; None if this torch has none of that name."""
    return getattr(getattr(torch.ops.mkldnn, name, None), overload, None)


_OPS = _Operations()


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this torch keeps weights packed, and computes the same with them: tried here."""
    weight = torch.linspace(-0.5, 0.5, 4 * 4 * 9).reshape(4, 4, 3, 3).to(dtype)
    bias = torch.linspace(-1, 1, 4).to(dtype)
    features = torch.linspace(-1, 1, 4 * 36).reshape(1, 4, 6, 6).to(dtype, memory_format=_LAST)
    expected = functional.conv2d(features, weight, bias, padding=1)
    try:
        shape = ([1, 1], [1, 1], [1, 1], 1)
        packed = _packed(weight, *shape, list(features.shape))
        got = _OPS.alone(features, packed, bias, *shape, "none", [], "")
        total = expected.clone(memory_format=_LAST)
        summed = _OPS.onto(total, features, packed, bias, *shape, "add", 1.0, "relu", [], "")
    except (AttributeError, RuntimeError, TypeError):
        return False  # no such operation in this version of torch, or not on this machine
    tolerance = 0.05 if dtype is torch.bfloat16 else 1e-5
    is_same = torch.allclose(got.float(), expected.float(), atol=tolerance)
    doubled = (2 * expected.float()).relu()
    return is_same and torch.allclose(summed.float(), doubled, atol=2 * tolerance)


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
