"""The figures of one object in one run, and how they stand in files."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RoundFigures:
    """The figures of one round; None where there is nothing to measure."""

    dice: float
    """Of the whole volume."""
    seconds: float
    """Of click and round; 0 where the robot had nothing left to click."""
    slices_worsened: float
    """Share of slices whose Dice fell by more than 0.01."""
    nsd: float | None = None
    """Surface Dice at 2 mm; None for objects no longer than 4 mm, too."""
    false_slices: float | None = None
    """Share of the slices without the object that hold any mask."""
    false_voxels: float | None = None
    """Voxels marked on slices without the object, over the voxels of the object."""
    flooding: float | None = None
    """Share of the mask that lies outside the object, on the clicked slice and its neighbours."""
    overrun: float | None = None
    """Slices that the mask goes on past the end of the object."""
    decay: float | None = None
    """Dice lost in ten slices of distance from the nearest clicked one."""
    clicked_probability: float | None = None
    """Of the object at the clicked pixel, right after the click."""
    prompt_dice: float | None = None
    """Of the clicked slice, right after the click."""
    judged_slices: int | None = None
    """Slices where an older and a new mask differ and no prompt mask decides."""
    regret: float | None = None
    """Mean over these slices of the better mask's Dice minus the chosen one's."""
    oracle_dice: float | None = None
    """Of the whole volume, had the better mask been chosen on each of these slices."""


@dataclass(frozen=True)
class SliceClicks:
    """One slice alone, clicked several times by the deepest error, without any round.

    Every list has one entry a click.
    """

    dice: list[float]
    """Of the slice."""
    clicked_probability: list[float]
    """Of the object at the pixel just clicked."""
    positive: list[bool]
    """Sign of the click."""
    object_probability: list[float]
    """Mean over the object's pixels."""


@dataclass(frozen=True)
class TargetResult:
    """The figures of one object of one volume."""

    volume: str
    """Name of the volume."""
    label: str
    """Name of the object."""
    modality: str | None
    """CT, MR, ...; None where the manifest does not say."""
    shape_zyx: tuple[int, int, int]
    """Of the volume."""
    spacing_zyx_mm: tuple[float, float, float]
    """Of the volume."""
    voxels: int
    """Of the object."""
    rounds: list[RoundFigures]
    """One a round."""
    clicks: list[Click]
    """The clicks, fewer than rounds where the robot stopped early."""
    later_dice: list[float] = field(default_factory=list)
    """Dice of the rounds that came after, for the clicks to a Dice and long curves."""
    dice_at_distances: list[list[float | None]] = field(default_factory=list)
    """Mean Dice of slices by distance to the nearest clicked one: first round, last round."""
    slice_clicks: SliceClicks | None = None
    """The object's largest slice alone."""
    shown: list[str] = field(default_factory=list)
    """The clicked slice after each round that had a click, packed, for pictures."""

    @property
    def name(self) -> str:
        """Volume and object."""
        return f"{self.volume} {self.label}"

    @property
    def dice(self) -> list[float]:
        """Dice a round."""
        return [figures.dice for figures in self.rounds]

    @property
    def long_dice(self) -> list[float]:
        """Dice a round, the later ones too."""
        return self.dice + self.later_dice

    def figure(self, name: str) -> list[Any]:
        """Return one figure a round, by its name in `RoundFigures`."""
        return [getattr(figures, name) for figures in self.rounds]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as they stand in a report: every figure a list over rounds."""
        by_round = {item.name: self.figure(item.name) for item in fields(RoundFigures)}
        return {
            "name": self.volume,
            "label": self.label,
            "modality": self.modality,
            "shape_zyx": list(self.shape_zyx),
            "spacing_zyx_mm": list(self.spacing_zyx_mm),
            "voxels": self.voxels,
            **by_round,
            "clicks": [click.to_json() for click in self.clicks],
            "later_dice": self.later_dice,
            "dice_at_distances": self.dice_at_distances,
            "slice_clicks": None if self.slice_clicks is None else asdict(self.slice_clicks),
        }

    def to_record(self) -> dict[str, Any]:
        """Return all of it, for `from_record`."""
        return self.to_json() | {"shown": self.shown}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> TargetResult:
        """Return what `to_record` gave.

        Raises:
            KeyError, TypeError, ValueError: It is no such record.
        """
        names = [item.name for item in fields(RoundFigures)]
        by_round = zip(*(record[name] for name in names), strict=True)
        z, y, x = record["shape_zyx"]
        of_slice = record["slice_clicks"]
        return cls(
            volume=record["name"],
            label=record["label"],
            modality=record["modality"],
            shape_zyx=(z, y, x),
            spacing_zyx_mm=_three(record["spacing_zyx_mm"]),
            voxels=record["voxels"],
            rounds=[RoundFigures(**dict(zip(names, row, strict=True))) for row in by_round],
            clicks=[_click(entry) for entry in record["clicks"]],
            later_dice=record["later_dice"],
            dice_at_distances=record["dice_at_distances"],
            slice_clicks=None if of_slice is None else SliceClicks(**of_slice),
            shown=record["shown"],
        )


def packed(mask: BoolArray) -> str:
    """Return a mask (rows, columns) as a short text."""
    return base64.b64encode(zlib.compress(np.packbits(mask).tobytes(), 9)).decode("ascii")


def unpacked(text: str, rows_columns: Sequence[int]) -> BoolArray:
    """Return the mask that `packed` made a text of."""
    rows, columns = rows_columns
    stored = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return np.unpackbits(stored, count=rows * columns).astype(bool).reshape(rows, columns)


def _click(entry: Mapping[str, Any]) -> Click:
    return Click(entry["slice"], entry["row"], entry["column"], entry["positive"])


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    z, y, x = values
    return z, y, x
