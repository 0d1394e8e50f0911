"""A mask in the smallest box around it, packed to bits: fifty undo states of it stay small."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
Triple = tuple[int, int, int]

NOTHING: Triple = (0, 0, 0)


@dataclass(frozen=True)
class MaskBox:
    """Where a mask is True, on a grid [k, j, i]; equal masks are equal objects."""

    shape: Triple
    """Voxels of the whole grid."""
    corner: Triple
    """First voxel of the box; zeros where the mask is empty."""
    size: Triple
    """Voxels of the box; zeros where the mask is empty."""
    bits: bytes
    """The voxels of the box, eight in a byte, rows not padded."""

    @classmethod
    def empty(cls, shape: Sequence[int]) -> MaskBox:
        """Return a mask without any voxel."""
        return cls(_triple(shape), NOTHING, NOTHING, b"")

    @classmethod
    def fromPart(cls, shape: Sequence[int], corner: Sequence[int], part: BoolArray) -> MaskBox:
        """Return a mask that is True only inside a part of the grid.

        Args:
            shape: Voxels of the whole grid.
            corner: First voxel of the part.
            part: [k, j, i], the mask inside it; any size.
        """
        part = np.asarray(part, bool)
        low, high = _filledBox(part)
        if low == high:
            return cls.empty(shape)
        inside = part[tuple(slice(first, end) for first, end in zip(low, high, strict=True))]
        first = [start + offset for start, offset in zip(corner, low, strict=True)]
        return cls(
            _triple(shape), _triple(first), _triple(inside.shape), np.packbits(inside).tobytes()
        )

    @classmethod
    def fromArray(cls, mask: BoolArray) -> MaskBox:
        """Return a mask [k, j, i] of the whole grid."""
        return cls.fromPart(mask.shape, NOTHING, mask)

    @property
    def isEmpty(self) -> bool:
        """Whether no voxel is True."""
        return not self.bits

    def part(self) -> BoolArray:
        """Return the mask inside the box."""
        count = int(np.prod(self.size))
        packed = np.frombuffer(self.bits, np.uint8)
        return np.unpackbits(packed, count=count).astype(bool).reshape(self.size)

    def toArray(self) -> BoolArray:
        """Return the mask of the whole grid."""
        return self.inBox(NOTHING, self.shape)

    def inBox(self, corner: Triple, size: Triple) -> BoolArray:
        """Return the mask in any box that holds this one."""
        whole = np.zeros(size, bool)
        inside = tuple(
            slice(mine - first, mine - first + extent)
            for mine, first, extent in zip(self.corner, corner, self.size, strict=True)
        )
        if not self.isEmpty:
            whole[inside] = self.part()
        return whole

    def minus(self, other: MaskBox) -> MaskBox:
        """Return what is in this mask and not in another one on the same grid."""
        corner, size = self._boxWith(other)
        here, there = self.inBox(corner, size), other.inBox(corner, size)
        return MaskBox.fromPart(self.shape, corner, here & ~there)

    def checksums(self, axis: int) -> list[int]:
        """Return a number for every slice along an axis that tells its content; 0 for none."""
        sums = [0] * self.shape[axis]
        along = np.moveaxis(self.part(), axis, 0) if not self.isEmpty else np.zeros((0, 0, 0), bool)
        for offset, one in enumerate(along):
            (top, left), (bottom, right) = _filledBox(one)
            if bottom:
                other = [first for a, first in enumerate(self.corner) if a != axis]
                place = np.array([top + other[0], left + other[1], bottom - top, right - left])
                content = (
                    place.astype("<i4").tobytes()
                    + np.packbits(one[top:bottom, left:right]).tobytes()
                )
                sums[self.corner[axis] + offset] = zlib.crc32(content) or 1
        return sums

    def _boxWith(self, other: MaskBox) -> tuple[Triple, Triple]:
        """Return corner and size of the box around both masks."""
        boxes = [box for box in (self, other) if not box.isEmpty]
        if not boxes:
            return NOTHING, NOTHING
        low = np.min([box.corner for box in boxes], axis=0)
        high = np.max([np.add(box.corner, box.size) for box in boxes], axis=0)
        return _triple(low), _triple(high - low)


def _filledBox(part: BoolArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return first and end index of what is True, on every axis; zeros where nothing is."""
    last = part.any(axis=tuple(range(part.ndim - 1)))
    flat = part.any(axis=-1)  # the long way over all voxels is gone twice, not once an axis
    others = [
        flat.any(axis=tuple(a for a in range(flat.ndim) if a != axis)) for axis in range(flat.ndim)
    ]
    filled = [np.flatnonzero(along) for along in (*others, last)]
    if filled[0].size == 0:
        return (0,) * part.ndim, (0,) * part.ndim
    return tuple(int(f[0]) for f in filled), tuple(int(f[-1]) + 1 for f in filled)


def _triple(values: Sequence[int]) -> Triple:
    first, second, third = (int(value) for value in values)
    return (first, second, third)
