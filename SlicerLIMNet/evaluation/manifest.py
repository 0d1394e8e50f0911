"""Manifests: which volumes there are, and which labels of them are targets.

A manifest is JSON, `{"format": 1, "volumes": [{"name", "image", "labels", "modality", "targets":
{name: label value}, ...}]}`; its paths are relative to its folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SlicerLIMNet.errors import ConfigError


@dataclass(frozen=True)
class ManifestVolume:
    """A labelled volume on disk."""

    name: str
    """Of the volume, unique in its manifest."""
    image: Path
    """File of the image."""
    labels: Path
    """File of the labelmap, on the grid of the image."""
    modality: str | None
    """CT, MR, ...; it decides on the intensity window."""
    targets: Mapping[str, int]
    """The label value of each object."""


def read_manifest(path: Path) -> list[ManifestVolume]:
    """Return the volumes of a manifest, in its order.

    Raises:
        ConfigError: The file cannot be read or is no manifest.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"the manifest {path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != 1:
        raise ConfigError(f'{path} is no manifest: it needs "format": 1 and a list of volumes')
    volumes = content.get("volumes")
    if not isinstance(volumes, list) or not volumes:
        raise ConfigError(f"the manifest {path} lists no volumes")
    return [_volume(entry, path) for entry in volumes]


def _volume(entry: Any, manifest: Path) -> ManifestVolume:
    try:
        return ManifestVolume(
            name=str(entry["name"]),
            image=manifest.parent / entry["image"],
            labels=manifest.parent / entry["labels"],
            modality=entry.get("modality"),
            targets={str(name): int(value) for name, value in entry["targets"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"a volume of the manifest {manifest} lacks a name, image, labels or targets: "
            f"{json.dumps(entry):.120}"
        ) from error
