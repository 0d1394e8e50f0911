"""What a header promises, held against what the file holds; nothing of the promised size is made.

ITK allocates what a header names and fills what the file lacks with zeros; so this comes first.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from SlicerLIMNet.errors import VolumeError

_CHUNK = 1 << 18
_BEST_DEFLATE_RATIO = 1032  # no deflate stream unpacks to more per byte
_WINDOW_BITS = {"gzip": 31, "zlib": 15}


@dataclass(frozen=True)
class Promise:
    """The voxels that a header promises, and where they are stored."""

    data_file: Path
    """The file itself, or the one that it names beside it."""
    offset: int
    """Bytes of that file before the stored stream; -1 where the voxels are its end."""
    encoding: str
    """`raw`, `gzip` or `zlib`."""
    size: int
    """Bytes of the unpacked stream up to the end of the voxels."""


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
        VolumeError: The file is cut short or damaged.
    """
    stored = max(promise.data_file.stat().st_size - max(promise.offset, 0), 0)
    held = stored if promise.encoding == "raw" else stored * _BEST_DEFLATE_RATIO
    if promise.encoding != "raw" and promise.size <= held:
        held = _unpacked_size(promise, name)
    if held < promise.size:
        raise VolumeError(
            f"{name} is cut short: its header promises {promise.size} bytes of voxels and the file "
            f"holds no more than {held}; fetch or export it again"
        )


def _unpacked_size(promise: Promise, name: str) -> int:
    """Return how many bytes a stream unpacks to, counted up to a little more than promised."""
    unpacked = 0
    try:
        for piece in _unpack(promise.data_file, promise.offset, _WINDOW_BITS[promise.encoding]):
            unpacked += piece
            if unpacked > promise.size + _CHUNK:
                break
    except zlib.error as error:
        raise VolumeError(f"{name} is damaged: its packed voxels cannot be unpacked") from error
    return unpacked


def _unpack(path: Path, offset: int, window_bits: int) -> Iterator[int]:
    """Yield the sizes of the pieces that a file unpacks to; a cut stream simply ends."""
    with path.open("rb") as file:
        file.seek(offset)
        engine = zlib.decompressobj(window_bits)
        packed = file.read(_CHUNK)
        while packed:
            yield len(engine.decompress(packed, _CHUNK))
            packed = engine.unconsumed_tail or engine.unused_data or file.read(_CHUNK)
            if engine.eof:
                if window_bits == _WINDOW_BITS["zlib"] or packed[:2] != b"\x1f\x8b":
                    return  # what follows the stream is not ours
                engine = zlib.decompressobj(window_bits)  # a file may join several gzip streams
