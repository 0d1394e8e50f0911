"""Sequences of slices for the propagation network: a reference slice, and the way from it.

Like the engine, a sequence looks at one region around the reference masks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.imaging.resample import Box, bounding_box, cut, extent, square_box
from SlicerLIMNet.networks.place import UNKNOWN_PLACE, Place
from SlicerLIMNet.training.augment import Warp, blur, change_intensity, coarsen, draw_window
from SlicerLIMNet.training.defects import defective_mask
from SlicerLIMNet.training.largest_slices import LargestSlices, slice_step
from SlicerLIMNet.training.made_objects import made_sequence
from SlicerLIMNet.training.painted import paint
from SlicerLIMNet.training.pool import Pool, Target

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

LEAST_PIXELS = 20
LEAST_SIDE = 24.0
MADE_SIZE = 160
"""Pixels of a made slice before its region is cut out."""
END_CHANCE = 0.45
"""Of a sequence that goes past the end of its object."""
DEFECTIVE = 0.35
"""Of the masks that a sequence is given."""
PAINTED = 4
"""Number of the source that `paint` makes images for."""
LARGEST_CHANCE = 0.5
"""Of a sequence with one reference that it starts on the object's largest slice."""
LONGEST_STEP = 4
"""Slices, from one image of such a sequence to the next."""
STEP_CHANCES = (0.55, 0.25, 0.12, 0.08)
"""Of one, two, ... slices from one image of a sequence to the next."""


@dataclass(frozen=True)
class SequenceShares:
    """How often a sequence comes from each source; need not sum to one."""

    real: float = 0.55
    pseudo: float = 0.25
    images: float = 0.1
    made: float = 0.1
    painted: float = 0.0
    """Real objects in made intensities."""


@dataclass(frozen=True)
class Sequence:
    """One sequence, in the order of propagation.

    Shapes: images (T, size, size) in 0..1, truths (T, size, size); prompts has the masks given
    to the network for the reference slices, by position in the sequence; places (T, PLACE_NUMBERS)
    says where slices lie between them.
    """

    images: FloatArray
    truths: BoolArray
    prompts: dict[int, BoolArray]
    places: FloatArray


@dataclass(frozen=True)
class _Raw:
    """A sequence before augmentation; `heights` is None where distances mean nothing.

    Shapes: images (T, size, size), truths alike; heights (T,) and the object's extents on the first
    and on the last slice in pixels.
    """

    images: FloatArray
    truths: BoolArray
    heights: FloatArray | None = None
    extents: tuple[int, int] = (0, 0)

    def reversed(self) -> _Raw:
        """Return it the other way round."""
        heights = None if self.heights is None else self.heights[::-1]
        return _Raw(self.images[::-1], self.truths[::-1], heights, self.extents[::-1])


class SequenceSampler:
    """Draws sequences for ever; all chance comes from one generator."""

    def __init__(
        self,
        pool: Pool,
        size: int,
        shares: SequenceShares,
        seed: int,
        defective: float = DEFECTIVE,
    ) -> None:
        """Prepare; `defective` is the share of the given masks that are wrong."""
        self._pool, self._defective = pool, defective
        self._size = size
        self._rng = np.random.Generator(np.random.PCG64(seed))
        weights = np.array(
            [shares.real, shares.pseudo if pool.pseudo else 0, shares.images if pool.images else 0]
        )
        weights = np.append(weights, [shares.made, shares.painted])
        self._weights = weights / weights.sum()
        self._largest_slices = LargestSlices()

    def reseed(self, seed: int) -> None:
        """Begin the stream anew at a seed."""
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def draw(self, length: int, second_reference: bool) -> Sequence:
        """Return one sequence.

        Args:
            length: T, slices.
            second_reference: Whether the last slice is a reference, too.
        """
        while True:
            source = int(self._rng.choice(len(self._weights), p=self._weights))
            made: _Raw | None
            if source == 3:
                made = self._made(length)
            elif source == 2:
                made = self._moving_image(length)
            else:
                draw = self._pool.draw_pseudo if source == 1 else self._pool.draw_real
                made = self._from_volume(draw(self._rng), length, second_reference)
                if source == PAINTED and made is not None:
                    images = paint(made.images, made.truths, self._rng)
                    shown = (made.images > 0) | made.truths  # outside the slice stays 0
                    made = replace(made, images=images * shown)
            if made is not None and np.count_nonzero(made.truths[0]) >= LEAST_PIXELS:
                if second_reference and self._rng.random() < 0.5:  # it may begin without object
                    made = made.reversed()
                return self._finished(made, second_reference)

    def _from_volume(self, target: Target, length: int, second_reference: bool) -> _Raw | None:
        rng = self._rng
        volume = target.volume
        even = max(volume.spacing_zyx_mm) / min(volume.spacing_zyx_mm) < 2.6
        axis = int(rng.integers(3)) if even and rng.random() < 0.45 else 0
        slices = target.slices[axis]
        if not len(slices):
            return None
        largest = None
        if not second_reference and rng.random() < LARGEST_CHANCE:
            largest = self._largest_slices.of(target, axis)
        indices = self._draw_indices(slices, volume.labels.shape[axis], length, largest)
        masks = np.stack([np.take(volume.labels, i, axis) == target.value for i in indices])
        if np.count_nonzero(masks[0]) < LEAST_PIXELS // 2:
            return None
        box = self._draw_region(masks[0] | masks[-1] if second_reference else masks[0])
        low, high = draw_window(volume, rng)
        size = (self._size, self._size)
        images, truths = [], []
        for index, mask in zip(indices, masks, strict=True):
            voxels = cut(np.take(volume.voxels, index, axis), box, size)
            inside = cut(np.ones(mask.shape, np.uint8), box, size)  # outside the slice stays 0
            images.append(np.clip((voxels - low) / (high - low), 0, 1) * (inside > 0.5))
            truths.append(cut(mask, box, size) > 0.5)
        heights = np.array(indices) * slice_step(volume.spacing_zyx_mm, axis)
        stacked = np.stack(images).astype(np.float32)
        extents = (extent(masks[0]), extent(masks[-1]))
        return _Raw(stacked, np.stack(truths), heights.astype(np.float32), extents)

    def _draw_indices(
        self, slices: npt.NDArray[np.int64], end: int, length: int, largest: int | None
    ) -> list[int]:
        """Return slice indices from one that holds the object, up or down, evenly spaced."""
        rng = self._rng
        if largest is not None:  # to some place before or behind the object's end
            sign = int(rng.choice([-1, 1]))
            to_end = 1 + (slices[-1] - largest if sign > 0 else largest - slices[0])
            step = float(rng.uniform(0.5, 1.8)) * to_end / (length - 1)
            whole = sign * int(np.clip(round(step), 1, LONGEST_STEP))
            return [int(i) for i in np.clip(largest + whole * np.arange(length), 0, end - 1)]
        first = int(rng.choice(slices))
        longest = max(1, min(len(STEP_CHANCES), len(slices) // 5))
        chances = np.array(STEP_CHANCES[:longest])
        step = 1 + int(rng.choice(longest, p=chances / chances.sum()))
        step *= int(rng.choice([-1, 1]))
        if rng.random() < END_CHANCE:  # so that the object ends on the way
            last = slices[-1] if step > 0 else slices[0]
            first = int(np.clip(last - step * rng.integers(length - 1), slices[0], slices[-1]))
        indices = first + step * np.arange(length)
        return [int(i) for i in np.clip(indices, 0, end - 1)]

    def _draw_region(self, mask: BoolArray) -> Box:
        rng = self._rng
        box = bounding_box(mask)
        assert box is not None
        top, bottom, left, right = box
        longest = max(bottom - top, right - left)
        side = max(longest / float(rng.uniform(0.28, 0.75)), LEAST_SIDE)
        shift = rng.uniform(-0.1, 0.1, 2) * side
        centre = ((top + bottom - 1) / 2 + shift[0], (left + right - 1) / 2 + shift[1])
        return square_box(centre, side)

    def _moving_image(self, length: int) -> _Raw | None:
        """Return an image and one of its objects under a slow affine motion."""
        rng = self._rng
        draw = self._pool.draw_image if rng.random() < 0.5 else self._pool.draw_superpixels
        picture = draw(rng)
        values, counts = np.unique(picture.labels, return_counts=True)
        usable = values[(values > 0) & (counts >= LEAST_PIXELS)]
        if not len(usable):
            return None
        mask = picture.labels == rng.choice(usable)
        pixels = picture.pixels.astype(np.float32) / 255
        if pixels.ndim == 3:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
        size = (self._size, self._size)
        box = self._draw_region(mask)
        image, truth = cut(pixels, box, size), cut(mask, box, size)
        motion = rng.normal(0, [[0.02, 0.02, 1.5], [0.02, 0.02, 1.5]])
        images, truths = [], []
        for number in range(length):
            matrix = np.eye(2, 3) + number * motion
            middle = np.array([(self._size - 1) / 2] * 2)
            matrix[:, 2] += middle - matrix[:, :2] @ middle
            images.append(cv2.warpAffine(image, matrix, size))
            truths.append(cv2.warpAffine(truth, matrix, size) > 0.5)
        return _Raw(np.stack(images), np.stack(truths))

    def _made(self, length: int) -> _Raw:
        """Return a made sequence, seen in a region like all others."""
        images, masks = made_sequence(self._rng, length, MADE_SIZE)
        box, size = self._draw_region(masks[0]), (self._size, self._size)
        truths = [cut(mask, box, size) > 0.5 for mask in masks]
        return _Raw(np.stack([cut(image, box, size) for image in images]), np.stack(truths))

    def _finished(self, raw: _Raw, second_reference: bool) -> Sequence:
        rng = self._rng
        images, truths = raw.images, raw.truths
        warp = Warp.draw(self._size, rng, strength=0.7)
        moved = np.stack([warp.apply(image) for image in images])
        masks = np.stack([warp.apply(mask.astype(np.float32)) > 0.5 for mask in truths])
        changed = change_intensity(coarsen(moved, rng), rng)
        if rng.random() < 0.3:  # slices differ a little from each other
            gain = 1 + rng.normal(0, 0.04, (len(changed), 1, 1))
            changed = np.clip(changed * gain, 0, 1).astype(np.float32)
        if rng.random() < 0.3:
            changed = np.stack([blur(image, rng) for image in changed])
        prompts = {0: self._prompt(masks[0])}
        if second_reference:
            prompts[len(masks) - 1] = self._prompt(masks[-1])
        return Sequence(changed, masks, prompts, _places(raw, second_reference))

    def _prompt(self, truth: BoolArray) -> BoolArray:
        """Return what a prompt network might have made of a slice: mostly right."""
        if self._rng.random() < self._defective and np.count_nonzero(truth) >= LEAST_PIXELS:
            return defective_mask(truth, self._rng)
        return truth


def _places(raw: _Raw, second_reference: bool) -> FloatArray:
    """Return where every slice lies between the references, (T, PLACE_NUMBERS)."""
    if raw.heights is None or not raw.extents[0]:
        return np.array([UNKNOWN_PLACE] * len(raw.truths), np.float32)
    heights = raw.heights / raw.extents[0]
    behind, ahead = np.abs(heights - heights[0]), np.abs(heights[-1] - heights)
    ends = not raw.truths[-1].any()
    places = [
        Place(float(near), float(far) if second_reference else None, second_reference and ends)
        for near, far in zip(behind, ahead, strict=True)
    ]
    return np.array([place.numbers() for place in places], np.float32)
