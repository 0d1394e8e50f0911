"""The files of a session: its journal, the masks of its rounds, and both in one archive."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.masks import FOREGROUND, SparseProbability
from SlicerLIMNet.errors import OutputError, SessionError
from SlicerLIMNet.io.archives import ArchiveFault, ArchiveLimits, unpack
from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.io.write_aside import write_aside

__all__ = [
    "append_to_journal",
    "read_journal",
    "read_slices",
    "unzip_folder",
    "write_aside",
    "write_slices",
    "zip_folder",
]

MOST_UNPACKED_BYTES = 1 << 33

_BYTES_A_SLICE = 64  # of numbers that say where a slice and its box are


def append_to_journal(path: Path | str, entry: Mapping[str, Any]) -> None:
    """Add an operation to a journal, on the disk before this returns.

    A torn last line, of a crash while writing, is removed first.

    Raises:
        OutputError: It could not be written; the journal is as it was.
        SessionError: What is there is no journal.
    """
    path = Path(path)
    line = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    end = _read_lines(path)[1] if path.exists() else 0
    try:
        with path.open("ab", buffering=0) as file:
            file.truncate(end)
            try:
                _write_all(file.fileno(), line)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise OutputError(
            f"the journal {path} could not be written ({error.strerror or error}); make room on "
            "the disk or save the session elsewhere"
        ) from error


def read_journal(path: Path | str) -> list[dict[str, Any]]:
    """Return the operations of a journal; a torn last line, of a crash, is left out.

    Raises:
        SessionError: The file cannot be read, or a line before the last is damaged.
    """
    return _read_lines(Path(path))[0]


def write_slices(path: Path | str, slices: Mapping[int, SparseProbability]) -> None:
    """Write masks (bit-packed) and probabilities of slices as `.npz`; empty ones are left out.

    Raises:
        OutputError: It could not be written; an old file is as it was.
    """
    kept = sorted((index, stored) for index, stored in slices.items() if not stored.is_empty)
    values = [stored.values.ravel() for _, stored in kept]
    joined = np.concatenate(values) if values else np.zeros(0, np.uint8)
    with write_aside(path) as aside, aside.open("wb") as file:
        np.savez_compressed(
            file,
            indices=np.array([index for index, _ in kept], np.int64),
            boxes=np.array([stored.box for _, stored in kept], np.int64).reshape(-1, 4),
            masks=np.packbits(joined >= FOREGROUND),
            probabilities=joined,
        )


def read_slices(path: Path | str, shape: tuple[int, int, int]) -> dict[int, SparseProbability]:
    """Return the slices that `write_slices` wrote; a slice that is not there is empty.

    Args:
        path: An `.npz` file of masks.
        shape: Number of slices, rows and columns; nothing larger is unpacked.

    Raises:
        SessionError: The file cannot be read, is damaged, or does not fit the shape.
    """
    path = Path(path)
    most = 2 * int(np.prod(shape, dtype=object)) + _BYTES_A_SLICE * shape[0] + 4096
    try:
        arrays = read_arrays(path, ("indices", "boxes", "masks", "probabilities"), most)
        return _slices(arrays, shape)
    except OSError as error:
        raise SessionError(f"the masks {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise SessionError(f"the masks {path} are damaged or of another volume: {error}") from error


def zip_folder(folder: Path | str, path: Path | str) -> None:
    """Write the files of a folder, without the folder's own name, into a zip.

    Raises:
        OutputError: It could not be written; an old file is as it was.
    """
    folder = Path(folder)
    with write_aside(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.write(file, file.relative_to(folder).as_posix())


def unzip_folder(
    path: Path | str, folder: Path | str, most_bytes: int = MOST_UNPACKED_BYTES
) -> None:
    """Unpack a zip of a session into a new folder.

    Args:
        path: A zip that nobody vouches for. A `NAME.limnet` folder around its files is left out.
        folder: Made by this call; it must not exist, or be empty.
        most_bytes: What may be unpacked at most.

    Raises:
        SessionError: The zip is missing, damaged, too large, or names files outside the folder,
            links or special files. What was unpacked is removed.
        OutputError: The folder could not be written.
    """
    path, folder = Path(path), Path(folder)
    if not path.is_file():
        raise SessionError(f"there is no file {path}")
    try:
        unpack(path, folder, ArchiveLimits(unpacked_bytes=most_bytes), "a session", ".limnet")
    except ArchiveFault as fault:
        raise SessionError(f"{path} {fault}") from fault


def _read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the whole operations of a journal, and the byte where they end."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SessionError(
            f"the journal {path} cannot be read: {error.strerror or error}"
        ) from error
    whole = lines[:-1]
    entries = [_entry(line) for line in whole]
    if entries and entries[-1] is None:  # torn as well: the pages of a crash may hold a newline
        entries.pop()
        whole.pop()
    if None in entries:
        number = entries.index(None) + 1
        raise SessionError(f"line {number} of the journal {path} is damaged; it is no operation")
    return [entry for entry in entries if entry is not None], sum(len(line) + 1 for line in whole)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _write_all(handle: int, content: bytes) -> None:
    """A full disk takes a part of a write and refuses the next one."""
    while content:
        content = content[os.write(handle, content) :]


def _slices(
    arrays: Mapping[str, npt.NDArray[Any]], shape: tuple[int, int, int]
) -> dict[int, SparseProbability]:
    indices, boxes, values = arrays["indices"], arrays["boxes"], arrays["probabilities"]
    if values.dtype != np.uint8 or boxes.shape != (len(indices), 4):
        raise ValueError("its arrays have other types or shapes")
    if not np.array_equal(np.packbits(values >= FOREGROUND), arrays["masks"]):
        raise ValueError("its masks and probabilities differ")
    slices: dict[int, SparseProbability] = {}
    start = 0
    for index, box in zip(indices.tolist(), boxes.tolist(), strict=True):
        row0, row1, column0, column1 = box
        is_inside = 0 <= row0 < row1 <= shape[1] and 0 <= column0 < column1 <= shape[2]
        if not (0 <= index < shape[0] and is_inside):
            raise ValueError(f"slice {index} with the box {box} lies outside {shape}")
        size = (row1 - row0, column1 - column0)
        part = values[start : start + size[0] * size[1]].reshape(size)
        slices[index] = SparseProbability(shape[1:], (row0, row1, column0, column1), part)
        start += part.size
    return slices
