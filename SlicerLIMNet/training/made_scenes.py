"""Random scenes for made images: an object, and the things around it that could be mistaken for it.

Intensities lie in 0..1. The contrast of the object with what surrounds it is drawn first; noise and
textures stay below it, so that the object can always be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.training.made_shapes import (
    Plane,
    Shape,
    SmoothField,
    Vector,
    random_ellipsoid,
    random_shape,
)

BACKGROUND, TARGET = 0, 1  # entries


@dataclass(frozen=True)
class Thing:
    """One solid of a scene; its entry is its row in the tables of the look."""

    shape: Shape
    entry: int
    dent_px: float  # how uneven its surface is
    gap_px: float = 0.0  # it keeps away from the object by so much; 0: it may touch
    is_inclusion: bool = False  # only seen where the object is


@dataclass(frozen=True)
class Look:
    """How a scanner shows a scene: strengths of everything that is added to the means."""

    means: Plane  # (entries,)
    textures: tuple[Plane, Plane]  # coarse and fine, (entries,) each
    blur_px: float
    shading: float
    noise: float
    smooth_noise: float


@dataclass(frozen=True)
class Scene:
    """Everything that is fixed before slices are cut."""

    size: int
    things: tuple[Thing, ...]  # in the order of painting; later ones cover earlier ones
    target: Thing
    counted: npt.NDArray[np.bool_]  # (entries,), true where an entry belongs to the object
    warp_px: float
    warps: tuple[SmoothField, SmoothField]
    dents: tuple[SmoothField, SmoothField]
    textures: tuple[SmoothField, SmoothField]
    shading: SmoothField
    look: Look


def draw_scene(
    rng: np.random.Generator, size: int, depth: float, height: float, spacing: float
) -> Scene:
    """Return a scene whose object is close to a slice of a stack, most often on it.

    Args:
        rng: The only source of chance.
        size: Rows and columns of a slice.
        depth: From the first to the last slice, px.
        height: Of the slice, px.
        spacing: Between slices, px.
    """
    radius = size * float(np.exp(rng.uniform(np.log(0.045), np.log(0.32))))
    centre = np.array([*rng.uniform(0.15, 0.85, 2) * size, height + rng.normal(0.0, 0.25) * radius])
    draw = _SceneDraw(rng, size, depth, spacing, centre, radius)
    draw.add_all()
    tall = max(depth, 10.0 * spacing)

    def fields(low: int, high: int) -> tuple[SmoothField, SmoothField]:
        cells = rng.integers(low, high, 2)
        lengths = tall * rng.uniform(0.3, 1.0, 2)
        return SmoothField.draw(rng, cells[0], lengths[0]), SmoothField.draw(
            rng, cells[1], lengths[1]
        )

    return Scene(
        size=size,
        things=tuple(draw.things),
        target=next(thing for thing in draw.things if thing.entry == TARGET),
        counted=np.array(draw.counted),
        warp_px=rng.uniform(0.0, 0.03) * size,
        warps=fields(3, 7),
        dents=fields(4, 12),
        textures=(fields(8, 24)[0], fields(24, max(25, size // 2))[0]),
        shading=SmoothField.draw(rng, 3, 2.0 * tall),
        look=_draw_look(rng, draw),
    )


@dataclass
class _SceneDraw:
    """Collects the things of one scene, in the order of painting."""

    rng: np.random.Generator
    size: int
    depth: float
    spacing: float
    centre: Vector  # of the object: x, y, z
    radius: float
    contrast: float = 0.0
    things: list[Thing] = field(default_factory=list)
    means: list[float] = field(default_factory=lambda: [0.0, 0.0])
    counted: list[bool] = field(default_factory=lambda: [False, True])

    def add_all(self) -> None:
        """Draw background, holders, neighbours, look-alikes, the object and what lies in it."""
        rng = self.rng
        self.contrast = float(np.exp(rng.uniform(np.log(0.07), np.log(0.45))))
        ground = self.means[BACKGROUND] = rng.uniform(0.1, 0.8)
        if rng.random() < 0.35:  # a body in air
            self.means[BACKGROUND] = rng.uniform(0.0, 0.08)
            self._hold(np.array([0.5 * self.size] * 2 + [self.centre[2]]), 0.55 * self.size, ground)
        for _ in range(rng.integers(0, 4)):
            self._put_anywhere(rng.uniform(0.0, 1.0))
        if rng.random() < 0.45:  # the object lies in something
            ground = rng.uniform(0.1, 0.8)
            self._hold(self.centre, self.radius * rng.uniform(1.3, 2.4), ground)
        self.means[TARGET] = self._beside(ground, self.contrast)
        for _ in range(rng.integers(0, 4)):
            self._touch()
        for _ in range(rng.integers(0, 4)):
            mean = self.means[TARGET] + rng.uniform(-0.1, 0.1) * self.contrast
            self._put_anywhere(mean, gap_px=rng.uniform(1.5, 5.0))
        shape = random_shape(rng, self.centre, self.radius, self.depth, self.spacing)
        self.things.append(Thing(shape, TARGET, self._dent(self.radius)))
        for _ in range(rng.integers(0, 3) if rng.random() < 0.4 else 0):
            self._include()
        if rng.random() < 0.3:
            self._touch()

    def _add(
        self,
        shape: Shape,
        radius: float,
        mean: float,
        counted: bool = False,
        gap_px: float = 0.0,
        is_inclusion: bool = False,
    ) -> None:
        entry = len(self.means)
        self.means.append(min(max(mean, 0.0), 1.0))
        self.counted.append(counted)
        self.things.append(Thing(shape, entry, self._dent(radius), gap_px, is_inclusion))

    def _dent(self, radius: float) -> float:
        return float(self.rng.uniform(0.0, 0.14)) * radius

    def _beside(self, mean: float, contrast: float) -> float:
        """Return a mean that differs from another by a contrast, upwards or downwards."""
        signed = contrast if self.rng.random() < 0.5 else -contrast
        return mean + signed if 0.02 < mean + signed < 0.98 else mean - signed

    def _hold(self, centre: Vector, radius: float, mean: float) -> None:
        tall = max(self.depth, self.spacing)
        shape = random_ellipsoid(self.rng, centre, radius, 1.5 * tall, self.spacing)
        self._add(shape, 0.4 * radius, mean)

    def _put_anywhere(self, mean: float, gap_px: float = 0.0) -> None:
        rng = self.rng
        radius = self.size * float(np.exp(rng.uniform(np.log(0.03), np.log(0.2))))
        height = self.centre[2] + rng.uniform(-0.5, 0.5) * self.depth
        centre = np.array([*rng.uniform(0.0, 1.0, 2) * self.size, height])
        shape = random_shape(rng, centre, radius, self.depth, self.spacing)
        self._add(shape, radius, mean, gap_px=gap_px)

    def _touch(self) -> None:
        """Put a neighbour at the edge of the object, at least half of its contrast away."""
        rng = self.rng
        radius = self.radius * float(np.exp(rng.uniform(-0.7, 0.6)))
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.75, 1.15) * (self.radius + radius)
        height = rng.uniform(-0.4, 0.4) * self.depth
        offset = np.array([reach * np.cos(angle), reach * np.sin(angle), height])
        mean = rng.uniform(0.0, 1.0)
        if abs(mean - self.means[TARGET]) < 0.6 * self.contrast:
            mean = self._beside(self.means[TARGET], rng.uniform(0.6, 1.2) * self.contrast)
        shape = random_shape(rng, self.centre + offset, radius, self.depth, self.spacing)
        self._add(shape, radius, mean)

    def _include(self) -> None:
        """Put something into the object: part of it or a hole in it."""
        rng = self.rng
        radius = max(1.5, self.radius * rng.uniform(0.15, 0.4))
        centre = self.centre + rng.uniform(-0.6, 0.6, 3) * self.radius
        mean = self._beside(self.means[TARGET], rng.uniform(0.5, 1.3) * self.contrast)
        shape = random_shape(rng, centre, radius, self.depth, self.spacing)
        self._add(shape, radius, mean, counted=rng.random() < 0.5, is_inclusion=True)


def _draw_look(rng: np.random.Generator, draw: _SceneDraw) -> Look:
    contrast, entries = draw.contrast, len(draw.means)
    textures = []
    for strongest in (0.5, 0.35):
        strength = contrast * strongest * rng.uniform(0.0, 1.0) * rng.uniform(0.0, 1.0, entries)
        textures.append(strength.astype(np.float32))
    noise, smooth_noise = contrast * rng.uniform(0.02, 0.6, 2)
    return Look(
        means=np.array(draw.means, np.float32),
        textures=(textures[0], textures[1]),
        blur_px=rng.uniform(0.3, 1.4),
        shading=rng.uniform(0.0, 0.25) * min(1.0, 3.0 * contrast),
        noise=min(0.12, noise),
        smooth_noise=min(0.3, 2.0 * smooth_noise),  # the blur takes most of it
    )
