"""Networks with random weights whose norms do something, as trained ones have them."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def lively(network: Network, seed: int = 0) -> Network:
    """Return the network in evaluation mode; norms and zero layers get random numbers."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2, generator=draw)
                module.running_var.uniform_(0.5, 1.5, generator=draw)
                module.weight.uniform_(0.5, 1.0, generator=draw)
                module.bias.normal_(0, 0.1, generator=draw)
            elif isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.2, generator=draw)
    return network.eval().requires_grad_(False)
