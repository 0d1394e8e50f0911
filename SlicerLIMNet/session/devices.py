"""Which device and precision to compute in, and how a lack of memory there shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from SlicerLIMNet.errors import ConfigError, DeviceError
from SlicerLIMNet.networks.precision import bfloat16_is_fast
from SlicerLIMNet.session.parts import OutOfDeviceMemory

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

MIB = 2**20
GB = 10**9

_AMPERE = (8, 0)
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def choose_device(name: str) -> torch.device:
    """Return a device by name; `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: The name is unknown.
        DeviceError: This machine has no such device.
    """
    kind, _, number = name.partition(":")
    if kind not in DEVICES or (number and not number.isdigit()):
        raise ConfigError(f"unknown device {name!r:.50}; choose one of {', '.join(DEVICES)}")
    if kind == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if _count(kind)))
    if _count(kind) <= int(number or 0):
        raise DeviceError(f"this machine has no device {name}; choose cpu, or auto")
    return torch.device(name)


def describe_device(name: str) -> str:
    """Return what a device is, for a user: `CPU, slower`, or a GPU's name and free memory."""
    device = torch.device(name)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return f"{torch.cuda.get_device_name(device)}, {free / GB:.1f} GB free"
    return {"cpu": "CPU, slower", "mps": "Apple GPU"}.get(device.type, name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return a precision by name; `auto` takes bfloat16 where that is measured to be fast.

    Raises:
        ConfigError: The name is unknown.
    """
    if name == "auto":
        return torch.bfloat16 if _is_bfloat16_fast(device.type) else torch.float32
    if name not in PRECISIONS:
        raise ConfigError(
            f"unknown precision {name!r:.50}; choose one of auto, {', '.join(PRECISIONS)}"
        )
    return PRECISIONS[name]


def cache_budget_mib(device: torch.device) -> int:
    """Return how much memory features of slices may take by default."""
    if device.type != "cuda":
        return 1024
    return min(8192, torch.cuda.get_device_properties(device).total_memory // (4 * MIB))


@contextmanager
def memory_of(device: torch.device) -> Iterator[None]:
    """Turn whatever says that memory has run out into one error.

    Raises:
        OutOfDeviceMemory: The device has no memory left.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_for_want_of_memory(error):
            raise
        raise OutOfDeviceMemory(f"the device {device} has no memory left for this step") from error


@cache
def _is_bfloat16_fast(kind: str) -> bool:
    """Measured once in a process."""
    if kind == "cuda":
        return torch.cuda.get_device_capability() >= _AMPERE
    return kind == "cpu" and bfloat16_is_fast()


def _count(kind: str) -> int:
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return int(torch.backends.mps.is_available()) if kind == "mps" else 1


def _is_for_want_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _MEMORY_WORDS)
