"""What is settled before a round begins: where it starts, what it holds on to, what it leaves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from SlicerLIMNet.domain.config import NEAREST, PERMANENT, RoundConfig
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.rounds import ObjectState, Origin
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.propagation.schedule import gaps

ANCHOR_SHARE = 0.2
"""Distance of a click to its anchors, as a share of the slices whose masks are given."""
ANCHOR_LEAST = 2
"""The same at least, in slices."""


@dataclass(frozen=True)
class RoundPlan:
    """What is settled before a round's first slice."""

    number: int
    """1 for the first round."""
    start: int
    """The slice from which masks spread: the one clicked last, or one that holds the object."""
    references: Mapping[int, SparseProbability]
    """Masks that the memory holds, the start's among them."""
    prompted: Mapping[int, SparseProbability]
    """Slices that take their prompt mask, whatever the networks say."""
    in_range: range
    """Slices that the round reaches."""
    settled: frozenset[int] = frozenset()
    """Those among them that keep their mask: anchors, and what has no new reference beside it."""


def plan_round(state: ObjectState, config: RoundConfig) -> RoundPlan:
    """Return what a round will do.

    Raises:
        SessionError: No click waits for a round.
    """
    pending, current = state.pending, state.current
    if not pending:
        raise SessionError("no click waits for a round; click on a slice first")
    start = pending[-1]
    permanent = config.memory == PERMANENT
    prompted = {
        index: prompt.probability
        for index, prompt in current.prompts.items()
        if index not in current.locked and (permanent or index in pending)
    }
    references = {start: state.shown(start)}
    anchors: dict[int, SparseProbability] = {}
    if permanent:
        references |= prompted | _locked_references(state)
    if _follows_nearest(config):
        anchors = _anchors(state, references)
        references |= anchors
    is_known = permanent or references[start].has_foreground  # else "not here" is all it says
    return RoundPlan(
        state.rounds + 1,
        start if _is_near(config) else _nearest_with_object(start, references),
        dict(sorted(references.items())),
        prompted,
        _in_range(start, current.shape[0], config) if is_known else range(start, start + 1),
        frozenset(anchors) | _settled(state, references, anchors, config),
    )


def _is_near(config: RoundConfig) -> bool:
    """Whether a round only reaches slices around the clicked one."""
    return not isinstance(config.range, str)


def _follows_nearest(config: RoundConfig) -> bool:
    """Whether every slice of the volume is followed from its nearest reference."""
    return config.memory == PERMANENT and config.follow == NEAREST and not _is_near(config)


def _nearest_with_object(clicked: int, references: Mapping[int, SparseProbability]) -> int:
    """Return the reference nearest to the clicked slice that is not empty, itself if none is.

    A click that says "not here" leaves nothing to follow from its slice: what the other references
    hold is followed up to it instead.
    """
    filled = [index for index, mask in references.items() if mask.has_foreground]
    return min(filled, key=lambda index: (abs(index - clicked), index), default=clicked)


def _locked_references(state: ObjectState) -> dict[int, SparseProbability]:
    """Return the locked slices that are not empty; an empty one says something if prompted."""
    masks = {i: state.current.result(i).probability for i in state.current.locked}
    prompts = state.current.prompts
    return {i: mask for i, mask in masks.items() if mask.has_foreground or i in prompts}


def _in_range(start: int, n_slices: int, config: RoundConfig) -> range:
    if isinstance(config.range, str):
        return range(n_slices)
    return range(max(0, start - config.range), min(n_slices, start + config.range + 1))


def _anchors(state: ObjectState, references: Collection[int]) -> dict[int, SparseProbability]:
    """Return given masks around the references, at which what is corrected there ends.

    What was given (by rounds in another plane, or by somebody) is mostly right: followed from one
    corrected slice alone, all of it would be made anew. So at some distance on either side of each
    reference a given mask is a reference, too, up to which masks are followed.
    """
    given = {
        index: result.probability
        for index, result in state.current.results.items()
        if result.provenance.origin is Origin.GIVEN and result.probability.has_foreground
    }
    distance = max(ANCHOR_LEAST, round(ANCHOR_SHARE * len(given)))
    free = [i for i in sorted(given) if all(abs(i - other) >= distance for other in references)]
    found: set[int] = set()
    for reference in references:
        found.update([i for i in free if i < reference][-1:])
        found.update([i for i in free if i > reference][:1])
    return {index: given[index] for index in found}


def _settled(
    state: ObjectState,
    references: Collection[int],
    anchors: Collection[int],
    config: RoundConfig,
) -> frozenset[int]:
    """Return the slices that a round leaves alone.

    Those between two references (or a reference and the end) that were references before are
    segmented as well as these allow, and those between anchors were given. References that are
    locked count as new: what they show may have been drawn since.
    """
    if not (config.incremental and _follows_nearest(config)):
        return frozenset()
    current = state.current
    n_slices = current.shape[0]
    prompted_before = {*current.prompts} - {*state.pending} - current.locked
    old = {-1, n_slices, *anchors, *prompted_before}
    found: set[int] = set()
    for left, right in gaps(references, n_slices):
        between = range(left + 1, right)
        is_given = left in anchors or right in anchors
        is_known = is_given or all(index in current.results for index in between)
        if {left, right} <= old and is_known:
            found.update(between)
    return frozenset(found)
