"""Clicks that training draws: a first handful on the object, then corrections of a prediction.

Shapes: (H, W) = rows and columns; P = clicks; K = slots of each sign in a click tensor. All chance
comes from the generator passed in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.imaging.error_clicks import (
    BoolArray,
    FloatArray,
    PixelClick,
    training_candidates,
)

IndexArray = npt.NDArray[np.int64]

INITIAL_ORDER = 100
"""Order value of clicks drawn before the first prediction; corrections count from 1."""

_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class ClickSamplingConfig:
    """How initial clicks are drawn.

    Source: RITM (Sofiiuk et al., 2022), its published training.
    """

    slots: int = 24
    """Most clicks of each sign."""
    decay: float = 0.8
    """Every further click is this much less likely than the one before."""
    erosion_chance: float = 0.9
    """Chance that positive clicks keep away from the object's edge."""
    erosion_steps: int = 3
    """Erosions by a 3x3 square, in pixels."""
    least_eroded_area: int = 10
    """The erosion is undone if no more pixels than these remain."""
    negative_chances: tuple[float, float, float] = (0.1, 0.4, 0.5)
    """Chances of a negative click anywhere outside, on other objects, close to the edge."""
    edge_band: float = 0.1
    """Width of the band close to the edge, as a part of the square root of the object's area."""


def click_count_probabilities(first: int, last: int, decay: float = 0.8) -> npt.NDArray[np.float64]:
    """Return the probabilities of first, first + 1, ..., last clicks; they fall by `decay` each."""
    weights = decay ** np.arange(last - first + 1)
    return np.asarray(weights / weights.sum(), np.float64)


def draw_initial_clicks(
    parts: Sequence[BoolArray],
    others: BoolArray | None,
    rng: np.random.Generator,
    config: ClickSamplingConfig | None = None,
) -> list[PixelClick]:
    """Draw the clicks that a sample starts with.

    Args:
        parts: (H, W) each: the masks whose union is the object; several if objects were merged.
        others: (H, W), objects beside it, or None.
        rng: Source of chance.
        config: How to draw.

    Returns:
        Positive clicks, then negative ones, at most `slots` of each; no positive ones on
        an empty object.
    """
    config = config or ClickSamplingConfig()
    whole = np.logical_or.reduce(parts)
    positive = _draw_positive(parts, whole, rng, config)[: config.slots]
    negative = _draw_negative(whole, others, rng, config)
    return _as_clicks(positive, True) + _as_clicks(negative, False)


def draw_correction(
    label: npt.NDArray[Any], probability: npt.NDArray[Any], rng: np.random.Generator
) -> PixelClick | None:
    """Draw a click in the inner part of the larger error; None if nothing is wrong.

    Args:
        label: (H, W), the truth: 1, 0, or -1 (ignored).
        probability: (H, W), the current prediction.
        rng: Source of chance.
    """
    candidates = training_candidates(label, probability)
    if candidates is None:
        return None
    row, column = rng.choice(candidates.rows_columns)
    return PixelClick(int(row), int(column), candidates.positive)


def draw_defect_clicks(
    label: npt.NDArray[Any],
    previous: npt.NDArray[Any],
    rng: np.random.Generator,
    most: int = 5,
    apart: float = 5.0,
) -> list[PixelClick]:
    """Draw one to `most` clicks on the errors of a previous mask, which stays as it is.

    Args:
        label: (H, W), the truth: 1, 0, or -1 (ignored).
        previous: (H, W), mask or probabilities.
        rng: Source of chance; after every click it stops with a chance of one half.
        most: Largest number of clicks.
        apart: Pixels within this distance of an earlier click are not drawn.

    Returns:
        The clicks in order; fewer where the candidates run out, none if nothing is wrong.
    """
    candidates = training_candidates(label, previous)
    clicks: list[PixelClick] = []
    if candidates is None:
        return clicks
    places = candidates.rows_columns
    while len(places) and len(clicks) < most:
        place = rng.choice(places)
        clicks.append(PixelClick(int(place[0]), int(place[1]), candidates.positive))
        places = places[((places - place) ** 2).sum(axis=1) > apart**2]
        if rng.random() < 0.5:
            break
    return clicks


def click_slots(clicks: Iterable[PixelClick], slots: int, order: int = INITIAL_ORDER) -> FloatArray:
    """Return clicks as rows (row, column, order) for the network.

    Args:
        clicks: At most `slots` of each sign.
        slots: K, rows of each sign.
        order: Order value of every click.

    Returns:
        (2K, 3): positive clicks from row 0, negative ones from row K, -1 where unused.
    """
    rows = np.full((2 * slots, 3), -1, np.float32)
    filled = {True: 0, False: slots}
    for click in clicks:
        rows[filled[click.positive]] = (click.row, click.column, order)
        filled[click.positive] += 1
    return rows


def write_correction(rows: FloatArray, click: PixelClick | None, step: int) -> None:
    """Write the click of a training iteration into its slot, counted back from the last one.

    Args:
        rows: (2K, 3), changed in place; an initial click in this slot gives way.
        click: What to write; None leaves the rows alone.
        step: Number of the iteration, from 1; also the order value.
    """
    if click is not None:
        end = len(rows) // 2 if click.positive else len(rows)
        rows[end - step] = (click.row, click.column, step)


def _draw_positive(
    parts: Sequence[BoolArray],
    whole: BoolArray,
    rng: np.random.Generator,
    config: ClickSamplingConfig,
) -> IndexArray:
    if len(parts) == 1:
        count = 1 + _draw_count(config.slots - 1, rng, config)
        return _draw_pixels(_away_from_edge(whole, rng, config), count, rng)
    inner = [_away_from_edge(part, rng, config) for part in parts]
    one_each = [_draw_pixels(part, 1, rng) for part in inner]
    rest = _draw_pixels(np.logical_or.reduce(inner), _draw_count(config.slots, rng, config), rng)
    return np.concatenate([*one_each, rest])


def _draw_negative(
    whole: BoolArray,
    others: BoolArray | None,
    rng: np.random.Generator,
    config: ClickSamplingConfig,
) -> IndexArray:
    total = _draw_count(config.slots, rng, config)
    anywhere, elsewhere, close = rng.multinomial(total, config.negative_chances)
    outside = ~whole
    beside = outside if others is None or not others.any() else others & outside
    return np.concatenate(
        [
            _draw_pixels(outside, anywhere, rng),
            _draw_pixels(beside, elsewhere, rng),
            _draw_pixels(_edge_band(whole, config), close, rng) if close else _no_pixels(),
        ]
    )


def _draw_count(last: int, rng: np.random.Generator, config: ClickSamplingConfig) -> int:
    return int(rng.choice(last + 1, p=click_count_probabilities(0, last, config.decay)))


def _draw_pixels(mask: BoolArray, count: int, rng: np.random.Generator) -> IndexArray:
    """Return (P, 2) pixels of a mask, with replacement; none if it is empty."""
    pixels = np.flatnonzero(mask)
    if not len(pixels) or not count:
        return _no_pixels()
    return np.stack(np.unravel_index(rng.choice(pixels, size=count), mask.shape), axis=1)


def _no_pixels() -> IndexArray:
    return np.empty((0, 2), np.int64)


def _away_from_edge(
    mask: BoolArray, rng: np.random.Generator, config: ClickSamplingConfig
) -> BoolArray:
    if rng.random() >= config.erosion_chance:
        return mask
    eroded = cv2.erode(mask.astype(np.uint8), _SQUARE, iterations=config.erosion_steps)
    return eroded > 0 if np.count_nonzero(eroded) > config.least_eroded_area else mask


def _edge_band(mask: BoolArray, config: ClickSamplingConfig) -> BoolArray:
    steps = math.ceil(config.edge_band * math.sqrt(np.count_nonzero(mask)))
    if steps == 0:
        return np.zeros_like(mask)
    return (cv2.dilate(mask.astype(np.uint8), _SQUARE, iterations=steps) > 0) & ~mask


def _as_clicks(places: IndexArray, positive: bool) -> list[PixelClick]:
    return [PixelClick(int(row), int(column), positive) for row, column in places]
