"""What is written of a segmentation: named masks, and how they share layers of label values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import GeometryError, OutputError

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]

MOST_SEGMENTS = 255

_COLOURS: tuple[Colour, ...] = (
    (0.90, 0.29, 0.24),
    (0.20, 0.60, 0.86),
    (0.95, 0.77, 0.06),
    (0.18, 0.80, 0.44),
    (0.61, 0.35, 0.71),
    (0.90, 0.49, 0.13),
    (0.10, 0.74, 0.61),
    (0.93, 0.44, 0.68),
)


@dataclass(frozen=True)
class Segment:
    """One object of a segmentation, as a file names it."""

    name: str
    """For the user."""
    mask: Mask
    """[z, y, x], on the grid of the volume."""
    colour: Colour | None = None
    """Red, green, blue, 0..1; None takes the next of a fixed list."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Kept with the segment in `.seg.nrrd`; a `|` in a value is written as JSON's `\\u007c`."""

    def colour_at(self, place: int) -> Colour:
        """Return its colour when it is the segment at a place, from 0."""
        return self.colour or _COLOURS[place % len(_COLOURS)]


@dataclass(frozen=True)
class Layer:
    """Segments that do not overlap, as label values."""

    labels: Labels
    """[z, y, x], 0 where no segment is."""
    places: tuple[int, ...]
    """The segments in it; the first has the label value 1."""


def check_segments(segments: Sequence[Segment], shape_zyx: tuple[int, int, int]) -> None:
    """Do nothing for masks of the grid of their volume.

    Raises:
        GeometryError: A mask has another shape.
        OutputError: There are no segments, or more than label values.
    """
    for segment in segments:
        if segment.mask.shape != shape_zyx:
            raise GeometryError(
                f"the mask of {segment.name!r} has the shape {segment.mask.shape}, and its volume "
                f"{shape_zyx}"
            )
    if not 1 <= len(segments) <= MOST_SEGMENTS:
        raise OutputError(
            f"a file holds 1 to {MOST_SEGMENTS} segments, not {len(segments)}; use several files"
        )


def layers_of(segments: Sequence[Segment]) -> list[Layer]:
    """Return as few layers as it takes to keep overlapping segments whole, in their order."""
    layers: list[tuple[Labels, list[int]]] = []
    for place, segment in enumerate(segments):
        mask = np.asarray(segment.mask, bool)
        free = (layer for layer in layers if not (layer[0][mask] != 0).any())
        layer = next(free, None)
        if layer is None:
            layer = (np.zeros(mask.shape, np.uint8), [])
            layers.append(layer)
        layer[1].append(place)
        layer[0][mask] = len(layer[1])
    return [Layer(labels, tuple(places)) for labels, places in layers]


def extent_xyz(mask: npt.NDArray[Any]) -> tuple[int, ...]:
    """Return first and last index along x, y and z of what a mask holds; 0 -1 where it is empty."""
    found: list[int] = []
    for axis in (2, 1, 0):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        found += [int(filled[0]), int(filled[-1])] if filled.size else [0, -1]
    return tuple(found)
