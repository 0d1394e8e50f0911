"""Probabilities of one slice, stored as bytes inside the box that they fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Box = tuple[int, int, int, int]
"""First row, end row, first column, end column; half-open."""

FOREGROUND = 128
"""Stored values from here on belong to the mask: exactly the probabilities above 0.5."""

EMPTY_BOX: Box = (0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class SparseProbability:
    """The probabilities of one slice; what lies outside the box is 0.

    The box is always the smallest one (a wider one is trimmed), so equal content means equal
    objects, and a stored state is no larger than its object.
    """

    shape: tuple[int, int]
    """Rows and columns of the whole slice."""
    box: Box
    """Where probabilities above 0 lie, half-open; all zeros when there are none."""
    values: npt.NDArray[np.uint8]
    """Probabilities inside the box, 0..255; read-only."""

    def __post_init__(self) -> None:
        row0, row1, column0, column1 = (int(edge) for edge in self.box)
        rows, columns = (int(n) for n in self.shape)
        assert self.values.dtype == np.uint8
        assert self.values.shape == (row1 - row0, column1 - column0)
        assert 0 <= row0 <= row1 <= rows
        assert 0 <= column0 <= column1 <= columns
        top, bottom, left, right = bounding_box(self.values)
        values = self.values[top:bottom, left:right].copy()  # a view would keep the whole slice
        values.setflags(write=False)
        box = (row0 + top, row0 + bottom, column0 + left, column0 + right)
        object.__setattr__(self, "shape", (rows, columns))
        object.__setattr__(self, "box", box if values.size else EMPTY_BOX)
        object.__setattr__(self, "values", values)

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> SparseProbability:
        """Return a slice without any probability."""
        return cls(shape, EMPTY_BOX, np.zeros((0, 0), np.uint8))

    @classmethod
    def from_dense(cls, probability: npt.NDArray[np.floating]) -> SparseProbability:
        """Return probabilities (rows, columns), 0..1, as bytes; see `quantise`."""
        return cls.from_bytes(quantise(probability))

    @classmethod
    def from_mask(cls, mask: npt.NDArray[np.bool_]) -> SparseProbability:
        """Return a mask (rows, columns) as probabilities 0 and 1."""
        return cls.from_bytes(np.asarray(mask, bool).astype(np.uint8) * np.uint8(255))

    @classmethod
    def from_bytes(cls, values: npt.NDArray[np.uint8]) -> SparseProbability:
        """Return stored probabilities (rows, columns), 0..255, of a whole slice."""
        rows, columns = values.shape
        return cls((rows, columns), (0, rows, 0, columns), values)

    @property
    def is_empty(self) -> bool:
        """Whether all probabilities are 0; a mask may be empty although this is not so."""
        return self.values.size == 0

    @property
    def has_foreground(self) -> bool:
        """Whether the mask has any pixel."""
        return bool((self.values >= FOREGROUND).any())

    def dense(self) -> npt.NDArray[np.float32]:
        """Return the probabilities of the whole slice: (rows, columns), 0..1."""
        return self.dense_bytes().astype(np.float32) / np.float32(255)

    def dense_bytes(self) -> npt.NDArray[np.uint8]:
        """Return the stored probabilities of the whole slice: (rows, columns), 0..255."""
        row0, row1, column0, column1 = self.box
        whole = np.zeros(self.shape, np.uint8)
        whole[row0:row1, column0:column1] = self.values
        return whole

    def mask(self) -> npt.NDArray[np.bool_]:
        """Return the mask of the whole slice: (rows, columns), probability above 0.5."""
        row0, row1, column0, column1 = self.box
        whole = np.zeros(self.shape, bool)
        whole[row0:row1, column0:column1] = self.values >= FOREGROUND
        return whole

    def has_mask_of(self, other: SparseProbability) -> bool:
        """Whether both have the same mask, whatever their probabilities."""
        (box, mask), (other_box, other_mask) = self._mask_in_box(), other._mask_in_box()
        return self.shape == other.shape and box == other_box and np.array_equal(mask, other_mask)

    def _mask_in_box(self) -> tuple[Box, npt.NDArray[np.bool_]]:
        """Return the smallest box around the mask, and the mask in it."""
        inside = self.values >= FOREGROUND
        top, bottom, left, right = bounding_box(inside)
        if bottom == top:
            return EMPTY_BOX, inside[:0, :0]
        row0, _, column0, _ = self.box
        box = (row0 + top, row0 + bottom, column0 + left, column0 + right)
        return box, inside[top:bottom, left:right]

    def as_mask(self, mask: npt.NDArray[np.bool_]) -> SparseProbability:
        """Return the probabilities with another mask (rows, columns).

        Pixels that change sides get the nearest value on the new one.
        """
        values = self.dense_bytes()
        inside = np.maximum(values, np.uint8(FOREGROUND))
        outside = np.minimum(values, np.uint8(FOREGROUND - 1))
        return SparseProbability.from_bytes(np.where(mask, inside, outside))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseProbability):
            return NotImplemented
        same_place = self.shape == other.shape and self.box == other.box
        return same_place and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.shape, self.box, self.values.tobytes()))


def quantise(probability: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return probabilities 0..1 as bytes 0..255.

    Halves are rounded down, so that 0.5 becomes 127 and anything above it at least 128: no pixel
    changes sides of the mask. Values beyond 0..1 are clipped.
    """
    scaled = np.multiply(probability, np.float32(255), dtype=np.float32)
    scaled -= np.float32(0.5)
    return np.clip(np.ceil(scaled, out=scaled), 0, 255, out=scaled).astype(np.uint8)


def bounding_box(values: npt.NDArray[np.generic]) -> Box:
    """Return the smallest half-open box around what is not 0; all zeros where nothing is."""
    rows = np.flatnonzero(values.any(axis=1))
    if rows.size == 0:
        return EMPTY_BOX
    columns = np.flatnonzero(values.any(axis=0))
    return (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
