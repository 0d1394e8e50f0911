"""Engines to measure: the preset's networks, or the same with random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import WHOLE, Preset, RoundConfig, preset_by_name
from SlicerLIMNet.domain.guides import NO_GUIDES, Guides
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.networks.weights import build_network, models_folder, user_models_folder
from SlicerLIMNet.session.engine import Engine
from SlicerLIMNet.session.engine_networks import EngineNetworks, load_networks
from SlicerLIMNet.session.parts import BoolArray, FloatArray, PromptAnswer, RegionNumbers, Zoom

_SEED = 0
_GRID = 16  # of positions that networks know of a slice

_RANDOM: Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "light": {
        "prompt": ("light-prompt", {}),
        "memory": ("light-memory", {}),
        "quality": ("quality", {"kind": "small"}),
    },
    "paper": {
        "prompt": ("ritm", {"size": "h32"}),
        "memory": ("xmem", {}),
        "quality": ("quality", {"kind": "resnet50"}),
    },
}
"""By preset and role: network and configuration."""


@dataclass(frozen=True)
class BenchEngines:
    """Makes engines that share networks and differ in nothing but the features they keep."""

    preset: str
    """By name."""
    device: str
    """As the engine takes it."""
    precision: str
    """Never auto: all engines have the same."""
    networks: EngineNetworks
    """Shared."""
    has_random_weights: bool
    """Whether masks mean nothing; the times are those of trained networks."""

    @classmethod
    def load(
        cls, preset: str, device: str, precision: str, threads: int | None, random_weights: bool
    ) -> BenchEngines:
        """Load a preset's networks; where its files are missing, or on wish, with random weights.

        Raises:
            ConfigError: An option is unknown.
            WeightsError: A file is damaged.
            DeviceError: This machine has no such device.
        """
        chosen = preset_by_name(preset)
        is_random = random_weights or not has_files(chosen)
        networks = random_networks(preset) if is_random else load_networks(chosen, {}, True)
        first = Engine(preset, device, precision=precision, threads=threads, networks=networks).info
        return cls(preset, first.device, first.precision, networks, is_random)

    @property
    def rounds(self) -> RoundConfig:
        """How rounds run: as the preset says, and through all slices where masks mean nothing."""
        usual = preset_by_name(self.preset).round
        return replace(usual, range=WHOLE) if self.has_random_weights else usual

    def make(self, keeps_features: bool = True) -> BenchEngine:
        """Return an engine that has seen no volume yet."""
        engine = BenchEngine(
            self.preset,
            self.device,
            precision=self.precision,
            networks=self.networks,
            feature_cache_mib=None if keeps_features else 0,
        )
        engine.draws_disks = self.has_random_weights
        return engine

    def make_naive(self, in_region: bool) -> BenchEngine:
        """Return an engine on the plain path: one direction at a time, nothing kept, float32.

        Args:
            in_region: Whether it looks at a region as other engines do, or at whole slices.
        """
        engine = BenchEngine(
            self.preset,
            self.device,
            precision="float32",
            networks=self.networks,
            feature_cache_mib=0,
            plain=True,
        )
        engine.draws_disks = self.has_random_weights
        engine.sees_whole_slices = not in_region
        return engine


class BenchEngine(Engine):
    """An engine that can be told what would otherwise depend on its weights."""

    draws_disks = False
    """Whether it asks its prompt network, which takes its time, but answers with a disk around the
    click: random weights may well see nothing, and then a round would have nothing to do."""
    sees_whole_slices = False
    """Whether the propagation looks at whole slices in their own resolution."""

    def prompt(
        self,
        image: FloatArray,
        clicks: Sequence[Click],
        previous: FloatArray,
        zoom: Zoom,
        guides: Guides = NO_GUIDES,
    ) -> PromptAnswer:
        """Return the network's answer, or a disk a third of the slice wide; see `Networks`."""
        answer = super().prompt(image, clicks, previous, zoom, guides)
        if not self.draws_disks:
            return answer
        rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
        distance = np.hypot(rows - clicks[-1].row, columns - clicks[-1].column)
        return answer._replace(probability=(distance < image.shape[0] / 6).astype(np.float32))

    def choose_region(self, masks: Sequence[BoolArray], in_use: RegionNumbers) -> RegionNumbers:
        """Return where to look; see `Networks`."""
        if not self.sees_whole_slices:
            return super().choose_region(masks, in_use)
        rows, columns = masks[0].shape
        side = -(-max(rows, columns) // _GRID) * _GRID
        top, left = -((side - rows) // 2), -((side - columns) // 2)
        return (top, top + side, left, left + side, side)


def random_networks(preset: str) -> EngineNetworks:
    """Return the networks of a preset with random weights, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        built = {
            role: build_network(network, configuration).eval().requires_grad_(False)
            for role, (network, configuration) in _RANDOM[preset].items()
        }
    quality = built["quality"]
    assert isinstance(quality, QualityNetwork)
    return EngineNetworks(built["prompt"], built["memory"], quality)


def has_files(preset: Preset) -> bool:
    """Whether there are weights files for every network of a preset."""
    folders = (models_folder(), user_models_folder())
    return all(
        any(path for folder in folders for path in folder.glob(f"{stem}*.safetensors"))
        for stem in preset.weights.values()
    )
