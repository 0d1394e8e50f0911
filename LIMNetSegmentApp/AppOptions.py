"""How the app was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SAMPLE, PHANTOM = "sample", "phantom"
STARTS = (SAMPLE, PHANTOM)
LOOPBACK = "127.0.0.1"
PORT = 8765
MIB = 2**20


@dataclass(frozen=True)
class AppOptions:
    """What `limnet app` was told."""

    dataFolder: Path
    """Where uploads and journals of sessions are kept."""
    folder: Path
    """Volumes are loaded by path from here and below, and from nowhere else."""
    volume: Path | None = None
    """Loaded in every new tab; None begins with the dialog."""
    start: str = ""
    """`sample` or `phantom`, loaded in every new tab; empty for neither."""
    host: str = LOOPBACK
    """Where to listen; another than loopback needs a token."""
    port: int = PORT
    """0 takes a free one."""
    token: str | None = None
    """Who does not know it gets nothing; None asks nobody."""
    preset: str = "light"
    """Networks that a tab begins with."""
    device: str = "auto"
    """Device that a tab begins with."""
    maxUploadBytes: int = 2048 * MIB
    """Of one upload, and of what a zip may hold."""
    opensBrowser: bool = True
    """Whether to open the page."""
    isTesting: bool = False
    """Whether the page may be asked where a voxel is drawn."""
