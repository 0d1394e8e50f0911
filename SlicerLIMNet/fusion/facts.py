"""What fusion knows of two masks of a slice besides how they look on it.

The paper's quality network sees a slice and two masks. Which one is better can often be told from
elsewhere: how near the new click is, how the masks agree with their neighbours, how large they are
beside the masks that a user vouches for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.guides import nearness
from SlicerLIMNet.imaging.resample import Box, bounding_box, extent
from SlicerLIMNet.metrics import dice

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
MASKS_KEPT = 4
"""Masks at hand at a time: a slice, its neighbours, and one more."""

OF_PAIR, OF_EACH = 7, 4
FACTS = OF_PAIR + 2 * OF_EACH
"""Numbers of a pair: of both together, of the previous mask, of the current one."""
LAST_ROUND = 6
"""Rounds from here on count as late."""


class _Part(NamedTuple):
    """A mask in the smallest box around it; of no size if it is empty."""

    box: Box
    inside: BoolArray
    pixels: int


class MaskRow:
    """The masks of a plane, asked for slice after slice; each is made and compared once."""

    def __init__(self, mask_of: Callable[[int], BoolArray]) -> None:
        """Take what gives the mask of a slice, (rows, columns); it must not change."""
        self.mask = lru_cache(MASKS_KEPT)(mask_of)
        self._part = lru_cache(MASKS_KEPT)(self._cut)
        self._likeness = lru_cache(MASKS_KEPT)(self._to_next)

    def pixels(self, index: int) -> int:
        """Return the pixels of the mask of a slice."""
        return self._part(index).pixels

    def likeness(self, index: int, other: int) -> float:
        """Return the Dice of the masks of two neighbouring slices."""
        return self._likeness(min(index, other))

    def _to_next(self, index: int) -> float:
        one, other = self._part(index), self._part(index + 1)
        total = one.pixels + other.pixels
        return 2 * _shared_pixels(one, other) / total if total else 1.0

    def _cut(self, index: int) -> _Part:
        mask = self.mask(index)
        box = bounding_box(mask) or (0, 0, 0, 0)
        inside = mask[box[0] : box[1], box[2] : box[3]]
        return _Part(box, inside, int(np.count_nonzero(inside)))


def _shared_pixels(one: _Part, other: _Part) -> int:
    top, left = (max(one.box[i], other.box[i]) for i in (0, 2))
    bottom, right = (min(one.box[i], other.box[i]) for i in (1, 3))
    if bottom <= top or right <= left:
        return 0
    overlaps = (
        part.inside[
            top - part.box[0] : bottom - part.box[0], left - part.box[2] : right - part.box[2]
        ]
        for part in (one, other)
    )
    return int(np.count_nonzero(np.logical_and(*overlaps)))


@dataclass(frozen=True)
class RoundFacts:
    """What is the same for all slices of a round."""

    clicked: int
    """The slice clicked last."""
    known: tuple[int, ...]
    """Slices vouched for before, in order."""
    extent: int
    """Longer side of the largest mask that is vouched for, in pixels."""
    area: int
    """Pixels of the largest one."""
    slice_step: float
    """From slice to slice, in pixels of a slice."""
    goes_on: bool
    """Whether the object is on the clicked slice."""
    agreement: float
    """Dice of the clicked slice's masks before and after."""
    progress: float
    """0 to 1, as rounds go by."""
    n_slices: int
    """Of the plane."""


def round_facts(
    clicked: int,
    known: Collection[int],
    previous: MaskRow,
    current: MaskRow,
    number: int,
    slice_step: float,
    n_slices: int,
) -> RoundFacts:
    """Return what a round's slices have in common.

    Args:
        clicked: The slice clicked last.
        known: Slices vouched for before.
        previous: Masks before the round.
        current: Masks that the round made.
        number: Of the round, from 1.
        slice_step: From slice to slice, in pixels of a slice.
        n_slices: Of the plane.
    """
    masks = [current.mask(index) for index in {clicked, *known}]
    return RoundFacts(
        clicked,
        tuple(sorted(set(known) - {clicked})),
        max(1, *(extent(mask) for mask in masks)),
        max(int(np.count_nonzero(mask)) for mask in masks),
        slice_step,
        bool(current.mask(clicked).any()),
        dice(previous.mask(clicked), current.mask(clicked)),
        min(1.0, number / LAST_ROUND),
        n_slices,
    )


def pair_facts(index: int, previous: MaskRow, current: MaskRow, about: RoundFacts) -> FloatArray:
    """Return what is known of the two masks of a slice, (FACTS,), all about -10..10.

    Args:
        index: Of the slice.
        previous: Masks before the round.
        current: Masks that the round made.
        about: The round.
    """
    near_click = _near(index, about.clicked, about)
    nearest = min(about.known, key=lambda i: abs(i - index), default=None)
    near_known = 0.0 if nearest is None else _near(index, nearest, about)
    is_between = nearest is not None and (nearest < index) != (about.clicked < index)
    together = [
        near_click,
        near_known,
        float(near_click > near_known),
        float(is_between),
        float(about.goes_on),
        about.agreement,
        about.progress,
    ]
    masks = (previous, current)
    each = [_of_mask(index, masks[k], about, is_newer=bool(k)) for k in range(2)]
    return np.array([*together, *each[0], *each[1]], np.float32)


def swapped(facts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return facts (..., FACTS) with the two masks the other way round."""
    end = OF_PAIR + OF_EACH
    parts = (facts[..., :OF_PAIR], facts[..., end:], facts[..., OF_PAIR:end])
    return np.concatenate(parts, axis=-1)


def _near(index: int, other: int, about: RoundFacts) -> float:
    return nearness(abs(index - other) * about.slice_step, about.extent)


def _of_mask(index: int, masks: MaskRow, about: RoundFacts, is_newer: bool) -> list[float]:
    """Return area beside the largest known one, emptiness, likeness to neighbours, and age."""
    pixels = masks.pixels(index)
    beside = [i for i in (index - 1, index + 1) if 0 <= i < about.n_slices]
    alike = float(np.mean([masks.likeness(index, i) for i in beside])) if beside else 1.0
    return [math.log((pixels + 1) / (about.area + 1)), float(not pixels), alike, float(is_newer)]
