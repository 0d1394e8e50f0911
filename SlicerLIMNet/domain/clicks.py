"""Clicks: on a slice of the plane, or at a position in the patient."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from SlicerLIMNet.domain.geometry import Triple, triple
from SlicerLIMNet.errors import ClickError, GeometryError


@dataclass(frozen=True)
class Click:
    """A click on a slice; fractions of a row or column lie between pixel centres."""

    slice_index: int
    """Slice in the plane of the session."""
    row: float
    """Row in that slice."""
    column: float
    """Column in that slice."""
    positive: bool = True
    """Whether the object is there; False says that it is not."""

    def __post_init__(self) -> None:
        try:
            slice_index = operator.index(self.slice_index)
            row, column = float(self.row), float(self.column)
        except (TypeError, ValueError, OverflowError) as error:
            raise ClickError(
                f"a click needs a whole slice number, a row and a column, not "
                f"{self.slice_index!r:.50}, {self.row!r:.50}, {self.column!r:.50}"
            ) from error
        if not (np.isfinite(row) and np.isfinite(column)):
            raise ClickError(f"the place of a click must be finite, not ({row}, {column})")
        object.__setattr__(self, "slice_index", slice_index)
        object.__setattr__(self, "row", row)
        object.__setattr__(self, "column", column)
        object.__setattr__(self, "positive", bool(self.positive))

    def to_json(self) -> dict[str, Any]:
        """Return the click as it stands in click files and journals."""
        return {
            "slice": self.slice_index,
            "row": self.row,
            "column": self.column,
            "positive": self.positive,
        }

    def __str__(self) -> str:
        sign = "positive" if self.positive else "negative"
        return f"{sign} click at slice {self.slice_index}, row {self.row:g}, column {self.column:g}"


@dataclass(frozen=True)
class LpsClick:
    """A click at a position in the patient; the plane of a session gives it slice and pixel."""

    point_lps: Triple
    """Position in mm."""
    positive: bool = True
    """Whether the object is there; False says that it is not."""

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "point_lps", triple(self.point_lps, "the place of a click"))
        except GeometryError as error:
            raise ClickError(str(error)) from error
        object.__setattr__(self, "positive", bool(self.positive))

    def to_json(self) -> dict[str, Any]:
        """Return the click as it stands in click files."""
        return {"lps": list(self.point_lps), "positive": self.positive}


AnyClick = Click | LpsClick


def click_from_json(entry: object) -> AnyClick:
    """Return the click that an entry of a click file or journal describes.

    Args:
        entry: `{"slice": 10, "row": 32, "column": 40, "positive": true}`, or `"lps": [x, y, z]` in
            place of the first three. A click without sign is positive.

    Raises:
        ClickError: A part is missing, unknown or not a number.
    """
    if not isinstance(entry, Mapping):
        raise ClickError(f"a click must be an object with slice, row and column, not {entry!r:.80}")
    known = {"lps", "positive"} if "lps" in entry else {"slice", "row", "column", "positive"}
    missing = sorted(known - {"positive"} - set(entry))
    unknown = sorted(str(key) for key in set(entry) - known)
    if missing or unknown:
        fault = f"misses {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
        raise ClickError(f"a click {fault}; it needs slice, row and column, or lps: {entry!r:.120}")
    positive = entry.get("positive", True)
    if not isinstance(positive, bool):
        raise ClickError(f"positive of a click must be true or false, not {positive!r:.50}")
    if "lps" in entry:
        return LpsClick(_numbers(entry["lps"]), positive)
    row, column = _numbers([entry["row"], entry["column"]])
    return Click(_whole(entry["slice"]), row, column, positive)


def _numbers(values: object) -> Any:
    """Return the values if all are numbers; true and "3" are none."""
    items = values if isinstance(values, list | tuple) else [None]
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in items):
        raise ClickError(f"the place of a click must be numbers, not {values!r:.80}")
    return items


def _whole(value: object) -> int:
    """Return a slice number; 10.0 is one, 10.5 and true are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ClickError(f"the slice of a click must be a whole number, not {value!r:.50}")
    return int(value)
