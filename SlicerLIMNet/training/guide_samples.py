"""Guides for training: other slices of the same object, with masks as good as users get them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.guides import nearness
from SlicerLIMNet.imaging.resample import extent
from SlicerLIMNet.training.augment import draw_window
from SlicerLIMNet.training.defects import defective_mask
from SlicerLIMNet.training.largest_slices import LargestSlices, slice_step
from SlicerLIMNet.training.pool import Target

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

LEAST_PIXELS = 12
PAST_CHANCE = 0.1
"""Of a guided slice lying past the object's end."""
PAST_SLICES = 4
SAME_CHANCE = 0.35
"""Of the nearest slice with the object being the reference itself."""
LARGEST_CHANCE = 0.4
"""Of the reference being the object's largest slice, where users click first."""
RIGHT_CHANCES = (0.65, 0.45)
"""Of the mask of the reference, and of the nearest slice, being as the truth has it."""


@dataclass(frozen=True)
class GuideSlice:
    """One guide before it is cut out."""

    pixels: FloatArray
    """(H, W) in 0..1."""
    mask: BoolArray
    """(H, W)."""
    nearness: float
    """See `Guide`."""


@dataclass(frozen=True)
class LabelledSlice:
    """A slice and one object on it, which may have ended where there are guides."""

    pixels: FloatArray
    """(H, W), or (H, W, 3) without guides; 0..1."""
    mask: BoolArray
    """(H, W)."""
    guides: list[GuideSlice] = field(default_factory=list)
    """None, or the reference and the nearest slice with the object."""


def draw_guide_indices(
    holding: npt.NDArray[np.int64], largest: int, index: int, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Draw the slices of the reference and of the nearest mask for a clicked slice.

    Args:
        holding: Slices with the object, in order.
        largest: The one with the most of it.
        index: The clicked slice, which may lie past the object's end.
        rng: Source of chance.

    Returns:
        Slice indices; None where the object lies on no other slice.
    """
    others = holding[holding != index]
    if not len(others):
        return None
    distances = np.abs(others - index)
    if largest != index and rng.random() < LARGEST_CHANCE:
        reference = largest
    else:
        weights = 1 / distances.astype(np.float64)
        reference = int(rng.choice(others, p=weights / weights.sum()))
    if rng.random() < SAME_CHANCE:
        return reference, reference
    nearer = others[distances <= abs(reference - index)]
    weights = 1 / np.abs(nearer - index).astype(np.float64) ** 1.5
    return reference, int(rng.choice(nearer, p=weights / weights.sum()))


class GuidedSlices:
    """Draws a slice of an object, and guides for it."""

    def __init__(self) -> None:
        self._largest = LargestSlices()

    def draw(self, target: Target, rng: np.random.Generator, guided: bool) -> LabelledSlice | None:
        """Return a slice along an axis: the acquired one, or another if voxels are even.

        Args:
            target: The object.
            rng: Source of chance.
            guided: Whether guides are wanted; a few such slices lie past the object's end.

        Returns:
            None where the object is too small there.
        """
        volume, spacing = target.volume, target.volume.spacing_zyx_mm
        even = max(spacing) / min(spacing) < 2.6
        axis = int(rng.integers(3)) if even and rng.random() < 0.45 else 0
        holding = target.slices[axis]
        if not len(holding):
            return None
        index = int(rng.choice(holding))
        if guided and rng.random() < PAST_CHANCE:
            index = _past_end(holding, volume.labels.shape[axis], rng)
        mask = np.take(volume.labels, index, axis) == target.value
        if index in holding and np.count_nonzero(mask) < LEAST_PIXELS:
            return None
        low, high = draw_window(volume, rng)

        def pixels(number: int) -> FloatArray:
            voxels = np.take(volume.voxels, number, axis).astype(np.float32)
            return np.asarray(np.clip((voxels - low) / (high - low), 0, 1), np.float32)

        guides = []
        if guided:
            largest, step = self._largest.of(target, axis), slice_step(spacing, axis)
            chosen = draw_guide_indices(holding, largest, index, rng) or ()
            for number, chance in zip(chosen, RIGHT_CHANCES, strict=False):
                label = np.take(volume.labels, number, axis) == target.value
                guide = _drawn_mask(label, chance, rng)
                near = nearness(abs(number - index) * step, extent(guide))
                guides.append(GuideSlice(pixels(number), guide, near))
        if not mask.any() and not guides:
            return None
        return LabelledSlice(pixels(index), mask, guides)


def _past_end(holding: npt.NDArray[np.int64], end: int, rng: np.random.Generator) -> int:
    """Return a slice a little past the first or the last one with the object, if there is one."""
    away = int(rng.integers(1, PAST_SLICES + 1))
    wanted = holding[-1] + away if rng.random() < 0.5 else holding[0] - away
    return int(np.clip(wanted, 0, end - 1))


def _drawn_mask(truth: BoolArray, right_chance: float, rng: np.random.Generator) -> BoolArray:
    """Return a mask as it may be known: right, or as badly drawn as users get it."""
    if np.count_nonzero(truth) < LEAST_PIXELS or rng.random() < right_chance:
        return truth
    wrong = defective_mask(truth, rng)
    return wrong if wrong.any() else truth
