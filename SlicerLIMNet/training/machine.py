"""Device, precision and processes of a training run, by Lightning Fabric.

One process trains on one device. `torchrun` starts several, on one machine or more, and each takes
the device of its number; gradients are averaged at every step.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn

from SlicerLIMNet.session.devices import choose_device, choose_precision
from SlicerLIMNet.training.config import TrainConfig

Answer = TypeVar("Answer")


def make_fabric(config: TrainConfig) -> Fabric:
    """Return the machinery of this process, joined with the others that `torchrun` started.

    Raises:
        ConfigError: The device is unknown.
        DeviceError: This machine does not have it.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = choose_device(config.device)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    is_short = choose_precision(config.precision, device) == torch.bfloat16
    processes = int(os.environ.get("WORLD_SIZE", 1))
    on_this_machine = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    fabric = Fabric(
        accelerator=device.type,
        devices=on_this_machine,
        num_nodes=processes // on_this_machine,
        strategy=DDPStrategy(find_unused_parameters=True) if processes > 1 else "auto",
        precision="bf16-mixed" if is_short else "32-true",
    )
    fabric.launch()
    return fabric


class Stepper(nn.Module):
    """One training step as one call, whatever of the network it uses, as averaging needs it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, work: Callable[[], Answer]) -> Answer:
        """Return what the work returns; it runs in the precision of training."""
        return work()
