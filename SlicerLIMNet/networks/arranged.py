"""Every network arranged for work: what an engine runs in place of what it loads."""

from __future__ import annotations

from torch import nn

from SlicerLIMNet.networks.folding import folded
from SlicerLIMNet.networks.light_inference import LightMemoryInference
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork


def arranged(network: nn.Module) -> nn.Module:
    """Return a network that gives the same with less work; the one given stays as it is.

    Args:
        network: Any, in evaluation mode and float32; one that knows no way to be faster is
            returned itself.
    """
    if isinstance(network, LightMemoryNetwork):
        return LightMemoryInference(network).eval().requires_grad_(False)
    return folded(network)
