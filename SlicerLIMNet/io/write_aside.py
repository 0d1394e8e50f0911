"""Files that are whole or not there: written aside in the same folder, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from SlicerLIMNet.errors import OutputError


@contextmanager
def write_aside(path: Path | str) -> Iterator[Path]:
    """Give a name to write to; what was written there takes the place of `path` at the end.

    Whatever goes wrong inside, the old file stays as it is and the new one is removed.

    Args:
        path: The file to write; its folder must exist.

    Yields:
        A file in a new folder beside it, of the same name, so that writers see its ending.

    Raises:
        OutputError: The folder is missing or cannot be written, or the disk is full.
    """
    path = Path(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".limnet-", dir=path.parent) as folder:
            aside = Path(folder) / path.name
            yield aside
            _replace(aside, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{path} could not be written ({reason}); choose another folder or make room on the "
            "disk"
        ) from error


def _replace(aside: Path, path: Path) -> None:
    _keep_rights(aside, path)
    _flush(aside)
    aside.replace(path)
    with suppress(OSError):  # not every system can flush a folder; the rename stands without
        _flush(path.parent)


def _keep_rights(aside: Path, path: Path) -> None:
    """A replaced file keeps its access rights."""
    with suppress(FileNotFoundError):
        aside.chmod(path.stat().st_mode & 0o777)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
