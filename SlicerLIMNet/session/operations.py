"""What can happen to an object: operations that carry their results.

Applying one needs no network, so a live session and the opening of a stored one share this code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane
from SlicerLIMNet.domain.rounds import (
    EDITED,
    GIVEN,
    ObjectState,
    PlacedClick,
    PlaneState,
    Prompt,
    SliceResult,
)
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ClickError
from SlicerLIMNet.session.planes import enter_plane, settle

WindowRange = tuple[float, float]


class Operation(Protocol):
    """One undo step."""

    def apply(self, state: ObjectState, volume: Volume, /) -> ObjectState:
        """Return the state after it."""


@dataclass(frozen=True)
class AddClick:
    """A click on a slice, in a plane, with the prompt mask that it led to."""

    click: Click
    """Where, and its sign."""
    plane: AnyPlane
    """The plane of the click; another one than before starts a sequence of its own."""
    prompt: SparseProbability
    """The new prompt mask of the slice."""
    zoom: tuple[int, ...] | None
    """Where the prompt network looked."""
    window: WindowRange
    """Chosen by the first click, the same for all others."""

    def apply(self, state: ObjectState, volume: Volume) -> ObjectState:
        """Return the state with the click; its slice is no longer locked."""
        state = prepare_click(state, self.plane, self.click.slice_index, volume)
        index, current = self.click.slice_index, state.current
        before = current.prompts.get(index)
        if index in state.pending and before is not None:
            before = before.before
        elif before is not None:
            before = replace(before, before=None)
        placed = PlacedClick(self.click, state.rounds + 1)
        current = current.with_prompt(index, Prompt(self.prompt, self.zoom, before))
        current = replace(current, clicks=(*current.clicks, placed))
        return replace(state, current=current, window=self.window)


@dataclass(frozen=True)
class RemoveClick:
    """A click taken back, and what the remaining ones lead to."""

    click: Click
    """The newest one like this goes."""
    prompt: SparseProbability | None
    """What the clicks left lead to; None where none is left to be asked again."""
    zoom: tuple[int, ...] | None
    """Where the prompt network looked."""

    def apply(self, state: ObjectState, _volume: Volume) -> ObjectState:
        """Return the state without the click.

        Without any click of this round left the slice has its prompt from before the round. After
        the loss of a click of an earlier round the slice counts as clicked in this one.
        """
        index, current = self.click.slice_index, state.current
        removed = find_click(current, self.click)
        old = current.prompts.get(index)
        current = replace(current, clicks=tuple(c for c in current.clicks if c is not removed))
        before = None
        if removed.round_number > state.rounds:
            before = old.before if old is not None else None
        else:
            current = _clicked_again(current, index, state.rounds + 1)
        prompt = before if self.prompt is None else Prompt(self.prompt, self.zoom, before)
        return replace(state, current=current.with_prompt(index, prompt))


@dataclass(frozen=True)
class FinishRound:
    """All that a round changed."""

    results: tuple[SliceResult, ...]
    """The slices that it reached, after fusion."""
    region: tuple[float, ...] | None
    """Where the propagation began to look."""
    cut_after: int | None = None
    """Slices after which the user stopped it, the start among them; None for a whole round."""

    def apply(self, state: ObjectState, _volume: Volume) -> ObjectState:
        """Return the state after the round; no click waits any more."""
        current = replace(state.current.with_results(self.results), region=self.region)
        return replace(state, current=current, rounds=state.rounds + 1)


@dataclass(frozen=True)
class Lock:
    """A slice that no round may change; what is shown on it is kept."""

    index: int
    """Slice in the current plane."""

    def apply(self, state: ObjectState, volume: Volume) -> ObjectState:
        """Return the state with the slice locked; a prompt mask that waits becomes its mask."""
        state = settle(state, volume, [self.index])
        locked = state.current.locked | {self.index}
        return replace(state, current=replace(state.current, locked=locked))


@dataclass(frozen=True)
class Unlock:
    """A slice that rounds may change again."""

    index: int
    """Slice in the current plane."""

    def apply(self, state: ObjectState, _volume: Volume) -> ObjectState:
        """Return the state with the slice unlocked."""
        return replace(state, current=unlocked(state.current, self.index))


@dataclass(frozen=True)
class Edit:
    """Masks from outside: edited by hand, or given to start from."""

    masks: Mapping[int, SparseProbability]
    """By slice, probabilities 0 and 1."""
    given: bool
    """A mask to start from; otherwise the slices are hand-edited and become locked."""

    def apply(self, state: ObjectState, _volume: Volume) -> ObjectState:
        """Return the state with these masks; what the networks made of the slices is dropped."""
        provenance = GIVEN if self.given else EDITED
        results = [SliceResult(i, mask, provenance) for i, mask in self.masks.items()]
        current = state.current.with_results(results)
        prompts = {i: prompt for i, prompt in current.prompts.items() if i not in self.masks}
        locked = (
            current.locked - set(self.masks) if self.given else current.locked | set(self.masks)
        )
        return replace(state, current=replace(current, prompts=prompts, locked=frozenset(locked)))


@dataclass(frozen=True)
class Adopt:
    """Masks as they were let through outside: not edited, but cut where nothing may be drawn."""

    masks: Mapping[int, SparseProbability]
    """By slice, what is shown outside."""

    def apply(self, state: ObjectState, _volume: Volume) -> ObjectState:
        """Return the state with these masks; provenance, scores and locks stay."""
        current, pending = state.current, state.pending
        for index, mask in self.masks.items():
            prompt = current.prompts.get(index)
            if prompt is not None:
                current = current.with_prompt(index, replace(prompt, probability=mask))
            if prompt is None or index not in pending:
                current = current.with_results([replace(current.result(index), probability=mask)])
        return replace(state, current=current)


def prepare_click(state: ObjectState, plane: AnyPlane, index: int, volume: Volume) -> ObjectState:
    """Return the state that a click finds: in its plane, and its slice not locked."""
    state = enter_plane(state, plane, volume)
    return replace(state, current=unlocked(state.current, index))


def unlocked(current: PlaneState, index: int) -> PlaneState:
    """Return the plane with a slice not locked."""
    return replace(current, locked=current.locked - {index})


def find_click(current: PlaneState, click: Click) -> PlacedClick:
    """Return the newest click that equals another one.

    Raises:
        ClickError: There is none.
    """
    for placed in reversed(current.clicks):
        if placed.click == click:
            return placed
    raise ClickError(f"there is no {click} to remove")


def _clicked_again(current: PlaneState, index: int, round_number: int) -> PlaneState:
    """Return the plane with all clicks of a slice in this round."""
    clicks = tuple(
        replace(placed, round_number=round_number) if placed.click.slice_index == index else placed
        for placed in current.clicks
    )
    return replace(current, clicks=clicks)
