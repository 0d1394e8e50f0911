"""Random intensity and geometry changes of training crops, fast enough to make them on the fly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.training.pool_files import LabelledVolume

FloatArray = npt.NDArray[np.float32]

CT_WINDOW = (-160.0, 240.0)


def draw_window(volume: LabelledVolume, rng: np.random.Generator) -> tuple[float, float]:
    """Draw an intensity window inside what is stored, in 8-bit values.

    CT whose stored window holds the engine's own gets that one, shifted a little, in six draws of
    ten; everything else gets nearly all that is stored, like the percentiles taken for MR.
    """
    low, high = volume.window
    scale = 255.0 / (high - low)
    own = [(value - low) * scale for value in CT_WINDOW]
    fits = volume.modality == "CT" and own[0] > -60 and own[1] < 330
    if fits and rng.random() < 0.6:
        jitter = rng.normal(0, 6, 2)
        return own[0] + jitter[0], own[1] + jitter[1]
    first, last = rng.uniform(0, 0.08), rng.uniform(0.85, 1.1)
    return 255 * first, 255 * last


@dataclass(frozen=True)
class Warp:
    """One affine change in the plane, the same for an image and its masks."""

    matrix: FloatArray

    @staticmethod
    def draw(size: int, rng: np.random.Generator, strength: float = 1.0) -> Warp:
        """Draw flips, rotation, and unequal scale of crops of (size, size) pixels."""
        angle = rng.normal(0, 0.25 * strength) if rng.random() < 0.6 else 0.0
        scale = np.exp(rng.normal(0, 0.07 * strength, 2))
        flip = np.array([rng.choice([-1, 1]), rng.choice([-1, 1])])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turn @ np.diag(scale * flip)
        if rng.random() < 0.25:
            linear = linear @ np.array([[0.0, 1.0], [1.0, 0.0]])
        centre = np.array([(size - 1) / 2] * 2)
        return Warp(np.column_stack([linear, centre - linear @ centre]).astype(np.float32))

    def apply(self, crop: FloatArray) -> FloatArray:
        """Return a crop (H, W) or (H, W, C) warped, 0 where it came from outside."""
        size = (crop.shape[1], crop.shape[0])
        return np.asarray(cv2.warpAffine(crop, self.matrix, size, flags=cv2.INTER_LINEAR))


def change_intensity(images: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return images in 0..1 with other contrast, brightness, noise and sharpness.

    Args:
        images: (..., H, W) or (H, W, 3): one draw for all.
        rng: Source of chance.
    """
    changed = images
    if rng.random() < 0.5:
        changed = np.power(np.clip(changed, 0, 1), float(np.exp(rng.normal(0, 0.3))))
    if rng.random() < 0.5:
        gain, shift = float(np.exp(rng.normal(0, 0.15))), float(rng.normal(0, 0.06))
        changed = (changed - 0.5) * gain + 0.5 + shift
    if rng.random() < 0.12:
        changed = 1 - changed
    if rng.random() < 0.35:
        noise = rng.standard_normal(changed.shape, dtype=np.float32)
        changed = changed + noise * float(rng.uniform(0.01, 0.08))
    return np.clip(changed, 0, 1).astype(np.float32)


def coarsen(images: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return slices (N, H, W) as a coarser scan would show them, in a third of the draws."""
    if rng.random() > 0.35:
        return images
    rows, columns = images.shape[1:]
    share = float(rng.uniform(0.2, 0.7))
    small = (max(8, round(columns * share)), max(8, round(rows * share)))
    reduced = [cv2.resize(image, small, interpolation=cv2.INTER_AREA) for image in images]
    return np.stack([cv2.resize(image, (columns, rows)) for image in reduced]).astype(np.float32)


def blur(crop: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a crop (H, W) or (H, W, 3), blurred in a fifth of the draws."""
    if rng.random() > 0.2:
        return crop
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(0.4, 1.5))), np.float32)
