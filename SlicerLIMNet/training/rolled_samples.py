"""Corrections as users make them: slices that the real system got wrong, with the robot's click.

Made defects are near the truth; what a round leaves behind often is not: the object missed on a
whole slice, or carried on where it has ended. PROMPT.md's defective masks stay for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.guides import nearness
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import PixelClick, next_click
from SlicerLIMNet.imaging.resample import Box, bounding_box, cut, extent, square_box
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.training.augment import Warp
from SlicerLIMNet.training.rollouts import Rollout, read_rollout

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

LEAST_PIXELS = 10
"""Of the object or of the mask, for a slice to be worth a click."""
ALMOST_RIGHT = 0.9
"""Dice of a slice from which on it is drawn rarely."""
EXPANSION = 1.5
"""Of the box around mask and click, as the engine has it on average."""
WINDOWS = (1.0, 12.0)
"""A first look sees windows that are so many times smaller than the slice."""
LEAST_SIDE = 14.0


class RolledSlice(NamedTuple):
    """A wrong slice of a rollout, and what was known of others.

    Shapes: pixels, truth and before (size, size); guide_pixels and guide_masks (G, size, size) of
    the nearest clicked slice and of the nearest one with a mask, or of none.
    """

    pixels: FloatArray
    truth: BoolArray
    before: BoolArray
    click: PixelClick
    guide_pixels: FloatArray
    guide_masks: BoolArray
    nearness: list[float]


class RolledSlices:
    """Draws wrong slices of rollouts, the worst ones most often."""

    def __init__(self, folder: Path, is_wanted: Callable[[str], bool]) -> None:
        """Read all rollouts below a folder of the volumes that are wanted, by name.

        Raises:
            ConfigError: The folder holds none of them.
        """
        files = [path for path in sorted(folder.rglob("*.npz")) if is_wanted(_volume_name(path))]
        if not files:
            raise ConfigError(f"{folder} holds no rollouts; make them with limnet train fusion.")
        self._rollouts = [read_rollout(path) for path in files]
        tables = [_wrong_slices(rollout) for rollout in self._rollouts]
        self._tables = [table for table in tables if len(table)]
        self._rollouts = [r for r, table in zip(self._rollouts, tables, strict=True) if len(table)]

    def draw(self, size: int, rng: np.random.Generator) -> RolledSlice | None:
        """Return a crop with the click that corrects it.

        None where nothing of the error is left in the crop.
        """
        number = int(rng.integers(len(self._rollouts)))
        rollout, table = self._rollouts[number], self._tables[number]
        weights = table[:, 2] / table[:, 2].sum()
        turn, index = (int(n) for n in table[int(rng.choice(len(table), p=weights)), :2])
        truth, before = rollout.truth[index], rollout.masks[turn, index]
        click = next_click(truth.astype(np.int8), before)
        if click is None:
            return None
        box = _box_for(before, click, rng)
        warp, side = Warp.draw(size, rng), (size, size)
        others = _guide_indices(rollout, turn, index)
        shown = [index, *others]
        pixels = [rollout.images[i].astype(np.float32) / 255 for i in shown]
        images = np.stack([warp.apply(cut(image, box, side)) for image in pixels])
        known = [truth, before, *(rollout.masks[turn, i] for i in others)]
        masks = np.stack([warp.apply(cut(mask, box, side)) > 0.5 for mask in known])
        corrected = next_click(masks[0].astype(np.int8), masks[1])
        if corrected is None:
            return None
        near = [
            nearness(abs(i - index) * rollout.slice_step, extent(rollout.masks[turn, i]))
            for i in others
        ]
        return RolledSlice(images[0], masks[0], masks[1], corrected, images[1:], masks[2:], near)


def _guide_indices(rollout: Rollout, turn: int, index: int) -> list[int]:
    """Return the nearest clicked slice and the nearest one with a mask, as a session has them."""
    filled = np.flatnonzero(rollout.masks[turn].any(axis=(1, 2)))
    filled = filled[filled != index]
    vouched = np.intersect1d(filled, rollout.clicked[: turn + 1])
    if not len(vouched):
        return []
    return [int(some[int(np.argmin(np.abs(some - index)))]) for some in (vouched, filled)]


def _volume_name(path: Path) -> str:
    return re.sub(r"-\d+$", "", path.stem)


def _wrong_slices(rollout: Rollout) -> npt.NDArray[np.float64]:
    """Return rows of (round, slice, weight) for slices that a user might click on."""
    rows = []
    areas = np.count_nonzero(rollout.truth, axis=(1, 2))
    for turn, masks in enumerate(rollout.masks):
        found = np.count_nonzero(masks, axis=(1, 2))
        for index in np.flatnonzero(np.maximum(areas, found) >= LEAST_PIXELS):
            score = dice(rollout.truth[index], masks[index])
            if score < 1:
                rows.append((turn, index, (1 - score) ** 2 if score < ALMOST_RIGHT else 0.01))
    return np.array(rows, np.float64).reshape(-1, 3)


def _box_for(before: BoolArray, click: PixelClick, rng: np.random.Generator) -> Box:
    """Return what the engine would look at: a box around the mask, or a window at a first look."""
    marked = before.copy()
    if click.positive:
        if not before.any():
            side = max(before.shape) / float(np.exp(rng.uniform(*np.log(WINDOWS))))
            return square_box((click.row, click.column), max(side, LEAST_SIDE))
        marked[int(click.row), int(click.column)] = True
    box = bounding_box(marked)
    assert box is not None
    top, bottom, left, right = box
    side = max(EXPANSION * max(bottom - top, right - left), LEAST_SIDE)
    side *= float(np.exp(rng.normal(0, 0.12)))
    shift = rng.normal(0, 0.04, 2) * side
    centre = ((top + bottom - 1) / 2 + shift[0], (left + right - 1) / 2 + shift[1])
    return square_box(centre, side)


def softened(mask: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Return a mask as it is, or soft as probabilities are."""
    soft = mask.astype(np.float32)
    if rng.random() < 0.5:
        soft = np.asarray(cv2.GaussianBlur(soft, (0, 0), float(rng.uniform(0.7, 2.5))), np.float32)
    return soft
