"""What the prompt network is asked: which clicks, and which mask was there before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.guides import Guides
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.rounds import ObjectState
from SlicerLIMNet.session.guides import guides_for
from SlicerLIMNet.session.operations import find_click
from SlicerLIMNet.session.parts import Networks, Zoom
from SlicerLIMNet.session.stack import SliceStack


class Prompted(NamedTuple):
    """A prompt mask as it will be kept."""

    probability: SparseProbability
    """Of the slice."""
    zoom: Zoom
    """Where the prompt network looked."""


def prompt_with(
    state: ObjectState, stack: SliceStack, networks: Networks, click: Click
) -> Prompted:
    """Return the prompt mask of a slice after one more click.

    The network gets all clicks of the slice and the mask that is shown: the one after the last
    click of this round, else the fused one.
    """
    index = click.slice_index
    clicks = [placed.click for placed in state.current.clicks_on(index)]
    prompt = state.current.prompts.get(index) if index in state.pending else None
    before = Prompted(state.shown(index), prompt.zoom if prompt else None)
    guides = guides_for(index, state, stack)
    return _ask(stack, networks, [*clicks, click], before, guides)


def prompt_without(
    state: ObjectState, stack: SliceStack, networks: Networks, click: Click
) -> Prompted | None:
    """Return the prompt mask of a slice once a click is taken back.

    The clicks left are asked again one after the other: those of this round from the fused mask, as
    if the click had never been; after the loss of a click of an earlier round all of them from an
    empty mask, since the fused mask holds what that click did.

    Returns:
        None if no click is left to be asked again.

    Raises:
        ClickError: There is no such click.
    """
    removed = find_click(state.current, click)
    index = click.slice_index
    left = [placed for placed in state.current.clicks_on(index) if placed is not removed]
    if removed.round_number > state.rounds:
        start = state.current.result(index).probability
        count = sum(placed.round_number > state.rounds for placed in left)
    else:
        start, count = SparseProbability.empty(state.current.shape[1:]), len(left)
    clicks = [placed.click for placed in left]
    answer, guides = None, guides_for(index, state, stack)
    for asked in range(len(clicks) - count + 1, len(clicks) + 1):
        before = answer or Prompted(start, None)
        answer = _ask(stack, networks, clicks[:asked], before, guides)
    return answer


def _ask(
    stack: SliceStack,
    networks: Networks,
    clicks: Sequence[Click],
    before: Prompted,
    guides: Guides,
) -> Prompted:
    """Return an empty mask where no click says that the object is there and none was known."""
    if not before.probability.has_foreground and not any(click.positive for click in clicks):
        return Prompted(SparseProbability.empty(stack.shape[1:]), None)
    image = stack.image(clicks[-1].slice_index)
    answer = networks.prompt(image, clicks, before.probability.dense(), before.zoom, guides)
    return Prompted(SparseProbability.from_dense(answer.probability), answer.zoom)
