"""Arrays from an `.npz` file that nobody vouches for: no pickles, nothing larger than expected."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

MOST_BYTES = 1 << 32


def read_arrays(
    path: Path, names: Sequence[str], most_bytes: int = MOST_BYTES
) -> dict[str, npt.NDArray[Any]]:
    """Return the named arrays of a file.

    Args:
        path: An `.npz` file.
        names: The arrays that must be in it; others are not looked at.
        most_bytes: What all of them together may hold; more is refused before it is unpacked.

    Raises:
        ValueError: The file is damaged, an array is missing or holds objects, or all are larger
            than allowed; one clause for the caller's sentence.
        OSError: The file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: _member(archive, name) for name in names}
            total = sum(member.file_size for member in members.values())
            if total > most_bytes:
                raise ValueError(f"its arrays hold {total} bytes, of at most {most_bytes}")
            return {name: _read(archive, member) for name, member in members.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError("it is no archive of arrays, or a damaged one") from error


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise ValueError(f"it has no array {name}") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version == (1, 0):
            shape, is_fortran, dtype = npy.read_array_header_1_0(file)
        else:
            shape, is_fortran, dtype = npy.read_array_header_2_0(file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds objects instead of numbers")
        size = math.prod(shape) * dtype.itemsize
        stored = file.read(size) if size <= member.file_size else b""
    if len(stored) != size:
        raise ValueError(f"{member.filename} holds fewer values than its header says")
    values = np.frombuffer(stored, dtype)
    return values.reshape(shape, order="F" if is_fortran else "C")
