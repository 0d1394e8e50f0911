"""Pairs of masks for the judge: rounds against each other, and against spoiled copies.

Shares, labels and weights are a decision of this project where the paper is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.fusion.facts import FACTS, MaskRow, pair_facts, round_facts, swapped
from SlicerLIMNet.imaging.crops import JudgeCrop, JudgeCropConfig, judge_crop
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.training.augment import change_intensity
from SlicerLIMNet.training.defects import defective_mask
from SlicerLIMNet.training.rollouts import Rollout

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

LEAST_DIFFERENCE = 0.005
"""Pairs whose Dice differ by less teach nothing."""
SOFTNESS = 0.02
"""Difference of Dice at which the target is 0.73."""
PAIR_CHANCES = (0.65, 0.15, 0.1, 0.05, 0.05)
"""Neighbouring rounds, rounds further apart, a round and its defect, truth and its defect, two
defects."""


@dataclass(frozen=True)
class JudgedPair:
    """One crop with two masks, and what the judge should say."""

    crop: JudgeCrop
    target: float
    """Probability that mask A is better, clipped to 0.02..0.98."""
    weight: float
    """0.25 to 1, growing with the difference."""
    difference: float
    """Dice of A minus Dice of B."""
    facts: FloatArray
    """(FACTS,), of A beside B; all 0 where the masks are not of two rounds."""


class _Masks(NamedTuple):
    """Two masks of a slice, and the rounds that they are of, if they are of two rounds."""

    mask_a: BoolArray
    mask_b: BoolArray
    rounds: tuple[int, int] | None


class PairSampler:
    """Draws pairs for ever; all chance comes from one generator."""

    def __init__(self, made: list[Rollout], crop: JudgeCropConfig, seed: int) -> None:
        self._rollouts = made
        self._crop = crop
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._usable = [_usable_slices(rollout) for rollout in made]

    def reseed(self, seed: int) -> None:
        """Begin the stream anew at a seed."""
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def draw(self) -> JudgedPair:
        """Return one pair whose masks differ in quality."""
        while True:
            number = int(self._rng.integers(len(self._rollouts)))
            if not len(self._usable[number]):
                continue
            index = int(self._rng.choice(self._usable[number]))
            rollout = self._rollouts[number]
            pair = self._draw_masks(rollout, index)
            if pair is None:
                continue
            truth = rollout.truth[index]
            difference = dice(truth, pair.mask_a) - dice(truth, pair.mask_b)
            if abs(difference) >= LEAST_DIFFERENCE and self._accepts(difference):
                facts = _facts(rollout, index, pair.rounds)
                return self._finished(rollout.images[index], pair, difference, facts)

    def _draw_masks(self, rollout: Rollout, index: int) -> _Masks | None:
        rng, masks, truth = self._rng, rollout.masks[:, index], rollout.truth[index]
        kind = int(rng.choice(len(PAIR_CHANCES), p=PAIR_CHANCES))
        if kind < 2:
            if len(masks) < 2:
                return None
            first = int(rng.integers(len(masks) - 1))
            second = first + 1 if kind == 0 else int(rng.integers(first + 1, len(masks)))
            return _Masks(masks[first], masks[second], (first, second))
        base = masks[int(rng.integers(len(masks)))] if kind == 2 else truth
        if np.count_nonzero(base) < 12:
            return None
        defect = defective_mask(base, rng)
        return _Masks(defective_mask(base, rng) if kind == 4 else base, defect, None)

    def _accepts(self, difference: float) -> bool:
        """Small differences are common in rollouts: thin them out."""
        size = abs(difference)
        chance = 0.12 if size < 0.02 else 0.35 if size < 0.1 else 1.0
        return bool(self._rng.random() < chance)

    def _finished(
        self, image: npt.NDArray[np.uint8], masks: _Masks, difference: float, facts: FloatArray
    ) -> JudgedPair:
        rng = self._rng
        mask_a, mask_b, _ = masks
        if rng.random() < 0.5:
            mask_a, mask_b, difference, facts = mask_b, mask_a, -difference, swapped(facts)
        picture = change_intensity(image.astype(np.float32) / np.float32(255), rng)
        crop = _turned(judge_crop(picture, mask_a, mask_b, self._crop), rng)
        target = float(np.clip(1 / (1 + np.exp(-difference / SOFTNESS)), 0.02, 0.98))
        weight = 0.25 + 0.75 * min(1.0, abs(difference) / 0.1)
        return JudgedPair(crop, target, weight, difference, facts)


def _facts(rollout: Rollout, index: int, rounds: tuple[int, int] | None) -> FloatArray:
    """Return what is known of the masks of a slice after two rounds, if they are of two."""
    first, second = rounds or (0, 0)
    clicked = int(rollout.clicked[second])
    if rounds is None or clicked < 0:  # or nothing was left to click, and the result stayed
        return np.zeros(FACTS, np.float32)
    known = [int(i) for i in rollout.clicked[: first + 1] if i >= 0]
    previous, current = (MaskRow(rollout.masks[i].__getitem__) for i in (first, second))
    about = round_facts(
        clicked,
        known,
        previous,
        current,
        second + 1,
        rollout.slice_step,
        len(rollout.truth),
    )
    return pair_facts(index, previous, current, about)


def _usable_slices(rollout: Rollout) -> npt.NDArray[np.int64]:
    """Slices on which the truth or any round has something."""
    present = rollout.truth.any(axis=(1, 2)) | rollout.masks.any(axis=(0, 2, 3))
    return np.flatnonzero(present)


def _turned(crop: JudgeCrop, rng: np.random.Generator) -> JudgeCrop:
    """Flip and turn image and masks alike."""
    turns, step = int(rng.integers(4)), int(rng.choice([-1, 1]))
    return JudgeCrop(
        np.rot90(crop.image, turns)[::step].copy(),
        np.rot90(crop.mask_a, turns)[::step].copy(),
        np.rot90(crop.mask_b, turns)[::step].copy(),
    )
