"""Weights and inputs of the XMem parity data, made from formulas: README_xmem.md tells how."""

from __future__ import annotations

import math
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.networks.import_xmem import convert_published_xmem
from SlicerLIMNet.networks.memory_network import XMemNetwork

HERE = Path(__file__).parent
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
GAINS = (  # ends of names; the first that fits counts
    ("decoder.pred.weight", 1.5),
    ("value_encoder.conv1.weight", 3.0),
    (".conv3.weight", 0.5),
    ("fuser.block1.downsample.weight", 0.7),
    ("out_conv.downsample.weight", 0.7),
    (".conv2.weight", 0.5),
    (".key_proj.weight", 0.5),
    (".d_proj.weight", 0.3),
    (".e_proj.weight", 0.5),
    ("transform.weight", 0.7),
)


def published_state() -> dict[str, Tensor]:
    """Return all tensors of a published XMem file, with made values."""
    state = {}
    for line in (HERE / "xmem_keys.txt").read_text().splitlines():
        name, size = line.split()
        shape = () if size == "scalar" else tuple(int(n) for n in size.split("x"))
        state[name] = torch.from_numpy(np.asarray(made_tensor(name, shape)))
    return state


def made_tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values of one tensor, which depend on its name and shape alone."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    noise = generator(name).standard_normal(shape, dtype=np.float32)
    small = np.float32(0.1) * noise
    if name == "decoder.pred.bias":
        return small - np.float32(4.5)
    if name.endswith("running_var"):
        return np.exp(small)
    if name.endswith((".bias", "running_mean")):
        return small
    if len(shape) == 1:
        return np.float32(1) + small
    gain = next((gain for end, gain in GAINS if name.endswith(end)), 1.0)
    return np.float32(gain * math.sqrt(2.0 / np.prod(shape[1:]))) * noise


def generator(text: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(zlib.crc32(text.encode())))


def made_mask(t: int, height: int = 96, width: int = 128, which: int = 1) -> np.ndarray:
    """Return the mask of object 1 or 2 on frame t: (height, width), 0 or 1, float32."""
    return (_radius(t, height, width, which) <= 1).astype(np.float32)


def made_normalised_image(t: int, height: int = 96, width: int = 128) -> np.ndarray:
    """Return frame t as the original networks take it: (3, height, width), float32."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = generator("xmem-image").uniform(-1, 1, (3, 8, 4))
    first, second = (
        1 / (1 + np.exp(12 * (_radius(t, height, width, which) - 1))) for which in (1, 2)
    )
    image = np.empty((3, height, width))
    for channel in range(3):
        grey = 0.4 + (0.25 + 0.05 * channel) * first - 0.2 * second
        for a, b, phase, strength in waves[channel]:
            grey += 0.06 * strength * np.sin(0.25 * (a * y + b * x) + 3 * phase + 0.6 * t * phase)
        image[channel] = (np.clip(grey, 0, 1) - MEAN[channel]) / STD[channel]
    return image.astype(np.float32)


def made_image(t: int, height: int = 96, width: int = 128) -> np.ndarray:
    """Return frame t as our networks take it, 0..1: (3, height, width), float32."""
    scale, shift = (np.array(numbers)[:, None, None] for numbers in (STD, MEAN))
    return (made_normalised_image(t, height, width) * scale + shift).astype(np.float32)


def _radius(t: int, height: int, width: int, which: int) -> np.ndarray:
    """Return the distance from the centre of an ellipse that moves with t; 1 on its edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    if which == 1:
        centre_y = height * (0.5 + 0.15 * math.sin(0.35 * t))
        centre_x = width * (0.40 + 0.12 * math.sin(0.15 * t))
        radius_y, radius_x = height * (0.24 + 0.04 * math.cos(0.5 * t)), width * 0.16
    else:
        centre_y = height * (0.45 - 0.10 * math.sin(0.3 * t))
        centre_x = width * (0.82 - 0.05 * math.sin(0.2 * t))
        radius_y, radius_x = height * 0.18, width * (0.10 + 0.02 * math.sin(0.4 * t))
    return np.sqrt(((y - centre_y) / radius_y) ** 2 + ((x - centre_x) / radius_x) ** 2)


@cache
def xmem_network() -> XMemNetwork:
    """Return XMem with the made weights; built once, since it has 62 million of them."""
    published = convert_published_xmem(published_state(), "the recipe")
    network = XMemNetwork(*published.channels)
    network.load_state_dict(published.state_dict, assign=True)
    return network.eval().requires_grad_(False)
