"""New images from label maps: shapes of real anatomy, contrasts that nobody has measured.

Like SynthSeg, every region gets a random intensity, and the image random texture, blur, bias field
and noise. Regions are the labelled object and, since little else is labelled, bands of the real
image's intensity around it.

Source: SynthSeg (Billot et al., 2023), its generative model, in the plane. Differs: the background
is divided by intensity, and the object's contrast with what surrounds it is drawn by itself.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

LEAST_CONTRAST, LARGEST_CONTRAST = 0.06, 0.5
RIM = np.ones((7, 7), np.uint8)
"""What counts as surroundings: three pixels around the object."""


def paint(images: FloatArray, masks: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Return other images of the same shapes.

    Args:
        images: (T, H, W) in 0..1; slices of one volume, or one slice.
        masks: (T, H, W), the object.
        rng: The only source of chance; intensities are drawn once for all slices.

    Returns:
        (T, H, W) in 0..1.
    """
    bands = int(rng.integers(2, 7))
    cuts = np.sort(np.quantile(images, rng.uniform(0.1, 0.95, bands - 1)))
    sharpness = float(rng.uniform(0.5, 2.0))
    regions = np.stack([np.digitize(_blurred(image, sharpness), cuts) for image in images])
    means = rng.uniform(0, 1, bands + 1)
    around = means[regions[_rim(masks)]]
    means[bands] = _beside(float(around.mean()) if around.size else 0.5, rng)
    regions[masks] = bands
    contrast = abs(means[bands] - around.mean()) if around.size else LARGEST_CONTRAST
    textures = contrast * rng.uniform(0, 0.5, bands + 1)
    grain = np.stack(
        [_blurred(rng.standard_normal(image.shape, np.float32), sharpness) for image in images]
    )
    crisp = (means[regions] + textures[regions] * 2 * sharpness * grain).astype(np.float32)
    painted = np.stack([_blurred(image, float(0.3 + 0.4 * sharpness)) for image in crisp])
    painted *= _bias(images.shape[1:], rng)
    noise = rng.standard_normal(images.shape, np.float32)
    painted += np.float32(contrast * rng.uniform(0, 0.5)) * noise
    return np.clip(painted, 0, 1, out=painted)


def _beside(mean: float, rng: np.random.Generator) -> float:
    """Return an intensity that differs from another by a contrast, upwards or downwards."""
    contrast = float(np.exp(rng.uniform(np.log(LEAST_CONTRAST), np.log(LARGEST_CONTRAST))))
    signed = contrast if rng.random() < 0.5 else -contrast
    return mean + signed if 0.02 < mean + signed < 0.98 else mean - signed


def _rim(masks: BoolArray) -> BoolArray:
    grown = [cv2.dilate(mask.astype(np.uint8), RIM) > 0 for mask in masks]
    return np.asarray(np.stack(grown) & ~masks)


def _bias(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return a smooth factor around 1, (H, W)."""
    grid = rng.normal(0, float(rng.uniform(0, 0.15)), (4, 4)).astype(np.float32)
    field = cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.exp(field), np.float32)


def _blurred(image: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
