"""JSON of public data sets, which may be far larger than our own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from SlicerLIMNet.errors import ConfigError


def read_large_json(path: Path, what: str) -> Any:
    """Return what a JSON file holds, however large.

    Raises:
        ConfigError: It cannot be read or is no JSON.
    """
    try:
        with path.open("rb") as file:
            return json.load(file)
    except OSError as error:
        raise ConfigError(f"{what} {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{what} {path} is no JSON: {error!s:.120}") from error
