"""What the weights in use were trained on, and whether the data of an evaluation was among it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from SlicerLIMNet.errors import WeightsError

_FILE_NAME = re.compile(r"[\w.-]+\.json")


def trained_on(weights: Mapping[str, str]) -> dict[str, str]:
    """Return by role what the weights say that they were trained on; without those that do not.

    Args:
        weights: sha256 by role, as in `EngineInfo`.
    """
    said = dict(_installed())
    return {role: said[sha256] for role, sha256 in weights.items() if said.get(sha256)}


def seen_in_training(manifest: Path, said: Mapping[str, str]) -> str:
    """Return in words whether the data of a manifest was seen in training.

    The weights name the manifests that they learned from; a manifest of the same name counts as
    the same.

    Args:
        manifest: The data of an evaluation.
        said: From `trained_on`.
    """
    if not said:
        return "unknown whether seen in training: the weights do not say what they learned from"
    names = sorted({name for text in said.values() for name in _FILE_NAME.findall(text)})
    if manifest.name in names:
        return f"seen in training: the weights name {manifest.name}"
    if not names:
        return "not known to be seen in training: the weights name no manifest"
    return f"not seen in training: the weights name {' and '.join(names)}"


def _installed() -> Iterator[tuple[str, str]]:
    """Yield sha256 and training of every weights file that is installed."""
    from SlicerLIMNet.networks.weights import models_folder, read_info, user_models_folder

    for folder in (models_folder(), user_models_folder()):
        for path in sorted(folder.glob("*.safetensors")):
            try:
                info = read_info(path)
            except WeightsError:
                continue  # another file; what is in use has been loaded
            yield info.sha256, info.metadata.get("trained_on", "")
