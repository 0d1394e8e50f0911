"""Masks as COCO, LVIS and iShape write them: polygons, and run lengths, plain or packed as text.

Source: the data format of cocodataset.org; the packing is that of its `maskApi`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError

BoolArray = npt.NDArray[np.bool_]

_FIRST_SIGN = 48  # of the text: five bits a character, the sixth says that more follow
_MOST_PIXELS = 1 << 28


def read_mask(segmentation: Any, rows: int, columns: int) -> BoolArray:
    """Return the mask of an object, (rows, columns).

    Args:
        segmentation: A list of polygons, which are united, or `{"size", "counts"}`.
        rows: Of its image.
        columns: Likewise.

    Raises:
        ConfigError: It is neither, or of another size.
    """
    try:
        if isinstance(segmentation, dict):
            size = [int(n) for n in segmentation["size"]]
            if size != [rows, columns]:
                raise ConfigError(f"a mask is of size {size} in an image of {[rows, columns]}")
            return _from_runs(_runs(segmentation["counts"]), rows, columns)
        mask = np.zeros((rows, columns), bool)
        for polygon in segmentation:
            mask |= fill_polygon(polygon, rows, columns)
        return mask
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"a mask is neither polygons nor run lengths: {error!s:.80}") from error


def fill_polygon(polygon: Sequence[float], rows: int, columns: int) -> BoolArray:
    """Return the pixels whose centres lie inside a polygon, (rows, columns), by the even-odd rule.

    Args:
        polygon: x0, y0, x1, y1, ...; the centre of the first pixel is (0.5, 0.5).
        rows: Of the image; what lies beyond is cut off.
        columns: Likewise.

    Raises:
        ValueError: These are no pairs of finite numbers.
    """
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    if not np.isfinite(corners).all():
        raise ValueError("a corner is not finite")
    x0, y0 = corners.T
    x1, y1 = np.roll(corners, -1, axis=0).T
    # an edge crosses the centre lines of the rows from `first` up to before `last`
    first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), 0, rows).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), 0, rows).astype(np.int64)
    lengths = last - first
    edge = np.repeat(np.arange(len(corners)), lengths)
    row = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[edge]
    along = (row + 0.5 - y0[edge]) / (y1[edge] - y0[edge])
    crossing = x0[edge] + along * (x1[edge] - x0[edge])
    column = np.clip(np.ceil(crossing - 0.5), 0, columns).astype(np.int64)
    changes = np.zeros((rows, columns + 1), np.int32)
    np.add.at(changes, (row, column), 1)
    return np.asarray(np.cumsum(changes[:, :columns], axis=1) % 2 == 1)


def _runs(counts: Any) -> list[int]:
    if isinstance(counts, list):
        return [int(count) for count in counts]
    return _unpacked(counts if isinstance(counts, bytes) else str(counts).encode("ascii"))


def _unpacked(text: bytes) -> list[int]:
    """Return run lengths from text; the fourth and later differ from the last but one by it."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        part = character - _FIRST_SIGN
        if not 0 <= part < 64:
            raise ValueError("its text holds other characters than run lengths")
        value |= (part & 31) << shift
        shift += 5
        if part & 32:
            continue
        if part & 16:  # negative
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("its text ends within a number")
    return runs


def _from_runs(runs: Sequence[int], rows: int, columns: int) -> BoolArray:
    """Return a mask from lengths of background and object in turn, column by column."""
    pixels = rows * columns
    if pixels > _MOST_PIXELS or min(runs, default=0) < 0 or sum(runs) != pixels:
        raise ValueError(f"its runs cover {sum(runs)} pixels of {pixels}")
    kinds = np.arange(len(runs)) % 2 == 1
    return np.repeat(kinds, runs).reshape(columns, rows).T
