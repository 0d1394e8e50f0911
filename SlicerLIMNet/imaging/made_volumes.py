"""Tiny volumes of one bright solid whose true mask is known exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MadeVolume = tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_]]
Triple = tuple[float, float, float]


def ball_volume(
    shape_zyx: tuple[int, int, int] = (16, 32, 32),
    radius_mm: float = 8.0,
    centre_zyx: Triple | None = None,
    spacing_zyx_mm: Triple = (1.0, 1.0, 1.0),
    contrast: int = 100,
    noise: float = 0.0,
    seed: int = 0,
) -> MadeVolume:
    """Return a ball on a dark ground.

    Args:
        shape_zyx: Voxels.
        radius_mm: Of the ball; a voxel belongs to it if its centre does (the surface included).
        centre_zyx: In voxels, fractions allowed; the middle of the volume if not given.
        spacing_zyx_mm: Of the grid.
        contrast: Intensity of the ball; the ground has 0.
        noise: Standard deviation of Gaussian noise.
        seed: Of the noise.

    Returns:
        The image, int16, and the true mask, bool, both [z, y, x].
    """
    centre = centre_zyx or _middle(shape_zyx)
    z, y, x = np.ogrid[tuple(slice(count) for count in shape_zyx)]
    offsets = [
        (axis - middle) * step
        for axis, middle, step in zip((z, y, x), centre, spacing_zyx_mm, strict=True)
    ]
    truth = offsets[0] ** 2 + offsets[1] ** 2 + offsets[2] ** 2 <= radius_mm**2
    return _image_of(truth, contrast, noise, seed), truth


def tube_volume(
    shape_zyx: tuple[int, int, int] = (16, 32, 32),
    radius: float = 5.0,
    drift_yx: tuple[float, float] = (0.5, -0.5),
    first_last: tuple[int, int] | None = None,
    contrast: int = 100,
    noise: float = 0.0,
    seed: int = 0,
) -> MadeVolume:
    """Return a tube along z whose disc moves from slice to slice and that may begin and end inside.

    Args:
        shape_zyx: Voxels.
        radius: Of the disc, px; its edge included.
        drift_yx: Rows and columns that the disc moves a slice, from the centre of the middle one.
        first_last: First and last slice with the tube; all slices if not given.
        contrast: Intensity of the tube; the ground has 0.
        noise: Standard deviation of Gaussian noise.
        seed: Of the noise.

    Returns:
        The image, int16, and the true mask, bool, both [z, y, x].
    """
    first, last = first_last or (0, shape_zyx[0] - 1)
    z, y, x = np.ogrid[tuple(slice(count) for count in shape_zyx)]
    middle = _middle(shape_zyx)
    rows = y - middle[1] - drift_yx[0] * (z - middle[0])
    columns = x - middle[2] - drift_yx[1] * (z - middle[0])
    truth = (rows**2 + columns**2 <= radius**2) & (z >= first) & (z <= last)
    return _image_of(truth, contrast, noise, seed), truth


def _middle(shape_zyx: tuple[int, int, int]) -> Triple:
    depth, height, width = shape_zyx
    return (depth - 1) / 2, (height - 1) / 2, (width - 1) / 2


def _image_of(
    truth: npt.NDArray[np.bool_], contrast: int, noise: float, seed: int
) -> npt.NDArray[np.int16]:
    image = contrast * truth.astype(np.float64)
    if noise > 0:
        image += np.random.default_rng(seed).normal(0.0, noise, truth.shape)
    return np.rint(image).astype(np.int16)
