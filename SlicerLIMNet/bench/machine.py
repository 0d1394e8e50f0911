"""The machine's own limit: how fast it multiplies large matrices, and its memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import torch

Clock = Callable[[], float]

_REPEATS = 5
_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
MIB = 2**20


def matrix_rate(device: str, precision: str, clock: Clock = time.perf_counter) -> float:
    """Return GFLOP/s of a large matrix product, the median of several after one to warm up."""
    place = torch.device(device)
    side = _SIDE[place.type]
    matrix = torch.rand(side, side, device=place).to(getattr(torch, precision))
    seconds = []
    for _ in range(_REPEATS + 1):
        start = clock()
        matrix @ matrix
        if place.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - start)
    return float(2 * side**3 / median(seconds[1:]) / 1e9)


def peak_memory_mib(device: str) -> float | None:
    """Return the most memory that this process has had, on the GPU if that is the device.

    None where the system does not tell.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most / MIB if sys.platform == "darwin" else most / 1024)
