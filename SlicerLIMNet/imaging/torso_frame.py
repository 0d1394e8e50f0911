"""The frame of the made torso: outline, wall, lungs, muscles and bones, and what organs lean on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SlicerLIMNet.imaging.solids import Block, Field, Inside, Point, Scene, turned

NAMES = {
    "spleen": 1,
    "kidney_right": 2,
    "kidney_left": 3,
    "liver": 4,
    "aorta": 5,
    "lungs": 6,
    "spine": 7,
}
FAT, MUSCLE, WALL, LUNG, GAS = -100.0, 55.0, 55.0, -830.0, -950.0  # HU
CORTICAL_BONE, SPONGY_BONE, DISC, FLUID = 650.0, 230.0, 85.0, 15.0
CAVITY = 0.79  # depth (0: axis of the body, 1: skin) of the inner side of the wall


@dataclass(frozen=True)
class Torso:
    """The scene with the fields that the organs lean on."""

    scene: Scene
    depth: Field  # whole grid: 0 at the axis of the body, 1 at the skin
    over_dome: Field  # whole grid: height above the diaphragm, mm
    rng: np.random.Generator

    def near(self, point: Point) -> list[float]:
        """Return a point moved a little, so that every seed gives another body."""
        return [value + self.rng.uniform(-2.5, 2.5) for value in point]

    def dents(self, block: Block, wavelength: float, height: float) -> Field:
        """Return a field that makes the surface of a level uneven."""
        return height * block.ripple(wavelength, self.rng)


def draw_body(scene: Scene, rng: np.random.Generator) -> Torso:
    """Paint table, skin, fat and the wall of the trunk."""
    whole = scene.whole()
    table = (np.abs(whole.y - 129.0 + (whole.x / 60.0) ** 2) < 7.0) & (np.abs(whole.x) < 190.0)
    scene.paint(whole, np.broadcast_to(table, scene.labels.shape), -870.0)
    half_width = 162.0 + 9.0 * np.tanh(whole.z / 70.0) + 5.0 * np.cos(whole.z / 45.0)
    half_depth = 111.0 + 5.0 * np.sin(whole.z / 60.0)
    across = np.abs(whole.x / half_width) ** 2.3
    along = np.abs(whole.y / half_depth) ** 2.3
    depth = (across + along) ** (1 / 2.3) * (1.0 + 0.012 * whole.ripple(170.0, rng))
    scene.paint(whole, depth < 1.0, 5.0)  # skin
    scene.paint(whole, depth < 0.985, FAT + 4.0 * whole.ripple(35.0, rng))
    muscle = depth < 0.885 - 0.025 * (whole.y < 0) * (1.0 - whole.z / 160.0)
    scene.paint(whole, muscle, MUSCLE)
    scene.paint(whole, depth < CAVITY, FAT - 5.0)
    crown = 98.0 - 7.0 * np.tanh(whole.x / 40.0) - 9.0 * np.exp(-((whole.x / 32.0) ** 2))
    slope = (depth / CAVITY) ** 4 * (68.0 + 30.0 * np.clip(whole.y / 80.0, 0.0, 1.0))
    return Torso(scene, depth, whole.z - (crown - slope), rng)


def paint_lungs(torso: Torso) -> None:
    """Paint the lungs above the diaphragm, with vessels that count as lung."""
    whole = torso.scene.whole()
    middle = (whole.x / 46.0) ** 2 + ((whole.y + 12.0) / 84.0) ** 2
    spine = (whole.x / 34.0) ** 2 + ((whole.y - 62.0) / 42.0) ** 2
    inside = (torso.depth < 0.775) & (torso.over_dome > 0) & (middle > 1) & (spine > 1)
    torso.scene.paint(whole, inside, LUNG + 25.0 * whole.ripple(60.0, torso.rng), NAMES["lungs"])
    for side in (-1.0, 1.0):
        for _ in range(22):
            _lung_vessel(torso, side, inside)


def _lung_vessel(torso: Torso, side: float, lung: Inside) -> None:
    rng = torso.rng
    root = [side * 42.0, rng.uniform(-25.0, 15.0), rng.uniform(115.0, 165.0)]
    end = [side * rng.uniform(60.0, 128.0), rng.uniform(-80.0, 80.0), rng.uniform(30.0, 165.0)]
    middle = [
        0.55 * a + 0.45 * b + rng.uniform(-12.0, 12.0) for a, b in zip(root, end, strict=True)
    ]
    torso.scene.paint_tube([root, middle, end], [4.5, 3.0, 1.4], 45.0, None, lung)


def paint_muscles(torso: Torso) -> None:
    """Paint psoas and back muscles, and the wings of the pelvis beside them."""
    scene, whole = torso.scene, torso.scene.whole()
    for side in (-1.0, 1.0):
        psoas = [[side * 27.0, 44.0, 18.0], [side * 36.0, 42.0, -60.0], [side * 52.0, 30.0, -160.0]]
        scene.paint_tube(psoas, [6.0, 16.0, 24.0], MUSCLE)
        back = ((whole.x - side * 33.0) / 30.0) ** 2 + ((whole.y - 82.0) / 23.0) ** 2
        back = back + torso.dents(whole, 90.0, 0.05)
        scene.paint(whole, (back < 1.0) & (torso.depth < 0.95), MUSCLE + 3.0)
        block = scene.block((side * 95.0, 40.0, -150.0), (70.0, 80.0, 60.0))
        wing = block.radius((side * 40.0, 4.0, -185.0), (82.0, 70.0, 85.0), turned(side * 20.0))
        shell = np.abs(wing - 1.0 - 0.02 * np.sin(block.y / 14.0))
        bone = (shell < 0.055) & (block.y > -24.0) & (side * block.x > 46.0) & (block.z < -118.0)
        rim = shell > 0.03
        scene.paint(block, bone, np.where(rim, CORTICAL_BONE, SPONGY_BONE))


def paint_spine(torso: Torso) -> None:
    """Paint vertebrae and discs, labelled, and the canal with its cord, which is not."""
    scene = torso.scene
    block = scene.block((0.0, 70.0, 0.0), (60.0, 60.0, 1e9))
    x, z = block.x, block.z
    y = block.y - (48.0 + 7.0 * np.cos((z + 40.0) / 75.0))  # the curve of the back
    phase = np.abs(np.mod(z + 7.0, 34.0) - 17.0)  # 17 in a disc, 0 in the middle of a body
    waist = 1.0 - 0.12 * np.clip(1.0 - phase / 12.0, 0.0, 1.0)
    body = np.sqrt((x / (24.0 * waist)) ** 2 + (y / (17.0 * waist)) ** 2)
    canal = np.sqrt((x / 10.0) ** 2 + ((y - 25.0) / 8.5) ** 2)
    arch = (np.sqrt((x / 16.0) ** 2 + ((y - 25.0) / 14.0) ** 2) < 1.0) & (phase < 11.0)
    process = (np.abs(x) < 3.8) & (y > 33.0) & (y < 52.0) & (phase < 9.0)
    wings = ((np.abs(x) - 28.0) / 17.0) ** 2 + ((y - 24.0) / 5.0) ** 2 + (phase / 6.0) ** 2 < 1.0
    disc = (body < 0.96) & (phase >= 13.0)
    solid = (body < 1.0) & (phase < 13.0)
    shell = (body > 0.87) | (phase > 11.0)
    bone = np.where(shell, 430.0, SPONGY_BONE + 25.0 * block.ripple(12.0, torso.rng))
    scene.paint(block, arch | process | wings, 420.0, NAMES["spine"])
    scene.paint(block, solid, bone, NAMES["spine"])
    scene.paint(block, disc, DISC, NAMES["spine"])
    scene.paint(block, canal < 1.0, FLUID)
    scene.paint(block, canal < 0.6, 40.0)  # the cord


def paint_ribs(torso: Torso) -> None:
    """Paint rings that fall from the spine to the front, inside the wall of the chest."""
    scene, whole = torso.scene, torso.scene.whole()
    forward = np.arctan2(np.abs(whole.x), whole.y * 1.4) / np.pi  # 0 behind, 1 in front
    level = whole.z + 95.0 * np.sin(0.5 * np.pi * forward) ** 1.5
    offset = np.mod(level, 27.0) - 13.5
    radius = np.sqrt(((torso.depth - 0.825) / 0.034) ** 2 + (offset / 7.0) ** 2)
    bony = (level > 10.0) & (forward > 0.13) & (forward < 0.45 + level / 300.0)
    value = np.where(radius > 0.55, CORTICAL_BONE, SPONGY_BONE)
    scene.paint(whole, (radius < 1.0) & bony, value)
