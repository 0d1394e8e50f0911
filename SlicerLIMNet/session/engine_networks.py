"""The three networks of a preset: where their files lie, and what is said if one is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from SlicerLIMNet.domain.config import Preset
from SlicerLIMNet.errors import ConfigError, WeightsError
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.networks.weights import (
    load_weights,
    models_folder,
    read_info,
    user_models_folder,
)

ROLES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("light-prompt", "ritm"),
    "memory": ("light-memory", "xmem"),
    "quality": ("quality",),
}
"""Networks that can play each part."""

_IMPORTS = {"paper-prompt": "--kind ritm", "paper-memory": "--kind xmem"}


@dataclass(frozen=True)
class EngineNetworks:
    """Networks in evaluation mode; the engine that takes them moves and converts them."""

    prompt: nn.Module
    """Clicks to masks."""
    memory: nn.Module
    """One slice to the next."""
    quality: QualityNetwork | None
    """Which of two masks is better; None where nothing is ever fused."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of each weights file, by role."""


def load_networks(
    preset: Preset, weights: Mapping[str, Path | str], with_fusion: bool
) -> EngineNetworks:
    """Return the networks of a preset.

    Args:
        preset: Names the files.
        weights: Other files to take, by role.
        with_fusion: Whether the quality network is needed.

    Raises:
        ConfigError: A role is unknown.
        WeightsError: A file is missing, damaged, or holds a network for another role.
    """
    unknown = sorted(set(weights) - set(ROLES))
    if unknown:
        raise ConfigError(f"unknown network {unknown[0]!r:.50}; there are {', '.join(ROLES)}")
    roles = [role for role in ROLES if with_fusion or role != "quality"]
    modules, sha256 = {}, {}
    for role, path in weights_paths(preset, weights, roles).items():
        modules[role], sha256[role] = _load(path, role)
    quality = modules.get("quality")
    assert quality is None or isinstance(quality, QualityNetwork)
    return EngineNetworks(modules["prompt"], modules["memory"], quality, sha256)


def weights_paths(
    preset: Preset, weights: Mapping[str, Path | str], roles: Iterable[str] = ROLES
) -> dict[str, Path]:
    """Return the file of each role: the one given, else the preset's.

    Raises:
        WeightsError: A file of the preset is missing.
    """
    paths = {role: Path(weights[role]) for role in roles if role in weights}
    found = {role: _newest(preset.weights[role]) for role in roles if role not in paths}
    missing = [preset.weights[role] for role, path in found.items() if path is None]
    if missing:
        raise WeightsError(_how_to_get(preset, missing))
    return paths | {role: path for role, path in found.items() if path is not None}


def weights_in(path: Path) -> dict[str, Path]:
    """Return weights files by role, from a folder of them or from one file.

    Raises:
        WeightsError: There are none, two are for the same role, or one is damaged.
    """
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    found: dict[str, Path] = {}
    for file in files:
        network = read_info(file).network
        role = next((role for role, networks in ROLES.items() if network in networks), None)
        if role is None or role in found:
            raise WeightsError(f"{file} is a second file for the {role} network, or for none")
        found[role] = file
    if not found:
        raise WeightsError(f"{path} holds no weights files; name a folder of .safetensors files")
    return found


def _load(path: Path, role: str) -> tuple[nn.Module, str]:
    module, info = load_weights(path)
    if info.network not in ROLES[role]:
        raise WeightsError(
            f"{path} holds a {info.network} network where the {role} network is needed; that is "
            f"one of {', '.join(ROLES[role])}"
        )
    return module, info.sha256


def _newest(stem: str) -> Path | None:
    """Return the file of a network with the highest version; shipped ones go before imported."""
    for folder in (models_folder(), user_models_folder()):
        versions = sorted(_versions(folder, stem))
        if versions:
            return versions[-1][1]
    return None


def _versions(folder: Path, stem: str) -> Iterator[tuple[int, Path]]:
    for path in folder.glob(f"{stem}*.safetensors"):
        match = re.fullmatch(re.escape(stem) + r"(?:-v(\d+))?", path.stem)
        if match:
            yield int(match[1] or 0), path


def _how_to_get(preset: Preset, missing: list[str]) -> str:
    files = ", ".join(f"{stem}.safetensors" for stem in missing)
    folder = user_models_folder()
    steps = [
        f"get {preset.sources[stem]} and run `limnet weights import {_IMPORTS[stem]} "
        f"{preset.sources[stem].split()[0]} -o {folder / stem}.safetensors`"
        if stem in _IMPORTS
        else f"{preset.sources[stem]} as {folder / stem}.safetensors"
        for stem in missing
    ]
    return f"preset {preset.name} misses {files}: {'; '.join(steps)}"
