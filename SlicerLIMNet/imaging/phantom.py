"""A schematic torso CT with exact labels, for the demonstration without data and for tests.

The anatomy is drawn from solids in patient millimetres (x to the left, y to the back, z to the
head), so that any grid shows the same body; then blur, partial volume and correlated noise make
it look scanned.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from SlicerLIMNet.imaging.solids import Inside, Scene, intersection, turned
from SlicerLIMNet.imaging.torso_frame import (
    FAT,
    FLUID,
    GAS,
    NAMES,
    WALL,
    Torso,
    draw_body,
    paint_lungs,
    paint_muscles,
    paint_ribs,
    paint_spine,
)

LIVER, SPLEEN, CORTEX, MEDULLA, AORTA, VEIN = 105.0, 120.0, 165.0, 140.0, 170.0, 130.0  # HU

NOISE_HU = 15.0
POINT_SPREAD_MM = 0.9


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
    torso = draw_body(Scene(shape_zyx, spacing_zyx_mm), rng)
    for paint in (
        paint_lungs,
        _heart,
        _stomach,
        _bowel,
        _liver,
        _spleen,
        _kidneys,
        paint_muscles,
        paint_spine,
        paint_ribs,
        _vessels,
    ):
        paint(torso)
    return _scan(torso.scene, rng), torso.scene.labels, dict(NAMES)


def _heart(torso: Torso) -> None:
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


def _stomach(torso: Torso) -> None:
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


def _bowel(torso: Torso) -> None:
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
    torso: Torso, points: list[list[float]], radius: float, filling: float, within: Inside
) -> None:
    torso.scene.paint_tube(points, radius, WALL, 0, within)
    torso.scene.paint_tube(points, radius - 3.0, filling, 0, within)


def _liver(torso: Torso) -> None:
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


def _spleen(torso: Torso) -> None:
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


def _kidneys(torso: Torso) -> None:
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


def _vessels(torso: Torso) -> None:
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
