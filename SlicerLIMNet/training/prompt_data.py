"""Crops for the prompt network: an object, what a user knew of it, and the first clicks.

Half of the crops look like the zoom-in of a mask, half like a window around a first click.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.imaging.error_clicks import PixelClick, next_click
from SlicerLIMNet.imaging.resample import Box, bounding_box, cut, square_box
from SlicerLIMNet.training.augment import Warp, blur, change_intensity, coarsen
from SlicerLIMNet.training.click_sampling import draw_defect_clicks, draw_initial_clicks
from SlicerLIMNet.training.defects import defective_mask
from SlicerLIMNet.training.guide_samples import GuidedSlices, LabelledSlice
from SlicerLIMNet.training.made_objects import made_slice
from SlicerLIMNet.training.painted import paint
from SlicerLIMNet.training.pool import Pool
from SlicerLIMNet.training.rolled_samples import RolledSlices, softened

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

LEAST_PIXELS = 12
MADE_SIZE = 144
"""Pixels of a made slice before a box is cut out."""
ABSENT_CHANCE = 0.09
"""Of a sample whose object is not there and must be clicked away."""
CARRIED_CHANCE = 0.3
"""Of a wrong mask before being that of a guide."""
LEAST_SIDE = 12.0
"""Smallest side of a crop in pixels of its slice."""
PAINTED = 5
"""Number of the source that `paint` makes images for."""
ROLLED = 6
"""Number of the source that comes with its own mask and click."""


@dataclass(frozen=True)
class SourceShares:
    """How often a sample comes from each source; need not sum to one."""

    real: float = 0.42
    images: float = 0.13
    pseudo: float = 0.12
    superpixels: float = 0.18
    made: float = 0.15
    painted: float = 0.0
    """Real objects in made intensities."""
    rolled: float = 0.0
    """Wrong slices of rollouts."""


@dataclass(frozen=True)
class SampleRules:
    """What samples know besides the slice and a first click, as shares of them."""

    guided: float = 0.0
    """Of those from volumes: other slices of the object."""
    defective: float = 0.35
    """A wrong mask from before; 0 for an ablation."""


@dataclass
class PromptSample:
    """One item of a batch; clicks and previous mask change as training clicks on.

    Shapes: image (size, size, 3) in 0..1, truth and previous (size, size).
    """

    image: FloatArray
    truth: BoolArray
    previous: FloatArray
    clicks: list[PixelClick]
    guides: FloatArray | None = None
    """(size, size, 5), see `guide_layers`; None where no other slice is known."""


class PromptSampler:
    """Draws samples for ever; all chance comes from one generator."""

    def __init__(
        self,
        pool: Pool,
        size: int,
        shares: SourceShares,
        seed: int,
        rolled: RolledSlices | None = None,
        rules: SampleRules | None = None,
    ) -> None:
        self._pool, self._rules, self._slices = pool, rules or SampleRules(), GuidedSlices()
        self._rolled = rolled
        self._size = size
        self._rng = np.random.Generator(np.random.PCG64(seed))
        weights = np.array([shares.real, shares.images, shares.pseudo, shares.superpixels])
        if not pool.images:
            weights[[1, 3]] = 0
        if not pool.pseudo:
            weights[2] = 0
        weights = np.append(weights, [shares.made, shares.painted, shares.rolled if rolled else 0])
        self._weights = weights / weights.sum()

    def reseed(self, seed: int) -> None:
        """Begin the stream anew at a seed."""
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def __iter__(self) -> Iterator[PromptSample]:
        """Yield samples without end."""
        while True:
            sample = self.draw()
            if sample is not None:
                yield sample

    def draw(self) -> PromptSample | None:
        """Return one sample; None if the draw held no usable object."""
        rng = self._rng
        source = int(rng.choice(len(self._weights), p=self._weights))
        if source == ROLLED:
            return self._correction()
        found = self._labelled(source)
        if found is None:
            return None
        masks = [found.mask, *(guide.mask for guide in found.guides)]
        box = self._draw_box(masks[0] if masks[0].any() else masks[-1])
        size = (self._size, self._size)
        warp = Warp.draw(self._size, rng)
        truths = np.stack([warp.apply(cut(mask, box, size)) > 0.5 for mask in masks])
        pixels = [found.pixels, *(guide.pixels for guide in found.guides)]
        images = np.stack([warp.apply(cut(image, box, size)) for image in pixels])
        if source == PAINTED:
            images = paint(images, truths, rng)
        return self._finished(images, truths, [guide.nearness for guide in found.guides])

    def _correction(self) -> PromptSample | None:
        """Return a slice that a round got wrong, and the click on it."""
        assert self._rolled is not None
        rng = self._rng
        found = self._rolled.draw(self._size, rng)
        if found is None:
            return None
        images = np.concatenate([found.pixels[None], found.guide_pixels])
        images = np.stack([blur(image, rng) for image in change_intensity(images, rng)])
        images = coarsen(images, rng)
        colours = np.repeat(images[0][..., None], 3, axis=2)
        sample = PromptSample(colours, found.truth, softened(found.before, rng), [found.click])
        if self._rules.guided and len(found.nearness):
            sample.guides = _stacked(images[1:], found.guide_masks, found.nearness[-1])
        return sample

    def _labelled(self, source: int) -> LabelledSlice | None:
        """Return a slice in 0..1 and one object on it."""
        rng = self._rng
        if source == 4:
            return LabelledSlice(*made_slice(rng, MADE_SIZE))
        if source in (0, 2, PAINTED):
            draw = self._pool.draw_pseudo if source == 2 else self._pool.draw_real
            guided = bool(rng.random() < self._rules.guided)
            return self._slices.draw(draw(rng), rng, guided)
        draw_image = self._pool.draw_image if source == 1 else self._pool.draw_superpixels
        picture = draw_image(rng)
        values, counts = np.unique(picture.labels, return_counts=True)
        usable = values[(values > 0) & (counts >= LEAST_PIXELS)]
        if not len(usable):
            return None
        mask = picture.labels == rng.choice(usable)
        pixels = np.asarray(picture.pixels.astype(np.float32) / 255, np.float32)
        if pixels.ndim == 3 and rng.random() < 0.35:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
        return LabelledSlice(pixels, mask)

    def _draw_box(self, mask: BoolArray) -> Box:
        """Return a crop: around the object, or a window around a click of any scale."""
        rng = self._rng
        top, bottom, left, right = _box_of(mask)
        extent = max(bottom - top, right - left)
        if rng.random() < 0.6:
            side = max(extent * float(rng.uniform(1.1, 2.1)), LEAST_SIDE)
            free = max(0.0, side - extent) / 2
            centre = np.array([(top + bottom - 1) / 2, (left + right - 1) / 2])
            centre += rng.uniform(-0.8, 0.8, 2) * free
            return square_box((float(centre[0]), float(centre[1])), side)
        side = extent * float(np.exp(rng.uniform(np.log(0.6), np.log(8))))
        side = max(LEAST_SIDE, min(side, 1.1 * max(mask.shape)))
        rows, columns = np.nonzero(mask)
        at = int(rng.integers(len(rows)))
        return square_box((float(rows[at]), float(columns[at])), side)

    def _finished(
        self, images: FloatArray, masks: BoolArray, nearness: list[float]
    ) -> PromptSample | None:
        """Return a sample from a slice and its guides, stacked in this order."""
        rng = self._rng
        truth = masks[0]
        if np.count_nonzero(masks[0] if masks[0].any() else masks[-1]) < LEAST_PIXELS:
            return None
        images = np.stack([blur(image, rng) for image in change_intensity(images, rng)])
        if images.ndim == 3:
            images = coarsen(images, rng)
        image = images[0] if images.ndim == 4 else np.repeat(images[0][..., None], 3, axis=2)
        sample = self._clicked(image, truth, masks[1:])
        if nearness:
            sample.guides = _stacked(images[1:], masks[1:], nearness[-1])
        return sample

    def _clicked(self, image: FloatArray, truth: BoolArray, guide_masks: BoolArray) -> PromptSample:
        """Return a sample with what was known before and the clicks; guides are not in it yet."""
        rng = self._rng
        if not truth.any():
            return self._absent(image, guide_masks[-1])
        if rng.random() < ABSENT_CHANCE and not len(guide_masks):
            return self._absent(image, truth)
        if rng.random() < self._rules.defective:
            carried = len(guide_masks) and rng.random() < CARRIED_CHANCE
            return self._from_defect(image, truth, guide_masks[-1] if carried else None)
        nothing = np.zeros(truth.shape, np.float32)
        if rng.random() < 0.7:
            first = next_click(truth, np.zeros_like(truth)) if rng.random() < 0.5 else None
            clicks = [first] if first else draw_defect_clicks(truth, nothing, rng, most=1)
        else:
            clicks = draw_initial_clicks([truth], None, rng)[:10]
        return PromptSample(image, truth, nothing, clicks)

    def _absent(self, image: FloatArray, mask: BoolArray) -> PromptSample:
        """Return a sample without object: the previous mask went on past its end."""
        rng = self._rng
        is_right = rng.random() >= 0.7 or not self._rules.defective
        wrong = mask if is_right else defective_mask(mask, rng)
        soft = wrong.astype(np.float32)
        if rng.random() < 0.6:
            blurred = cv2.GaussianBlur(soft, (0, 0), float(rng.uniform(1, 4)))
            soft = np.asarray(blurred * float(rng.uniform(0.7, 1)), np.float32)
        nothing = np.zeros_like(mask)
        first = next_click(nothing, wrong) if rng.random() < 0.7 else None
        clicks = [first] if first else draw_defect_clicks(nothing, soft, rng, most=2)
        return PromptSample(image, nothing, soft, clicks)

    def _from_defect(
        self, image: FloatArray, truth: BoolArray, carried: BoolArray | None
    ) -> PromptSample:
        """Return a sample whose previous mask is wrong, or now and then already right.

        `carried` is a mask of another slice that was simply carried on.
        """
        rng = self._rng
        if rng.random() < 0.1:
            previous = truth
            clicks = draw_defect_clicks(truth, np.zeros(truth.shape, np.float32), rng, most=1)
        else:
            previous = defective_mask(truth, rng) if carried is None else carried
            clicks = draw_defect_clicks(truth, previous.astype(np.float32), rng)
        soft = previous.astype(np.float32)
        if rng.random() < 0.4:
            soft = np.asarray(cv2.GaussianBlur(soft, (0, 0), 2.0), np.float32)
        return PromptSample(image, truth, soft, clicks)


def _stacked(images: FloatArray, masks: BoolArray, nearness: float) -> FloatArray:
    """Return guides, the reference and the nearest slice (2, H, W), as `guide_layers` does."""
    layers = [images[0], masks[0], images[1], masks[1], np.full(masks[0].shape, nearness)]
    return np.stack(layers, axis=2).astype(np.float32)


def _box_of(mask: BoolArray) -> Any:
    box = bounding_box(mask)
    assert box is not None
    return box
