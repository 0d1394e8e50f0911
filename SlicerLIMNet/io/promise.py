"""What a header promises, held against what the file holds; nothing of the promised size is made.

ITK allocates what a header names and fills what the file lacks with zeros; so this comes first.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from SlicerLIMNet.errors import VolumeError

_CHUNK = 1 << 18  # a multiple of every voxel's size
_BEST_DEFLATE_RATIO = 1032  # no deflate stream unpacks to more per byte
_WINDOW_BITS = {"gzip": 31, "zlib": 15}
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Promise:
    """The voxels that a header promises, and where they are stored."""

    data_file: Path
    """The file itself, or the one that it names beside it."""
    encoding: str
    """`raw`, `gzip` or `zlib`."""
    offset: int
    """Bytes of that file before the stored stream; -1 where the voxels are its end."""
    skip: int
    """Bytes of the unpacked stream before the voxels."""
    size: int
    """Bytes of the voxels."""
    real_type: str = ""
    """numpy's name of real voxels, where the reader would turn NaN into zeros unseen."""


def check_sizes(name: str, sizes: Sequence[int]) -> None:
    """Do nothing for the sizes of an image that has voxels.

    Raises:
        VolumeError: There are no sizes, or one is below 1.
    """
    if not sizes or min(sizes) < 1:
        raise VolumeError(f"{name} is empty or damaged: its header gives the sizes {tuple(sizes)}")


def check_spacing(name: str, spacing_mm: Sequence[float]) -> None:
    """Do nothing for distances that can be used; a negative one is a flipped axis.

    Raises:
        VolumeError: A distance is 0, infinite or NaN.
    """
    if any(value == 0 or not math.isfinite(value) for value in spacing_mm):
        raise VolumeError(
            f"{name} has the voxel spacing {tuple(spacing_mm)} mm; every value must be above 0"
        )


def check_promise(promise: Promise, name: str) -> None:
    """Do nothing where a file holds the voxels that its header promises.

    A packed stream is unpacked once, piece by piece, which also proves its checksum.

    Raises:
        VolumeError: The file is cut short or damaged, or holds NaN where the reader would hide it.
    """
    stored = max(promise.data_file.stat().st_size - max(promise.offset, 0), 0)
    held = stored if promise.encoding == "raw" else stored * _BEST_DEFLATE_RATIO
    held = max(held - promise.skip, 0)
    if promise.size <= held and (promise.encoding != "raw" or promise.real_type):
        held = _held_size(promise, name)
    if held < promise.size:
        raise VolumeError(
            f"{name} is cut short: its header promises {promise.size} bytes of voxels and the file "
            f"holds no more than {held}; fetch or export it again"
        )


def _held_size(promise: Promise, name: str) -> int:
    """Return how many bytes of voxels a stream holds, counted to a little more than promised."""
    held = 0
    try:
        with promise.data_file.open("rb") as file:
            file.seek(max(promise.offset, 0))
            for piece in _pieces(file, promise):
                if promise.real_type:
                    _check_finite(piece[: max(promise.size - held, 0)], promise.real_type, name)
                held += len(piece)
                if held > promise.size + _CHUNK:
                    break
    except zlib.error as error:
        raise VolumeError(f"{name} is damaged: its packed voxels cannot be unpacked") from error
    return held


def _pieces(file: BinaryIO, promise: Promise) -> Iterator[bytes]:
    """Yield the voxels of a stream in pieces of one size and the rest; a cut stream just ends."""
    waiting, to_skip = b"", promise.skip
    for part in _unpacked(file, promise.encoding):
        waiting += part[to_skip:]
        to_skip = max(to_skip - len(part), 0)
        if len(waiting) >= _CHUNK:
            yield waiting[:_CHUNK]
            waiting = waiting[_CHUNK:]
    yield waiting


def _unpacked(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    if encoding == "raw":
        yield from iter(lambda: file.read(_CHUNK), b"")
        return
    engine = zlib.decompressobj(_WINDOW_BITS[encoding])
    packed = file.read(_CHUNK)
    while packed:
        yield engine.decompress(packed, _CHUNK)
        packed = engine.unconsumed_tail or engine.unused_data or file.read(_CHUNK)
        if engine.eof:
            if encoding == "zlib" or packed[:2] != _GZIP_MAGIC:
                return  # what follows the stream is not ours
            engine = zlib.decompressobj(_WINDOW_BITS[encoding])  # several gzip streams, joined


def _check_finite(piece: bytes, real_type: str, name: str) -> None:
    whole = len(piece) // np.dtype(real_type).itemsize
    if not np.isfinite(np.frombuffer(piece, real_type, whole)).all():
        raise VolumeError(f"{name} holds NaN or infinite voxels; replace them by numbers first")
