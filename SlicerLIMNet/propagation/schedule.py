"""Which slice comes next in a direction, and when the direction stops."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass
from enum import Enum

from SlicerLIMNet.errors import ConfigError


class Direction(Enum):
    """The way from the start slice; the value is the step of the slice index."""

    FORWARD = 1
    BACKWARD = -1


@dataclass(frozen=True)
class RangeRule:
    """How far a round goes. With neither limit it reaches the whole volume.

    Raises:
        ConfigError: A number is out of range.
    """

    slices_each_way: int | None = None
    """Slices before and after the start that are reached; `None`: all of them."""
    empty_run: int | None = None
    """Empty slices in a row after which a direction stops; `None`: it does not stop early."""

    def __post_init__(self) -> None:
        if self.slices_each_way is not None and self.slices_each_way < 0:
            raise ConfigError(f"a range of {self.slices_each_way} slices; give 0 or more")
        if self.empty_run is not None and self.empty_run < 1:
            raise ConfigError(f"a stop after {self.empty_run} empty slices; give 1 or more")

    @classmethod
    def whole(cls) -> RangeRule:
        """Return the rule that reaches every slice."""
        return cls()

    @classmethod
    def until_end(cls, empty_run: int = 5) -> RangeRule:
        """Return the rule that stops where the object has ended."""
        return cls(empty_run=empty_run)

    @classmethod
    def each_way(cls, slices: int) -> RangeRule:
        """Return the rule that reaches some slices before and after the start."""
        return cls(slices_each_way=slices)


@dataclass(frozen=True)
class Leg:
    """A way from a reference, as far as no other reference is nearer."""

    origin: int
    """Slice index of the reference."""
    direction: Direction
    """Where to."""
    rule: RangeRule
    """How far."""


def legs_from_nearest(
    is_filled: Mapping[int, bool],
    n_slices: int,
    rule: RangeRule,
    settled: Container[int] = (),
) -> tuple[list[Leg], list[int]]:
    """Return how every slice is followed from its nearest reference.

    Args:
        is_filled: Whether a reference's mask holds the object, by slice; one at least does.
        n_slices: Of the stack.
        rule: `whole` or `until_end`; between two filled references nothing stops early.
        settled: Slices that keep their masks: whole runs between references. A reference among them
            is followed up to; from it only where nothing else is there to follow from.

    Returns:
        The legs, and the slices that lie beyond or between empty references only: empty.
    """
    legs: list[Leg] = []
    empty: list[int] = []
    for left, right in gaps(is_filled, n_slices):
        between = range(left + 1, right)
        if between[0] in settled:
            continue
        from_left, from_right = is_filled.get(left, False), is_filled.get(right, False)
        run = None if from_left and from_right else rule.empty_run
        if from_left and from_right and (left in settled) != (right in settled):
            from_left, from_right = right in settled, left in settled
        half = (len(between) + 1) // 2
        reach = {
            (True, True): (half, len(between) - half),
            (True, False): (len(between), 0),
            (False, True): (0, len(between)),
            (False, False): (0, 0),
        }[from_left, from_right]
        for origin, direction, slices in zip((left, right), Direction, reach, strict=True):
            if slices:
                legs.append(Leg(origin, direction, RangeRule(slices, run)))
        if not (from_left or from_right):
            empty += between
    return legs, empty


def gaps(known: Collection[int], n_slices: int) -> list[tuple[int, int]]:
    """Return the references around each run of other slices.

    Args:
        known: Slices that are references.
        n_slices: Of the stack.

    Returns:
        Reference before and after, in order; -1 and `n_slices` where there is none.
    """
    ends = [-1, *sorted(known), n_slices]
    return [(left, right) for left, right in itertools.pairwise(ends) if right - left > 1]


class DirectionSchedule:
    """The slices of one direction, the start not among them.

    Source: LIMNET.md section 2.2. A direction never stops before the last reference on its way.
    """

    def __init__(
        self,
        start: int,
        n_slices: int,
        direction: Direction,
        rule: RangeRule,
        references: Collection[int] = (),
    ) -> None:
        end = n_slices if direction is Direction.FORWARD else -1
        slices = range(start + direction.value, end, direction.value)
        self.direction = direction
        self._slices = slices[: rule.slices_each_way]
        self._empty_run = rule.empty_run
        self._visited = 0
        self._empty = 0
        self._stopped = False
        on_the_way = [self._slices.index(i) for i in references if i in self._slices]
        self._no_stop_before = max(on_the_way, default=-1) + 1

    @property
    def current(self) -> int | None:
        """The slice to visit now; `None` at the end of the way."""
        if self._stopped or self._visited == len(self._slices):
            return None
        return self._slices[self._visited]

    @property
    def is_last(self) -> bool:
        """Whether no slice follows the current one."""
        return self._visited + 1 >= len(self._slices)

    @property
    def beyond_end(self) -> range:
        """Slices in range that an early stop left out: the object is not there."""
        return self._slices[self._visited :] if self._stopped else self._slices[:0]

    def advance(self, is_empty: bool, is_reference: bool = False) -> None:
        """Go on from the current slice, whose mask was empty or not.

        An empty reference ends the object as a whole run of empty slices does: somebody said so.
        """
        self._visited += 1
        counts_for = (self._empty_run or 1) if is_reference else 1
        self._empty = self._empty + counts_for if is_empty else 0
        if self._empty_run is not None and self._visited >= self._no_stop_before:
            self._stopped = self._empty >= self._empty_run and self._visited < len(self._slices)
