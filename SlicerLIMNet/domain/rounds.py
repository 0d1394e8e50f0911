"""What a session knows of an object: immutable, so that undo is a list of these states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane

BoolArray = npt.NDArray[np.bool_]


class Origin(str, Enum):
    """Where the mask of a slice comes from."""

    NONE = "none"
    """From nowhere: no round has reached the slice."""
    GIVEN = "given"
    """The session started from it, or it comes from another plane."""
    EDITED = "edited"
    """It was edited by hand outside the session."""
    ROUND = "round"
    """A round made it."""


@dataclass(frozen=True)
class Provenance:
    """Where the mask of a slice comes from, and which round that was."""

    origin: Origin = Origin.NONE
    """Kind of source."""
    round_number: int = 0
    """1 for the first round; 0 for what no round made."""

    def __str__(self) -> str:
        made_by_round = self.origin is Origin.ROUND
        return f"round {self.round_number}" if made_by_round else self.origin.value


NOWHERE = Provenance()
GIVEN = Provenance(Origin.GIVEN)
EDITED = Provenance(Origin.EDITED)


def provenance_from_text(text: str) -> Provenance:
    """Return what `str` made a text of.

    Raises:
        ValueError: No provenance has this text.
    """
    name, _, number = text.partition(" ")
    return Provenance(Origin(name), int(number or 0))


@dataclass(frozen=True)
class SliceResult:
    """The mask of a slice, where it comes from, and how sure of it the networks are."""

    slice_index: int
    """Slice in the plane of the session."""
    probability: SparseProbability
    """Of the object, kept as bytes."""
    provenance: Provenance = NOWHERE
    """Which round the mask comes from."""
    score: float | None = None
    """0..1, how certain the mask is; None where nothing judged it."""

    @property
    def mask(self) -> BoolArray:
        """Return the mask: (rows, columns), probability above 0.5."""
        return self.probability.mask()


@dataclass(frozen=True, eq=False)
class SliceUpdate:
    """A slice that a click changed."""

    slice_index: int
    """Slice in the plane of the session."""
    mask: BoolArray
    """(rows, columns), the new prompt mask."""
    message: str = ""
    """A sentence for the user where something is unusual; empty otherwise."""


@dataclass(frozen=True)
class PlacedClick:
    """A click and the round that it belongs to."""

    click: Click
    """In the plane of its session at that time."""
    round_number: int
    """1 for the first round."""


@dataclass(frozen=True)
class Prompt:
    """What the prompt network made of the clicks of a slice."""

    probability: SparseProbability
    """Its mask is the prompt mask."""
    zoom: tuple[int, ...] | None = None
    """Where the prompt network looked, for the next click on the slice; opaque here."""
    before: Prompt | None = None
    """The prompt of the slice from before this round, to go back to when clicks are removed."""


@dataclass(frozen=True)
class PlaneState:
    """What belongs to one plane and stays stored with it."""

    shape: tuple[int, int, int]
    """Slices, rows and columns."""
    clicks: tuple[PlacedClick, ...] = ()
    """In the order of clicking."""
    prompts: Mapping[int, Prompt] = field(default_factory=dict)
    """By slice, the newest."""
    results: Mapping[int, SliceResult] = field(default_factory=dict)
    """Fused masks by slice; a slice without entry is empty and no round has reached it."""
    locked: frozenset[int] = frozenset()
    """Slices whose mask no round changes."""
    region: tuple[float, ...] | None = None
    """Where the last propagation looked, so that the next one starts there; opaque here."""

    def result(self, index: int) -> SliceResult:
        """Return the result of a slice, empty where there is none."""
        found = self.results.get(index)
        return found or SliceResult(index, SparseProbability.empty(self.shape[1:]))

    def clicks_on(self, index: int) -> tuple[PlacedClick, ...]:
        """Return the clicks of a slice, oldest first."""
        return tuple(placed for placed in self.clicks if placed.click.slice_index == index)

    def with_results(self, results: Iterable[SliceResult]) -> PlaneState:
        """Return the plane with new results for some slices."""
        changed = {result.slice_index: result for result in results}
        return replace(self, results={**self.results, **changed})

    def with_prompt(self, index: int, prompt: Prompt | None) -> PlaneState:
        """Return the plane with a new prompt mask for a slice, or without one."""
        prompts = {key: value for key, value in self.prompts.items() if key != index}
        return replace(self, prompts=prompts if prompt is None else {**prompts, index: prompt})

    def masks(self) -> dict[int, SparseProbability]:
        """Return the fused probabilities of the slices that have any."""
        return {
            index: result.probability
            for index, result in sorted(self.results.items())
            if not result.probability.is_empty
        }


@dataclass(frozen=True)
class LeftPlane:
    """A plane that was clicked in before, as it was left."""

    stored: PlaneState
    """Its clicks, prompt masks, locks and results."""
    fused: Mapping[int, SparseProbability]
    """The fused volume at that time, in its slices: what still equals it was not changed since."""


@dataclass(frozen=True)
class FusedBase:
    """The fused volume from before an oblique plane, whose slices do not hold every voxel."""

    volume: Mapping[int, SparseProbability]
    """Slices along array axis 0."""
    slices: Mapping[int, SparseProbability]
    """The masks that the oblique plane began with: slices that still equal them changed nothing."""


@dataclass(frozen=True)
class ObjectState:
    """Everything that undo restores."""

    plane: AnyPlane
    """The plane that is clicked in."""
    current: PlaneState
    """What belongs to that plane."""
    others: Mapping[AnyPlane, LeftPlane] = field(default_factory=dict)
    """What belongs to planes clicked in before."""
    rounds: int = 0
    """Rounds finished."""
    window: tuple[float, float] | None = None
    """Voxel values that become 0 and 1; None before the first click."""
    base: FusedBase | None = None
    """Only in an oblique plane."""

    @property
    def pending(self) -> tuple[int, ...]:
        """Slices clicked since the last round, the one clicked last at the end."""
        indices = [
            placed.click.slice_index
            for placed in self.current.clicks
            if placed.round_number > self.rounds
        ]
        return tuple(reversed(dict.fromkeys(reversed(indices))))

    def shown(self, index: int) -> SparseProbability:
        """Return what the user sees on a slice: a prompt mask that waits, else the fused mask."""
        if index in self.pending and index in self.current.prompts:
            return self.current.prompts[index].probability
        return self.current.result(index).probability
