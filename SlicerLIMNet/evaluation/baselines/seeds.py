"""Clicks as seeds: what the tools for comparison need, and the box in which they work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.errors import ConfigError

Seeds = npt.NDArray[np.uint8]
Box = tuple[slice, slice, slice]

NO_SEED, OBJECT, BACKGROUND = 0, 1, 2


@dataclass(frozen=True)
class SeedRules:
    """How clicks become seeds."""

    disc_radius_pixels: float = 3.0
    """A click is a disc of this radius on its slice."""
    box_distances: float = 3.0
    """The box reaches so many times as far as the farthest positive click from the first one."""
    least_reach_voxels: int = 64
    """The box reaches at least so far from the first positive click, along every axis."""

    def __post_init__(self) -> None:
        if not (self.disc_radius_pixels >= 0 and self.box_distances >= 1):
            raise ConfigError("a disc needs a radius of 0 or more, a box all of its clicks")


@dataclass(frozen=True, eq=False)
class SeededBox:
    """A part of a volume and the seeds in it."""

    place: Box
    """Where it lies in the volume, [z, y, x]."""
    seeds: Seeds
    """[z, y, x] of the box: NO_SEED, OBJECT or BACKGROUND."""


def seeded_box(
    clicks: Sequence[Click],
    shape_zyx: Sequence[int],
    spacing_zyx_mm: Sequence[float],
    rules: SeedRules | None = None,
) -> SeededBox | None:
    """Return the box around the positive clicks with all seeds.

    Every click is a disc; where discs meet, the nearer click counts. The faces of the box are
    background. Where the volume ends before the box, the face moves to the volume's edge, but a
    face beyond the first or last slice has no seeds: vessels and bones run on through it.

    Args:
        clicks: In slices along z, in their order.
        shape_zyx: Of the volume.
        spacing_zyx_mm: Of its voxels.
        rules: Sizes of disc and box; those of the project's protocol if not given.

    Returns:
        None as long as no click is positive.
    """
    rules = rules or SeedRules()
    if not any(click.positive for click in clicks):
        return None
    low, high = _box(clicks, spacing_zyx_mm, rules)
    is_cut_below, is_cut_above = bool(low[0] < 0), bool(high[0] > shape_zyx[0])
    low, high = np.maximum(low, 0), np.minimum(high, shape_zyx)
    seeds = np.zeros(high - low, np.uint8)
    _paint_faces(seeds, not is_cut_below, not is_cut_above)
    for index in sorted({click.slice_index for click in clicks}):
        if low[0] <= index < high[0]:
            on_slice = [click for click in clicks if click.slice_index == index]
            corner = float(low[1]), float(low[2])
            _paint_discs(seeds[index - low[0]], on_slice, corner, rules.disc_radius_pixels)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return SeededBox((z, y, x), seeds)


def _box(
    clicks: Sequence[Click], spacing_zyx_mm: Sequence[float], rules: SeedRules
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return first and past-the-last index of a box that may reach beyond the volume."""
    places = [(click.slice_index, click.row, click.column) for click in clicks if click.positive]
    first, spacing = np.array(places[0]), np.array(spacing_zyx_mm)
    farthest_mm = np.linalg.norm((np.array(places) - first) * spacing, axis=1).max()
    reach = np.maximum(rules.box_distances * farthest_mm / spacing, rules.least_reach_voxels)
    low, high = np.floor(first - reach), np.ceil(first + reach)
    return low.astype(np.int64), high.astype(np.int64) + 1


def _paint_faces(seeds: Seeds, first_slice: bool, last_slice: bool) -> None:
    seeds[:, [0, -1], :] = BACKGROUND
    seeds[:, :, [0, -1]] = BACKGROUND
    if first_slice:
        seeds[0] = BACKGROUND
    if last_slice:
        seeds[-1] = BACKGROUND


def _paint_discs(
    seeds: Seeds, clicks: Sequence[Click], corner: tuple[float, float], radius: float
) -> None:
    """Paint the clicks of one slice; of equally near ones the later counts."""
    rows, columns = np.ogrid[: seeds.shape[0], : seeds.shape[1]]
    nearest = np.full(seeds.shape, np.inf)
    for click in clicks:
        squared = (rows + corner[0] - click.row) ** 2 + (columns + corner[1] - click.column) ** 2
        inside = (squared <= radius**2) & (squared <= nearest)
        nearest[inside] = squared[inside]
        seeds[inside] = OBJECT if click.positive else BACKGROUND
