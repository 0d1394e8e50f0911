"""Which other slices help to read a click on a slice."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from SlicerLIMNet.domain.guides import Guide, Guides, nearness
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.rounds import ObjectState
from SlicerLIMNet.imaging.resample import extent
from SlicerLIMNet.session.stack import SliceStack


def guides_for(index: int, state: ObjectState, stack: SliceStack) -> Guides:
    """Return the guides of a slice: the nearest reference, and the nearest slice with the object.

    Args:
        index: Of the slice that was clicked, which is no guide itself.
        state: Before the click.
        stack: The plane's images.
    """
    current = state.current
    vouched = _nearest(index, {*current.prompts, *current.locked}, state.shown)
    found = _nearest(index, {*current.prompts, *current.results}, state.shown)
    reference = _guide(index, vouched, state, stack)
    if found == vouched:
        return Guides(reference, reference)
    return Guides(reference, _guide(index, found, state, stack))


def _nearest(
    index: int, candidates: Iterable[int], shown: Callable[[int], SparseProbability]
) -> int | None:
    """Return the nearest slice that holds the object; the lower one of two."""
    by_distance = sorted(set(candidates) - {index}, key=lambda i: (abs(i - index), i))
    return next((i for i in by_distance if shown(i).has_foreground), None)


def _guide(index: int, other: int | None, state: ObjectState, stack: SliceStack) -> Guide | None:
    if other is None:
        return None
    shown = state.shown(other)
    distance = abs(other - index) * stack.slice_step
    near = nearness(distance, extent(shown.mask()))
    return Guide(stack.image(other), shown.dense(), near)
