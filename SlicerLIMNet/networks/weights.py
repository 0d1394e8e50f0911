"""Weights on disk: safetensors files that name their network, checked before anything is built.

Files hold float16 or eight bits to stay small and are loaded as float32. Their metadata has the
keys `format`, `network`, `configuration`, `parameters`, `trained_on`, `preset`, `licence`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from SlicerLIMNet.errors import LIMNetError, OutputError, WeightsError
from SlicerLIMNet.networks.eight_bits import from_eight_bits, in_eight_bits

FORMAT = "limnet-weights-1"
FORMAT_8_BITS = "limnet-weights-2"
CHECKSUMS = "SHA256SUMS"
LICENCE = "Apache-2.0"

BUILDERS: Mapping[str, tuple[str, str]] = {
    "light-prompt": ("SlicerLIMNet.networks.light_prompt", "LightPromptNetwork"),
    "light-memory": ("SlicerLIMNet.networks.light_memory", "LightMemoryNetwork"),
    "quality": ("SlicerLIMNet.networks.quality_network", "QualityNetwork"),
    "ritm": ("SlicerLIMNet.networks.prompt_network", "RitmNetwork"),
    "xmem": ("SlicerLIMNet.networks.memory_network", "XMemNetwork"),
}
"""Module and class of every network that a file can name; configuration = keyword arguments."""


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file says about itself."""

    path: Path
    """Where it lies."""
    network: str
    """Key of `BUILDERS`."""
    configuration: Mapping[str, Any]
    """Keyword arguments of the network's class."""
    sha256: str
    """Of the file."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """All of it, as stored."""


def models_folder() -> Path:
    """Return the folder of the shipped weights, in a checkout or in an installed package."""
    package = Path(__file__).resolve().parents[1]
    candidates = [package.parent / "Resources" / "Models", package / "Resources" / "Models"]
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])


def user_models_folder() -> Path:
    """Return the folder of imported weights: below LIMNET_HOME, else the platform's own."""
    home = os.environ.get("LIMNET_HOME")
    base = Path(home) if home else Path(platformdirs.user_data_dir("limnet", appauthor=False))
    return base / "Models"


def build_network(network: str, configuration: Mapping[str, Any]) -> nn.Module:
    """Return a network with new weights.

    Raises:
        WeightsError: The network is unknown, or the configuration does not fit it.
    """
    if network not in BUILDERS:
        raise WeightsError(f"Network {network!r:.50} is unknown; known: {', '.join(BUILDERS)}.")
    module, name = BUILDERS[network]
    try:
        built = getattr(importlib.import_module(module), name)(**configuration)
    except (TypeError, ValueError, KeyError, LIMNetError) as error:
        raise WeightsError(
            f"Network {network} cannot be built from {configuration!r:.200} ({error})."
        ) from error
    assert isinstance(built, nn.Module)
    return built


def save_weights(
    path: Path,
    module: nn.Module,
    *,
    network: str,
    configuration: Mapping[str, Any],
    trained_on: str,
    preset: str = "light",
    licence: str = LICENCE,
    eight_bits: bool = False,
) -> None:
    """Write a network's weights as float16 or in eight bits, aside and then renamed.

    Raises:
        OutputError: The file could not be written; an old one is untouched.
    """
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    if eight_bits:
        tensors = in_eight_bits(tensors)
    metadata = {
        "format": FORMAT_8_BITS if eight_bits else FORMAT,
        "network": network,
        "preset": preset,
        "configuration": json.dumps(dict(configuration), sort_keys=True),
        "parameters": str(sum(parameter.numel() for parameter in module.parameters())),
        "trained_on": trained_on,
        "licence": licence,
    }
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(save(tensors, metadata=metadata))  # with the user's own file mode
        part.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(
            f"{path} could not be written ({error}); choose another place."
        ) from error


def read_info(path: Path) -> WeightsInfo:
    """Return what a weights file says about itself; its tensors stay on disk.

    Raises:
        WeightsError: The file is missing, corrupt, or not one of ours.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is not there; check the path or import the weights.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _corrupt(path, error) from error
    if metadata.get("format") not in (FORMAT, FORMAT_8_BITS):
        raise WeightsError(
            f"{path} is no weights file of this project; convert published weights with "
            f"`limnet weights import`."
        )
    try:
        configuration = json.loads(metadata["configuration"])
        if not isinstance(configuration, dict):
            raise ValueError("its configuration is no object")
        return WeightsInfo(path, metadata["network"], configuration, file_sha256(path), metadata)
    except (KeyError, ValueError) as error:
        raise _corrupt(path, error) from error


def load_weights(path: Path, network: str | None = None) -> tuple[nn.Module, WeightsInfo]:
    """Return the network in a file, float32, in evaluation mode on the CPU.

    Args:
        path: A safetensors file of `save_weights`.
        network: What it must hold; None takes any.

    Raises:
        WeightsError: The file is missing, corrupt, fails its checksum, or holds another network.
    """
    info = read_info(path)
    if network is not None and info.network != network:
        raise WeightsError(f"{path} holds a {info.network} network where {network} is needed.")
    verify_checksum(info)
    module = build_network(info.network, info.configuration)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _corrupt(path, error) from error
    if info.metadata["format"] == FORMAT_8_BITS:
        tensors = from_eight_bits(tensors)
    _fill(module, tensors, path)
    return module.eval().requires_grad_(False), info


def verify_checksum(info: WeightsInfo) -> bool:
    """Compare a file with `SHA256SUMS` beside it.

    Returns:
        Whether it is listed there; a file that is not listed is not checked.

    Raises:
        WeightsError: The checksum differs.
    """
    expected = read_checksums(info.path.parent).get(info.path.name)
    if expected is not None and expected != info.sha256:
        raise WeightsError(
            f"{info.path} is damaged: its checksum is not the one in {CHECKSUMS}; install it anew."
        )
    return expected is not None


def read_checksums(folder: Path) -> dict[str, str]:
    """Return sha256 by file name from a folder's `SHA256SUMS`, empty if it has none."""
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    pairs = (
        line.split(maxsplit=1)
        for line in path.read_text(errors="replace").splitlines()
        if line.strip()
    )
    return {pair[1].lstrip("*").strip(): pair[0] for pair in pairs if len(pair) == 2}


def write_checksums(folder: Path) -> None:
    """Write `SHA256SUMS` for all safetensors files of a folder."""
    lines = [f"{file_sha256(path)}  {path.name}\n" for path in sorted(folder.glob("*.safetensors"))]
    part = folder / f"{CHECKSUMS}.part"
    part.write_text("".join(lines))
    part.replace(folder / CHECKSUMS)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _fill(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy tensors into a network; batch counters, which only training reads, may be missing."""
    wanted = module.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - set(tensors) - counters)
    unknown = sorted(set(tensors) - set(wanted))
    wrong = sorted(n for n in set(wanted) & set(tensors) if not _is_like(wanted[n], tensors[n]))
    misfits = missing + unknown + wrong
    if misfits:
        raise WeightsError(
            f"{path} does not fit its network: {len(missing)} tensors missing, {len(unknown)} "
            f"unknown, {len(wrong)} of another shape or kind; the first is {misfits[0]}."
        )
    floats = {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}
    if not all(bool(torch.isfinite(t).all()) for t in floats.values()):
        raise WeightsError(f"{path} holds values that are not finite; install it anew.")
    module.load_state_dict({**wanted, **floats})


def _is_like(wanted: torch.Tensor, stored: torch.Tensor) -> bool:
    """Whether a stored tensor can take a place: whole numbers without steps are no weights."""
    same_kind = wanted.is_floating_point() == stored.is_floating_point()
    return same_kind and wanted.shape == stored.shape


def _corrupt(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} is not a readable weights file ({error}); install it anew.")
