"""Fake networks: quick, exact, without weights; they follow the image, so results make sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import PAPER, UNTIL_END, WHOLE, RoundConfig
from SlicerLIMNet.domain.guides import NO_GUIDES, Guides
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.errors import Cancelled
from SlicerLIMNet.imaging.resample import Pixels
from SlicerLIMNet.propagation.schedule import Direction, DirectionSchedule, RangeRule
from SlicerLIMNet.session.parts import (
    BoolArray,
    EngineInfo,
    FloatArray,
    OutOfDeviceMemory,
    PromptAnswer,
    RegionNumbers,
    SpreadSlice,
    SpreadTask,
    Zoom,
)

INSIDE, RIM, COPIED = np.float32(0.9), np.float32(0.3), np.float32(0.8)


def grow_from_clicks(
    image: FloatArray, clicks: Sequence[Click], previous: FloatArray
) -> FloatArray:
    """Bright parts under positive clicks and the mask before, without disks at negative clicks."""
    parts, _ = ndimage.label(image > 0.5)
    mask = previous > 0.5
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    for click in clicks:
        row, column = round(click.row), round(click.column)
        disk = (rows - row) ** 2 + (columns - column) ** 2 <= 9
        if not click.positive:
            mask = mask & ~disk
        elif parts[row, column]:
            mask = mask | (parts == parts[row, column])
        else:
            mask = mask | disk
    rim = ndimage.binary_dilation(mask) & ~mask
    return INSIDE * mask + RIM * rim.astype(np.float32)


def copy_with_drift(mask: BoolArray, image: FloatArray, drift: int) -> BoolArray:
    """The neighbour's mask, moved along the columns, where the slice is bright."""
    return np.roll(mask, drift, axis=1) & (image > 0.5)


class FakeNetworks:
    """Prompter, propagator and judge in one; counts what it is asked."""

    def __init__(self, drift: int = 0, preference: float | None = None) -> None:
        self.drift = drift
        self.preference = preference
        """What the judge always says; by default it prefers the mask that fits the image."""
        self.prompts_asked = 0
        self.slices_encoded = 0
        self.slices_judged = 0
        self.references_seen: list[tuple[int, ...]] = []
        self.settled_seen: list[frozenset[int]] = []
        self.facts_seen: list[FloatArray] = []
        self.guides_seen: list[Guides] = []
        self.facts_seen: list[FloatArray] = []
        self.guides_seen: list[Guides] = []
        self.previous_seen: list[FloatArray] = []
        self.clicks_seen: list[tuple[Click, ...]] = []
        self.memory_errors: list[str] = []
        """Steps (`prompt`, `spread`, `prefer`) that run out of memory, once each."""
        self.most_fallbacks = 2
        self.default_config = RoundConfig()
        self._info = EngineInfo("0", "fake", {"prompt": "aa", "memory": "bb"}, "cpu", "float32", 1)
        self.warmed_up_for: list[tuple[int, int]] = []
        self._cache: set[object] = set()

    def warm_up(self, rows_columns: tuple[int, int]) -> None:
        self.warmed_up_for.append(rows_columns)

    @property
    def info(self) -> EngineInfo:
        return self._info

    def pretend(self, **changes: object) -> None:
        """Be another engine: other weights, another device."""
        self._info = replace(self._info, **changes)  # type: ignore[arg-type]

    def prompt(
        self,
        image: FloatArray,
        clicks: Sequence[Click],
        previous: FloatArray,
        zoom: Zoom,
        guides: Guides = NO_GUIDES,
    ) -> PromptAnswer:
        self._maybe_fail("prompt")
        self.prompts_asked += 1
        self.guides_seen.append(guides)
        self.previous_seen.append(previous)
        self.clicks_seen.append(tuple(clicks))
        grey = image if image.ndim == 2 else image.mean(axis=2)
        return PromptAnswer(grow_from_clicks(grey, clicks, previous), (*(zoom or ()), len(clicks)))

    def choose_region(self, masks: Sequence[BoolArray], in_use: RegionNumbers) -> RegionNumbers:
        return in_use or (0, masks[0].shape[0], 0, masks[0].shape[1], 32)

    def spread(self, task: SpreadTask, cancel: Callable[[], bool]) -> Iterator[SpreadSlice]:
        references = dict(task.references)
        if task.config.memory == PAPER:
            references = {task.start: references[task.start]}
        self.references_seen.append(tuple(sorted(references)))
        ways = [self._way(task, references, direction, cancel) for direction in Direction]
        self.settled_seen.append(task.settled)
        for pair in zip_longest(*ways):
            found = (one for one in pair if one is not None)
            yield from (one for one in found if one.index not in task.settled)

    def _way(
        self,
        task: SpreadTask,
        references: dict[int, BoolArray],
        direction: Direction,
        cancel: Callable[[], bool],
    ) -> Iterator[SpreadSlice]:
        rule = _rule(task.config)
        way = DirectionSchedule(task.start, task.n_slices, direction, rule, references)
        mask = references[task.start]
        while (index := way.current) is not None:
            if cancel():
                raise Cancelled("the work was cancelled")
            self._maybe_fail("spread")
            image = self._encoded(task, index)
            mask = references.get(index, copy_with_drift(mask, image, self.drift))
            way.advance(not mask.any())
            yield SpreadSlice(index, SparseProbability.from_dense(COPIED * mask))

    def prefer(
        self,
        images: Sequence[Pixels],
        previous: Sequence[BoolArray],
        current: Sequence[BoolArray],
        facts: Sequence[FloatArray],
    ) -> npt.NDArray[np.float64]:
        self._maybe_fail("prefer")
        self.facts_seen += list(facts)
        self.slices_judged += len(images)
        if self.preference is not None:
            return np.full(len(images), self.preference)
        fits = [
            (_fit(np.asarray(image), old), _fit(np.asarray(image), new))
            for image, old, new in zip(images, previous, current, strict=True)
        ]
        return np.array([0.5 + (old - new) / 2 for old, new in fits])

    def fall_back(self) -> bool:
        levels = ["", "small", "cpu"][: self.most_fallbacks + 1]
        place = levels.index(self._info.fallback) + 1
        if place == len(levels):
            return False
        self.pretend(fallback=levels[place])
        return True

    def _encoded(self, task: SpreadTask, index: int) -> FloatArray:
        image = np.asarray(task.images(index))
        key = (task.stack_key, task.region, index)
        self.slices_encoded += key not in self._cache
        self._cache.add(key)
        return image if image.ndim == 2 else image.mean(axis=2)

    def _maybe_fail(self, step: str) -> None:
        if step in self.memory_errors:
            self.memory_errors.remove(step)
            raise OutOfDeviceMemory(f"no memory left for {step}")


def _fit(image: FloatArray, mask: BoolArray) -> float:
    grey = image if image.ndim == 2 else image.mean(axis=2)
    union = np.count_nonzero(mask | (grey > 0.5))
    return np.count_nonzero(mask & (grey > 0.5)) / union if union else 1.0


def _rule(config: RoundConfig) -> RangeRule:
    if config.range == UNTIL_END:
        return RangeRule.until_end(config.empty_slices_to_stop)
    return RangeRule.whole() if config.range == WHOLE else RangeRule.each_way(int(config.range))
