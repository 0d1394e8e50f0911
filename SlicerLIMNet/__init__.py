"""Click-based 3D segmentation of CT, MR and other volumes, in rounds.

The public names are imported when they are first used, so that importing the package is quick and
needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from SlicerLIMNet.domain.clicks import Click
    from SlicerLIMNet.domain.config import RoundConfig
    from SlicerLIMNet.domain.plane import ObliquePlane, Plane
    from SlicerLIMNet.domain.progress import CancelToken
    from SlicerLIMNet.domain.volume import Volume
    from SlicerLIMNet.errors import LIMNetError
    from SlicerLIMNet.io.labelmaps import write_segmentation
    from SlicerLIMNet.io.volumes import read_volume
    from SlicerLIMNet.session.engine import Engine
    from SlicerLIMNet.session.session import Session

__version__ = "0.1.0"

__all__ = [
    "CancelToken",
    "Click",
    "Engine",
    "LIMNetError",
    "ObliquePlane",
    "Plane",
    "RoundConfig",
    "Session",
    "Volume",
    "read_volume",
    "write_segmentation",
]

_HOMES = {
    "CancelToken": "domain.progress",
    "Click": "domain.clicks",
    "Engine": "session.engine",
    "LIMNetError": "errors",
    "ObliquePlane": "domain.plane",
    "Plane": "domain.plane",
    "RoundConfig": "domain.config",
    "Session": "session.session",
    "Volume": "domain.volume",
    "read_volume": "io.volumes",
    "write_segmentation": "io.labelmaps",
}


def __getattr__(name: str) -> Any:
    """Return a public name, imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the names that are there for users."""
    return sorted([*__all__, "__version__"])
