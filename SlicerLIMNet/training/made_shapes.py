"""Random solids whose section with any slice is known: the matter that made objects consist of.

Coordinates are pixels: x along columns, y along rows, z across slices. A level is about the
distance to the surface in pixels, negative inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]  # (size, size)
Vector = npt.NDArray[np.float64]


class Shape(Protocol):
    """A solid that can be cut by a slice."""

    def level(self, x: Plane, y: Plane, z: float) -> Plane:
        """Return the level at points (x, y) of the slice at height z."""


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid in any direction."""

    centre: Vector  # x, y, z
    form: npt.NDArray[np.float64]  # (3, 3); p^T form p = 1 on the surface
    radius: float  # px, turns the form into a level

    def level(self, x: Plane, y: Plane, z: float) -> Plane:
        """Return the level at points (x, y) of the slice at height z."""
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        dz, form = z - float(self.centre[2]), self.form.tolist()
        square = dx * (form[0][0] * dx + 2 * form[0][1] * dy + 2 * form[0][2] * dz)
        square += dy * (form[1][1] * dy + 2 * form[1][2] * dz) + form[2][2] * dz * dz
        return (np.sqrt(np.maximum(square, 0)) - 1) * np.float32(self.radius)


@dataclass(frozen=True)
class Tube:
    """A tube through the slices, between two ends; it may fork, which from behind is a merger."""

    centre: Vector  # x, y, z of its middle
    drift: Vector  # (2,), px sideways a px of height
    sway: Vector  # (3,), px along x, px along y, length of a wave in px
    radius: float
    squeeze: Vector  # (3,), xx, xy, yy of the form of the unit section
    half_length: float
    fork: Vector  # (3,), height of the fork over the middle, px sideways a px of height along x, y

    def level(self, x: Plane, y: Plane, z: float) -> Plane:
        """Return the level at points (x, y) of the slice at height z."""
        dz = z - float(self.centre[2])
        beyond = (abs(dz) - self.half_length) / self.radius
        radius = self.radius * float(np.sqrt(max(0.0, 1.0 - max(0.0, beyond) ** 2)))
        wave = np.sin(dz / self.sway[2])
        middle = self.centre[:2] + self.drift * dz + self.sway[:2] * wave
        level = self._section(x, y, middle) - np.float32(radius)
        apart = max(0.0, dz - float(self.fork[0]))
        if apart and self.fork[1:].any():
            other = self._section(x, y, middle + apart * self.fork[1:]) - np.float32(0.9 * radius)
            level = np.minimum(level, other)
        return level if radius > 0 else np.full_like(x, self.radius)

    def _section(self, x: Plane, y: Plane, middle: Vector) -> Plane:
        dx, dy = x - np.float32(middle[0]), y - np.float32(middle[1])
        xx, xy, yy = self.squeeze.tolist()
        return np.sqrt(np.maximum(dx * (xx * dx + 2 * xy * dy) + yy * dy * dy, 0))


@dataclass(frozen=True)
class Band:
    """A bent tube that lies in the slices or rises slowly through them."""

    centre: Vector
    direction: float  # rad, in the slice
    bend: float  # px aside a squared px along
    rise: float  # px of height a px along
    radius: float
    half_length: float

    def level(self, x: Plane, y: Plane, z: float) -> Plane:
        """Return the level at points (x, y) of the slice at height z."""
        cosine, sine = float(np.cos(self.direction)), float(np.sin(self.direction))
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        along = cosine * dx + sine * dy
        aside = cosine * dy - sine * dx - self.bend * along * along
        over = (z - float(self.centre[2])) - self.rise * along
        distance = np.sqrt(aside * aside + over * over) - self.radius
        return np.maximum(distance, np.abs(along) - self.half_length)


@dataclass(frozen=True)
class Blob:
    """Balls that flow together where they are close: it splits, merges, is born and ends."""

    centres: Vector  # (k, 3)
    radii: Vector  # (k,)
    threshold: float = 0.45

    def level(self, x: Plane, y: Plane, z: float) -> Plane:
        """Return the level at points (x, y) of the slice at height z."""
        total = np.full_like(x, -self.threshold)
        for (cx, cy, cz), radius in zip(self.centres.tolist(), self.radii.tolist(), strict=True):
            scale = -0.8 / radius**2
            reach = float(np.exp(scale * (z - cz) ** 2))
            if reach > 0.02:
                dx, dy = x - np.float32(cx), y - np.float32(cy)
                total += reach * np.exp(scale * (dx * dx + dy * dy))
        return total * np.float32(-float(self.radii.mean()))


@dataclass(frozen=True)
class SmoothField:
    """A smooth random field over a slice that changes slowly with height; deviation about 1."""

    grids: npt.NDArray[np.float32]  # (2, rows, columns)
    wavelength: float  # px of height

    @classmethod
    def draw(cls, rng: np.random.Generator, cells: int, wavelength: float) -> SmoothField:
        """Return a field with so many cells along a side."""
        return cls(1.3 * rng.standard_normal((2, cells, cells), np.float32), wavelength)

    def at(self, z: float, size: int) -> Plane:
        """Return the field on the slice at height z, (size, size)."""
        turn = z / self.wavelength
        turns = np.array([np.cos(turn), np.sin(turn)], np.float32)
        grid = np.tensordot(turns, self.grids, 1)
        plane = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        return np.asarray(plane, np.float32)


def random_shape(
    rng: np.random.Generator, centre: Vector, radius: float, depth: float, spacing: float
) -> Shape:
    """Return a solid of any kind around a point.

    Args:
        rng: The source of chance.
        centre: x, y, z, px; it lies inside the solid or close to it.
        radius: Typical radius in a slice, px.
        depth: Height of the stack of slices, px; long solids are as long as that.
        spacing: Between slices, px; a solid is thicker than that, and moves little on the way.
    """
    draw = rng.random()
    if draw < 0.4:
        return random_ellipsoid(rng, centre, radius, depth, spacing)
    if draw < 0.65:
        return _tube(rng, centre, radius, depth, spacing)
    if draw < 0.8:
        return _band(rng, centre, radius, spacing)
    return _blob(rng, centre, radius, spacing)


def random_ellipsoid(
    rng: np.random.Generator, centre: Vector, radius: float, depth: float, spacing: float
) -> Ellipsoid:
    """Return a leaning ellipsoid around a point; arguments as for `random_shape`."""
    stretch = np.exp(rng.uniform(-0.45, 0.45))
    tall = max(radius, 1.5 * spacing) * np.exp(rng.uniform(-0.2, 0.5))
    if rng.random() < 0.3:
        tall = max(tall, depth * rng.uniform(0.3, 1.2))
    turn = rng.uniform(0, np.pi)
    lean = rng.uniform(-0.5, 0.5, 2) * radius / tall  # sideways a px of height
    rows = np.array(
        [
            [np.cos(turn), np.sin(turn), 0.0],
            [-np.sin(turn), np.cos(turn), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    rows[:2, 2] = -rows[:2, :2] @ lean
    rows /= np.array([[radius * stretch], [radius / stretch], [tall]])
    return Ellipsoid(centre, rows.T @ rows, radius)


def _tube(
    rng: np.random.Generator, centre: Vector, radius: float, depth: float, spacing: float
) -> Tube:
    step = min(0.45 * radius, 5.0) / spacing  # sideways a px of height
    stretch = np.exp(rng.uniform(-0.35, 0.35))
    turn = rng.uniform(0, np.pi)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    form = axes.T @ np.diag([stretch**2, stretch**-2]) @ axes
    wave = max(depth, 4 * spacing) * rng.uniform(0.2, 0.6)
    fork = np.zeros(3)
    if rng.random() < 0.4:
        aside = rng.uniform(0, 2 * np.pi)
        speed = step * rng.uniform(0.6, 1.4)
        fork = np.array(
            [rng.uniform(-0.5, 0.3) * depth, speed * np.cos(aside), speed * np.sin(aside)]
        )
    return Tube(
        centre=centre,
        drift=rng.uniform(-1, 1, 2) * step * 0.7,
        sway=np.array([*(rng.uniform(-1, 1, 2) * step * 0.6 * wave), wave]),
        radius=radius,
        squeeze=np.array([form[0, 0], form[0, 1], form[1, 1]]),
        half_length=max(spacing, rng.uniform(0.15, 1.2) * depth),
        fork=fork,
    )


def _band(rng: np.random.Generator, centre: Vector, radius: float, spacing: float) -> Band:
    thin = max(0.45 * radius, 2.0, 0.8 * spacing)
    length = radius * rng.uniform(1.2, 3.0)
    return Band(
        centre=centre,
        direction=rng.uniform(0, 2 * np.pi),
        bend=rng.uniform(-0.8, 0.8) / length,
        rise=rng.uniform(-0.5, 0.5),
        radius=thin,
        half_length=length,
    )


def _blob(rng: np.random.Generator, centre: Vector, radius: float, spacing: float) -> Blob:
    count = int(rng.integers(2, 6))
    radii = radius * rng.uniform(0.5, 0.9, count)
    spread = np.array([radius, radius, max(radius, 2.5 * spacing)])
    centres = centre + rng.uniform(-0.8, 0.8, (count, 3)) * spread
    centres[0] = centre
    return Blob(centres, np.maximum(radii, 0.8 * spacing))
