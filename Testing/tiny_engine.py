"""A real engine around networks without weights: what is bright belongs to the object."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.session.engine import Engine
from SlicerLIMNet.session.engine_networks import EngineNetworks
from Testing.unit.propagation.tiny_network import TinyNetwork


class TinyPrompt(nn.Module):
    """Takes every bright pixel for the object."""

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        return 20 * (image[:, :1] - 0.5)


class TinyMemory(nn.Module, TinyNetwork):
    """`TinyNetwork` as a module, as the engine moves them."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        TinyNetwork.__init__(self)


class Hungry(nn.Module):
    """A network for which there is never enough memory."""

    def forward(self, image: Tensor, points: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def tiny_networks(prompt: nn.Module | None = None, with_quality: bool = True) -> EngineNetworks:
    """Return networks that know what is bright; the judge is undecided and takes the new mask."""
    quality = QualityNetwork("small").eval() if with_quality else None
    return EngineNetworks(prompt or TinyPrompt(), TinyMemory(), quality, {"prompt": "tiny"})


def tiny_engine(**options: Any) -> Engine:
    """Return an engine on the CPU, in float32 unless the options say otherwise."""
    networks = options.pop("networks", None) or tiny_networks()
    return Engine("light", "cpu", **{"precision": "float32", "networks": networks, **options})
