"""Weights and inputs from formulas, as the RITM fixtures were made with (README_ritm.md)."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from SlicerLIMNet.networks.import_ritm import published_name
from SlicerLIMNet.networks.prompt_network import RitmNetwork

FOLDER = Path(__file__).parent


def published_shapes(size: str) -> dict[str, tuple[int, ...]]:
    """Every published tensor of a size, in order, with its shape."""
    lines = (FOLDER / f"ritm_{size}_keys.txt").read_text().split("\n")
    pairs = [line.split() for line in lines if line]
    return {n: () if s == "scalar" else tuple(map(int, s.split("x"))) for n, s in pairs}


def recipe(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """The value of a tensor, by its published name."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith(".scale"):  # negative: the network must take the absolute value
        return np.full(shape, -0.8, np.float32)
    seed = zlib.crc32(name.encode("ascii"))
    noise = np.random.RandomState(seed).standard_normal(shape)
    return (_scaled(name, noise)).astype(np.float32)


def _scaled(name: str, noise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if noise.ndim == 4:
        return noise * np.sqrt(2.0 / np.prod(noise.shape[1:]))
    if name.endswith("running_var"):
        return np.exp(0.1 * noise)
    if name.endswith(".weight"):
        last = name.endswith(".bn3.weight") or (
            ".branches." in name and name.endswith(".bn2.weight")
        )
        return (0.15 if last or ".fuse_layers." in name else 1.0) * (1.0 + 0.1 * noise)
    return 0.1 * noise


@cache
def _recipe_state(size: str) -> dict[str, torch.Tensor]:
    shapes = {name: t.shape for name, t in RitmNetwork(size).state_dict().items()}
    return {
        name: torch.from_numpy(np.asarray(recipe(published_name(name), tuple(shape))))
        for name, shape in shapes.items()
    }


def recipe_network(size: str) -> RitmNetwork:
    """A fresh network with the recipe's weights, in evaluation mode."""
    network = RitmNetwork(size)
    network.load_state_dict(_recipe_state(size))
    return network.eval()


def rgb(height: int, width: int, seed: int) -> npt.NDArray[np.float32]:
    """A coloured image (3, height, width) in 0..1: waves, noise and a brighter ellipse."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [
        0.5
        + 0.22 * np.sin(2 * np.pi * ((1 + c) * x / width + (2 - 0.5 * c) * y / height) + 0.7 * c)
        + 0.15 * np.cos(2 * np.pi * (3 * x / width - (1 + c) * y / height))
        for c in range(3)
    ]
    noise = np.random.RandomState(seed).standard_normal((3, height, width))
    image = np.stack(waves) + 0.08 * noise
    distance = (y - 0.55 * height) ** 2 / (0.22 * height) ** 2
    image[:, distance + (x - 0.45 * width) ** 2 / (0.25 * width) ** 2 < 1] += 0.18
    return np.clip(image, 0, 1).astype(np.float32)


def soft_ellipse(
    height: int, width: int, row: float, column: float, row_radius: float, column_radius: float
) -> npt.NDArray[np.float32]:
    """Probabilities (height, width) of an ellipse with a soft edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    distance = np.sqrt(((y - row) / row_radius) ** 2 + ((x - column) / column_radius) ** 2)
    return (1 / (1 + np.exp(8 * (distance - 1)))).astype(np.float32)


def previous(height: int, width: int) -> npt.NDArray[np.float32]:
    """The previous mask of cases A, B and D."""
    return soft_ellipse(height, width, 0.5 * height, 0.5 * width, 0.25 * height, 0.22 * width)


def case_image(case: str) -> torch.Tensor:
    """The network input (N, 4, H, W) of a case."""
    height, width, seed = {
        "A": (96, 128, 101),
        "B": (128, 128, 202),
        "C": (96, 128, 303),
        "D": (70, 90, 404),
    }[case]
    colours = rgb(height, width, seed)
    mask = np.zeros((height, width), np.float32) if case == "C" else previous(height, width)
    image = np.concatenate([colours, mask[None]])
    batch = [image, image[..., ::-1]] if case == "C" else [image]
    return torch.from_numpy(np.stack(batch))
