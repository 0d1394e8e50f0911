"""A schematic torso CT with exact labels, for the demonstration without data and for tests.

The anatomy is drawn from solids in patient millimetres (x to the left, y to the back, z to the
head), so that any grid shows the same body; then blur, partial volume and correlated noise make
it look scanned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from SlicerLIMNet.imaging.solids import Block, Field, Inside, Point, Scene, intersection, turned

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
LIVER, SPLEEN, CORTEX, MEDULLA, AORTA, VEIN = 105.0, 120.0, 165.0, 140.0, 170.0, 130.0
CORTICAL_BONE, SPONGY_BONE, DISC, FLUID = 650.0, 230.0, 85.0, 15.0
CAVITY = 0.79  # depth (0: axis of the body, 1: skin) of the inner side of the wall
NOISE_HU = 15.0
POINT_SPREAD_MM = 0.9


@dataclass(frozen=True)
class _Torso:
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


def torso_phantom(
    shape_zyx: tuple[int, int, int] = (80, 160, 200),
    spacing_zyx_mm: tuple[float, float, float] = (4.0, 2.0, 2.0),
    seed: int = 0,
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8], dict[str, int]]:
    """Return a torso from the pelvis to the heart as a CT would show it.

    Args:
        shape_zyx: Voxels; the body measures about 320 x 230 x 345 mm (z, y, x), in the middle.
        spacing_zyx_mm: Of the grid. (24, 48, 60) voxels of 13.3 x 6.7 x 6.7 mm show the same body.
        seed: Of the shapes and the noise: the same seed gives the same volume.

    Returns:
        The image in HU, int16; the labels of voxel centres, uint8, 0 where nothing is labelled;
        and the label of each name. Arrays are [z, y, x]; z to the head, y to the back, x to the
        left.

    Raises:
        GeometryError: The shape or the spacing is not three positive numbers.
    """
    rng = np.random.default_rng(seed)
    torso = _body(Scene(shape_zyx, spacing_zyx_mm), rng)
    for paint in (
        _lungs,
        _heart,
        _stomach,
        _bowel,
        _liver,
        _spleen,
        _kidneys,
        _muscles,
        _spine,
        _ribs,
        _vessels,
    ):
        paint(torso)
    return _scan(torso.scene, rng), torso.scene.labels, dict(NAMES)


def _body(scene: Scene, rng: np.random.Generator) -> _Torso:
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
    return _Torso(scene, depth, whole.z - (crown - slope), rng)


def _lungs(torso: _Torso) -> None:
    whole = torso.scene.whole()
    middle = (whole.x / 46.0) ** 2 + ((whole.y + 12.0) / 84.0) ** 2
    spine = (whole.x / 34.0) ** 2 + ((whole.y - 62.0) / 42.0) ** 2
    inside = (torso.depth < 0.775) & (torso.over_dome > 0) & (middle > 1) & (spine > 1)
    torso.scene.paint(whole, inside, LUNG + 25.0 * whole.ripple(60.0, torso.rng), NAMES["lungs"])
    for side in (-1.0, 1.0):
        for _ in range(22):
            _lung_vessel(torso, side, inside)


def _lung_vessel(torso: _Torso, side: float, lung: Inside) -> None:
    rng = torso.rng
    root = [side * 42.0, rng.uniform(-25.0, 15.0), rng.uniform(115.0, 165.0)]
    end = [side * rng.uniform(60.0, 128.0), rng.uniform(-80.0, 80.0), rng.uniform(30.0, 165.0)]
    middle = [
        0.55 * a + 0.45 * b + rng.uniform(-12.0, 12.0) for a, b in zip(root, end, strict=True)
    ]
    torso.scene.paint_tube([root, middle, end], [4.5, 3.0, 1.4], 45.0, None, lung)


def _heart(torso: _Torso) -> None:
    scene, axes = torso.scene, turned(35.0)
    centre = torso.near([16.0, -30.0, 128.0])
    block = scene.block(centre, (75.0, 75.0, 60.0))
    heart = block.radius(centre, (66.0, 47.0, 52.0), axes) + torso.dents(block, 80.0, 0.06)
    above = torso.over_dome[block.box] > 3.0
    scene.paint(block, (heart < 1.0) & above, 115.0)
    for offset, semi, value in (
        ((26.0, 2.0, 0.0), (30.0, 19.0, 34.0), 175.0),
        ((-14.0, -18.0, 2.0), (36.0, 15.0, 36.0), 160.0),
        ((-30.0, 12.0, 12.0), (22.0, 20.0, 26.0), 165.0),
    ):
        middle = [a + b for a, b in zip(centre, offset, strict=True)]
        scene.paint(block, (block.radius(middle, semi, axes) < 1.0) & above, value)


def _stomach(torso: _Torso) -> None:
    scene = torso.scene
    points = [torso.near(p) for p in ([60, 12, 74], [68, -28, 42], [38, -54, 8], [-14, -46, 0])]
    radii = np.array([35.0, 34.0, 23.0, 13.0])
    within = (torso.depth < 0.775) & (torso.over_dome < -4.0)
    scene.paint_tube(points, list(radii), WALL + 10.0, 0, within)
    inner = (torso.depth < 0.75) & (torso.over_dome < -8.0)
    scene.paint_tube(points, list(radii - 4.0), 30.0, 0, inner)
    gas = inner & (scene.whole().y < points[1][1] - 18.0)
    scene.paint_tube(points[:3], list(radii[:3] - 4.0), GAS, 0, gas)
    pancreas = [torso.near(p) for p in ([-26, -8, -2], [0, -14, 8], [34, 8, 18], [62, 26, 26])]
    scene.paint_tube(pancreas, [13.0, 9.0, 9.5, 7.0], 85.0)


def _bowel(torso: _Torso) -> None:
    rng, cavity = torso.rng, torso.depth < 0.765
    colon = (
        ([-104, 22, -150], [-108, 18, -95], [-98, 2, -52], [-60, -58, -34]),
        ([-60, -58, -34], [0, -74, -48], [58, -66, -20], [104, -14, 10]),
        ([104, -14, 10], [114, 26, -50], [112, 32, -100], [98, 26, -150]),
    )
    for part, filling in zip(colon, (-20.0, GAS, 10.0), strict=True):
        points = [torso.near(point) for point in part]
        _loop(torso, points, rng.uniform(18.0, 22.0), filling, cavity)
    for _ in range(24):
        start = np.array([rng.uniform(-75, 75), rng.uniform(-72, 0), rng.uniform(-155, -15)])
        turns = np.cumsum(rng.normal(0.0, (26.0, 16.0, 14.0), (4, 3)), axis=0)
        filling = float(
            rng.choice([20.0, 30.0, 35.0, 45.0, 210.0, GAS], p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
        )
        _loop(torso, [list(p) for p in start + turns], rng.uniform(9.0, 13.0), filling, cavity)


def _loop(
    torso: _Torso, points: list[list[float]], radius: float, filling: float, within: Inside
) -> None:
    torso.scene.paint_tube(points, radius, WALL, 0, within)
    torso.scene.paint_tube(points, radius - 3.0, filling, 0, within)


def _liver(torso: _Torso) -> None:
    """Paint the liver: below the dome, beside the wall, above a slanting visceral surface."""
    scene = torso.scene
    block = scene.block((-35.0, 0.0, 20.0), (115.0, 110.0, 95.0))
    x, y = block.x, block.y
    underside = -74.0 + 0.62 * (x + 120.0) + 14.0 * np.sin((x + 60.0) / 38.0) + 0.3 * y
    underside = underside + 0.012 * np.maximum(x, 0.0) ** 2
    back = -24.0 + 100.0 / (1.0 + np.exp((x + 46.0) / 13.0)) + 0.25 * (block.z - 40.0)
    kidney = block.radius((-58.0, 40.0, -22.0), (44.0, 38.0, 60.0))
    level = intersection(
        (torso.depth[block.box] - 0.765) * 6.0,
        (torso.over_dome[block.box] + 6.0) / 25.0,
        (underside - block.z) / 25.0,
        (y - back) / 25.0,
        (x - 66.0 + 0.4 * y) / 25.0,
        1.0 - kidney,
    )
    inside = level + torso.dents(block, 70.0, 0.07) < 0.0
    scene.paint(block, inside, LIVER + 3.0 * block.ripple(25.0, torso.rng), NAMES["liver"])
    whole_liver = scene.labels == NAMES["liver"]
    for points in (
        ([-22, 5, 30], [-50, -2, 38], [-85, 5, 30], [-115, 15, 20]),
        ([-50, -2, 38], [-70, -25, 45], [-95, -45, 40]),
        ([-30, 0, 36], [-15, -35, 50], [15, -55, 55], [40, -60, 60]),
        ([-18, 12, 78], [-55, 15, 68], [-95, 25, 55]),
        ([-18, 12, 78], [-45, -20, 66], [-70, -50, 48]),
    ):
        path = [torso.near(point) for point in points]
        radii = np.linspace(5.0, 2.2, len(path))
        scene.paint_tube(path, list(radii), LIVER + 45.0, None, whole_liver)
    cyst = torso.near([-88.0, 2.0, 8.0])
    scene.paint_tube([cyst, [cyst[0] + 3.0, *cyst[1:]]], 8.0, 40.0, None, whole_liver)
    gallbladder = [torso.near(point) for point in ([-48, -34, 2], [-54, -52, -10], [-60, -66, -22])]
    scene.paint_tube(gallbladder, [8.0, 13.0, 14.0], FLUID)


def _spleen(torso: _Torso) -> None:
    block = torso.scene.block((95.0, 40.0, 40.0), (60.0, 70.0, 75.0))
    level = intersection(
        block.radius(torso.near([102.0, 38.0, 42.0]), (38.0, 52.0, 58.0), turned(-20.0, 12.0)) - 1,
        (torso.depth[block.box] - 0.765) * 6.0,
        (torso.over_dome[block.box] + 6.0) / 25.0,
        1.0 - block.radius((60.0, 4.0, 44.0), (33.0, 47.0, 75.0)),
        softness=0.06,
    )
    inside = level + torso.dents(block, 55.0, 0.05) < 0.0
    spots = SPLEEN + 5.0 * block.ripple(18.0, torso.rng)
    torso.scene.paint(block, inside, spots, NAMES["spleen"])


def _kidneys(torso: _Torso) -> None:
    """Paint two beans whose sinus holds fat and a fluid pelvis; the label is the parenchyma."""
    for name, side, height in (("kidney_right", -1.0, -24.0), ("kidney_left", 1.0, -8.0)):
        x, y, z = torso.near([side * 60.0, 38.0, height])
        block = torso.scene.block((x, y, z), (42.0, 42.0, 68.0))
        axes = turned(side * 25.0, side * -12.0)
        kidney = block.radius((x, y, z), (29.0, 25.0, 56.0), axes)
        kidney = kidney + torso.dents(block, 50.0, 0.04)
        hilum = (x - side * 23.0, y - 9.0, z)
        sinus = block.radius(hilum, (20.0, 9.5, 25.0), axes)
        inside = (kidney < 1.0) & (sinus > 1.0)
        rays = np.sin(block.z / 4.5) * np.sin(np.arctan2(block.y - y, block.x - x) * 5.0)
        pyramids = (kidney < 0.78) & (rays > -0.1)
        tissue = np.where(pyramids, MEDULLA, CORTEX)
        torso.scene.paint(block, kidney < 1.0, FAT + 10.0)
        torso.scene.paint(block, inside, tissue, NAMES[name])
        pelvis = [(x - side * 8.0, y - 3.0, z), (x - side * 26.0, y - 6.0, z - 12.0)]
        torso.scene.paint_tube(pelvis, [5.0, 4.0], FLUID)


def _muscles(torso: _Torso) -> None:
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


def _spine(torso: _Torso) -> None:
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


def _ribs(torso: _Torso) -> None:
    """Paint rings that fall from the spine to the front, inside the wall of the chest."""
    scene, whole = torso.scene, torso.scene.whole()
    forward = np.arctan2(np.abs(whole.x), whole.y * 1.4) / np.pi  # 0 behind, 1 in front
    level = whole.z + 95.0 * np.sin(0.5 * np.pi * forward) ** 1.5
    offset = np.mod(level, 27.0) - 13.5
    radius = np.sqrt(((torso.depth - 0.825) / 0.034) ** 2 + (offset / 7.0) ** 2)
    bony = (level > 10.0) & (forward > 0.13) & (forward < 0.45 + level / 300.0)
    value = np.where(radius > 0.55, CORTICAL_BONE, SPONGY_BONE)
    scene.paint(whole, (radius < 1.0) & bony, value)


def _vessels(torso: _Torso) -> None:
    scene = torso.scene
    cava = [torso.near(p) for p in ([-20, 22, -95], [-20, 18, -20], [-22, 8, 60], [-22, -8, 105])]
    scene.paint_tube(cava, [10.0, 11.0, 12.5, 14.0], VEIN)
    fork = [5.0, 24.0, -98.0]
    for side in (-1.0, 1.0):
        iliac = [fork, [side * 20.0, 26.0, -128.0], [side * 40.0, 14.0, -165.0]]
        scene.paint_tube(iliac, [7.5, 6.5, 6.0], AORTA)
        renal = [[4.0, 20.0, -10.0], [side * 22.0, 26.0, -12.0], [side * 42.0, 32.0, -16.0]]
        scene.paint_tube(renal, 3.0, AORTA - 10.0)
    mesenteric = [[5.0, 16.0, 4.0], [3.0, 2.0, -8.0], [0.0, -8.0, -60.0]]
    scene.paint_tube(mesenteric, [4.0, 4.0, 3.0], AORTA - 5.0)
    celiac = [[6.0, 16.0, 18.0], [5.0, 2.0, 20.0], [20.0, -2.0, 24.0]]
    scene.paint_tube(celiac, 3.5, AORTA - 5.0)
    aorta = [torso.near(p) for p in ([27, 25, 175], [24, 22, 110], [9, 20, 40], [5, 20, -30])]
    scene.paint_tube([*aorta, fork], [12.5, 12.0, 10.5, 9.5, 8.5], AORTA, NAMES["aorta"])


def _scan(scene: Scene, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Return what a scanner makes of the scene: partial volume, blur and correlated noise."""
    spacing = np.array(scene.spacing_zyx_mm)
    sigma = np.maximum(POINT_SPREAD_MM, 0.42 * spacing) / spacing
    image = gaussian_filter(scene.intensity, sigma)
    noise = rng.standard_normal(scene.labels.shape, np.float32)
    noise = gaussian_filter(noise, (0.3, 0.7, 0.7))
    noise *= NOISE_HU / max(float(noise.std()), 1e-6)
    return np.rint(np.clip(image + noise, -1024, 3071)).astype(np.int16)
