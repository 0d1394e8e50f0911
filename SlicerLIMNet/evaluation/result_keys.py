"""What tells the result of an object in a run from all others: a checksum of all it depends on."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from itertools import chain
from pathlib import Path

from SlicerLIMNet.errors import VolumeError
from SlicerLIMNet.evaluation.run_settings import LIMNET, RunSettings
from SlicerLIMNet.io.manifest import ManifestVolume

FORMAT = 2
"""Of a result; a change of any figure's definition raises it, and old results are not used."""

_ENGINE_SOURCES = (
    "domain",
    "imaging",
    "networks",
    "memory",
    "prompting",
    "fusion",
    "propagation",
    "session",
)
_BASELINE_SOURCES = ("evaluation/baselines", "imaging/window.py")


def result_key(entry: ManifestVolume, label: str, settings: RunSettings, with_surface: bool) -> str:
    """Return the sha256 of settings, weights or parameters, data, and the methods' sources.

    Args:
        entry: The volume; its files are read once in a process.
        label: Name of the object.
        settings: Of the run.
        with_surface: Whether the surface Dice is measured.

    Raises:
        VolumeError: A file of the volume cannot be read.
    """
    depends_on = {
        "format": FORMAT,
        "program": _program_checksum(settings.method == LIMNET),
        "settings": settings.to_json(),
        "depends_on": dict(settings.depends_on),
        "surface": with_surface,
        "volume": entry.name,
        "modality": entry.modality,
        "label": [label, entry.targets[label]],
        "window": entry.window,
        "slice_axis": entry.slice_axis,
        "place": entry.index,
        "files": [_checksum(file) for file in entry.files],
    }
    text = json.dumps(depends_on, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _checksum(path: Path) -> str:
    """Return the sha256 of a file, or of all files of a folder.

    Raises:
        VolumeError: A file cannot be read.
    """
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    try:
        files = [file for file in inside if not file.is_dir()]
        sums = [_file_checksum(file, file.stat().st_mtime_ns) for file in files]
    except OSError as error:
        raise VolumeError(f"{path} cannot be read: {error.strerror or error}") from error
    return hashlib.sha256("".join(sums).encode("ascii")).hexdigest()


@cache
def _file_checksum(path: Path, _changed_at: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@cache
def _program_checksum(of_engine: bool) -> str:
    """Return the sha256 of the sources that masks come from: while they change, so may results.

    The engine and the baselines know nothing of each other.
    """
    package = Path(__file__).resolve().parents[1]
    parts = [package / part for part in (_ENGINE_SOURCES if of_engine else _BASELINE_SOURCES)]
    found = [[part] if part.is_file() else part.rglob("*.py") for part in parts]
    sums = [_file_checksum(file, 0) for file in sorted(chain.from_iterable(found))]
    return hashlib.sha256("".join(sums).encode("ascii")).hexdigest()
