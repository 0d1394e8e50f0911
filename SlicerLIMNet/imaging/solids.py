"""A grid in patient millimetres that is painted with solids, one over another.

Axes of points are (x, y, z) in LPS, with 0 in the middle of the grid; arrays are [z, y, x]. A
solid is a bool array over a block of the grid: true where the centre of a voxel lies inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from SlicerLIMNet.errors import GeometryError

Field = npt.NDArray[np.float64]
Inside = npt.NDArray[np.bool_]
Point = Sequence[float]  # x, y, z in mm


@dataclass(frozen=True)
class Block:
    """A box of the grid: its slices, and coordinates that broadcast to its shape (in mm)."""

    box: tuple[slice, slice, slice]
    x: Field  # (1, 1, nx)
    y: Field  # (1, ny, 1)
    z: Field  # (nz, 1, 1)

    def radius(self, centre: Point, semi_axes: Point, turn: Field | None = None) -> Field:
        """Return the normalised radius of an ellipsoid, below 1 inside of it.

        Args:
            centre: x, y, z in mm.
            semi_axes: Along the ellipsoid's own axes, mm.
            turn: (3, 3), the rows are the ellipsoid's axes; those of the grid if not given.
        """
        offsets = [self.x - centre[0], self.y - centre[1], self.z - centre[2]]
        if turn is not None:
            offsets = [sum(row[i] * offsets[i] for i in range(3)) for row in turn]
        squares = [(offset / axis) ** 2 for offset, axis in zip(offsets, semi_axes, strict=True)]
        return np.sqrt(squares[0] + squares[1] + squares[2])

    def ripple(self, wavelength: float, rng: np.random.Generator) -> Field:
        """Return a smooth random field over the block, about -1 to 1, for dents and textures."""
        total: Field = np.zeros((1, 1, 1))
        for octave in (1.0, 1.6):
            waves = []
            for axis in (self.x, self.y, self.z):
                turns = axis * octave / wavelength + 0.15 * np.sin(axis / wavelength)
                waves.append(np.cos(2.0 * np.pi * (turns + rng.random())))
            total = total + waves[0] * waves[1] * waves[2] / octave
        return total


class Scene:
    """Intensities and labels of a grid; what is painted later covers what was there."""

    def __init__(
        self, shape_zyx: tuple[int, int, int], spacing_zyx_mm: tuple[float, float, float]
    ) -> None:
        if len(shape_zyx) != 3 or len(spacing_zyx_mm) != 3:
            raise GeometryError(
                f"shape {shape_zyx} and spacing {spacing_zyx_mm} came; give three numbers each"
            )
        if min(shape_zyx) < 1 or not all(0 < step < np.inf for step in spacing_zyx_mm):
            raise GeometryError(
                f"shape {shape_zyx} and spacing {spacing_zyx_mm} came; give positive numbers"
            )
        self.spacing_zyx_mm = spacing_zyx_mm
        self._axes: list[Field] = [
            (np.arange(count, dtype=np.float64) - (count - 1) / 2) * step
            for count, step in zip(shape_zyx, spacing_zyx_mm, strict=True)
        ]
        self.intensity = np.full(shape_zyx, -1000.0, np.float32)
        self.labels = np.zeros(shape_zyx, np.uint8)

    def block(self, centre: Point, reach: Point) -> Block:
        """Return the block that holds every voxel centre within `reach` mm of a point."""
        box = []
        for axis, middle, extent in zip(self._axes, centre[::-1], reach[::-1], strict=True):
            first = int(np.searchsorted(axis, middle - extent))
            last = int(np.searchsorted(axis, middle + extent, side="right"))
            box.append(slice(first, last))
        return self._block(box[0], box[1], box[2])

    def whole(self) -> Block:
        """Return the block that is the whole grid."""
        return self._block(slice(None), slice(None), slice(None))

    def paint(
        self, block: Block, inside: Inside, value: float | Field, label: int | None = 0
    ) -> None:
        """Give the voxels inside a solid an intensity and a label; `None` keeps the label."""
        part = self.intensity[block.box]
        part[inside] = np.broadcast_to(np.asarray(value, np.float32), part.shape)[inside]
        if label is not None:
            self.labels[block.box][inside] = label

    def paint_tube(
        self,
        points: Sequence[Point],
        radii: float | Sequence[float],
        value: float,
        label: int | None = 0,
        within: Inside | None = None,
    ) -> None:
        """Paint balls along a smooth line: a tube with round ends.

        Args:
            points: At least two points of its centre line, mm.
            radii: Its radius, or the radius at every point, mm.
            value: Its intensity.
            label: Its label; `None` keeps what was there.
            within: Whole grid; the tube is painted only where this is true.
        """
        for x, y, z, radius in centre_line(points, radii):
            block = self.block((x, y, z), (radius, radius, radius))
            inside = block.radius((x, y, z), (radius, radius, radius)) < 1.0
            if within is not None:
                inside &= within[block.box]
            self.paint(block, inside, value, label)

    def _block(self, rows_z: slice, rows_y: slice, rows_x: slice) -> Block:
        z, y, x = self._axes
        return Block(
            (rows_z, rows_y, rows_x),
            x[rows_x][None, None, :],
            y[rows_y][None, :, None],
            z[rows_z][:, None, None],
        )


def centre_line(points: Sequence[Point], radii: float | Sequence[float]) -> Field:
    """Return a smooth line through points as (n, 4): x, y, z and radius, in small steps."""
    corners = np.asarray(points, np.float64)
    widths = np.broadcast_to(np.asarray(radii, np.float64), len(corners))
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    places = np.concatenate([[0.0], np.cumsum(lengths)])
    count = 2 + int(places[-1] / (0.35 * widths.min()))
    steps = np.linspace(0.0, places[-1], count)
    line = CubicSpline(places, corners)(steps)
    return np.column_stack([line, np.interp(steps, places, widths)])


def intersection(*levels: Field, softness: float = 0.12) -> Field:
    """Return the level of what is below 0 in all levels at once, with its edges rounded."""
    highest = levels[0]
    for level in levels[1:]:
        highest = np.maximum(highest, level)
    total = sum(np.exp((level - highest) / softness) for level in levels)
    return highest + softness * np.log(total)


def turned(about_z: float, about_y: float = 0.0) -> Field:
    """Return the axes of a solid turned about z, then about y, in degrees."""
    cos_z, sin_z = np.cos(np.radians(about_z)), np.sin(np.radians(about_z))
    cos_y, sin_y = np.cos(np.radians(about_y)), np.sin(np.radians(about_y))
    first = np.array([[cos_z, sin_z, 0.0], [-sin_z, cos_z, 0.0], [0.0, 0.0, 1.0]])
    second = np.array([[cos_y, 0.0, -sin_y], [0.0, 1.0, 0.0], [sin_y, 0.0, cos_y]])
    axes: Field = first @ second
    return axes
