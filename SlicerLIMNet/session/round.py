"""The course of one round: what it starts from, what it reaches, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from SlicerLIMNet.domain.config import PERMANENT, RoundConfig
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.rounds import ObjectState, Origin, Provenance, SliceResult
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.session.operations import FinishRound
from SlicerLIMNet.session.parts import BoolArray, Networks, RegionNumbers, SpreadTask
from SlicerLIMNet.session.planes import without_overwriting
from SlicerLIMNet.session.stack import SliceStack

SLICES_AT_ONCE = 32
"""Slices that the quality network is given together; their images exist only that long."""


@dataclass(frozen=True)
class RoundPlan:
    """What is settled before a round's first slice."""

    number: int
    """1 for the first round."""
    start: int
    """The slice clicked last."""
    references: Mapping[int, SparseProbability]
    """Masks that the memory holds, the start's among them."""
    prompted: Mapping[int, SparseProbability]
    """Slices that take their prompt mask, whatever the networks say."""
    in_range: range
    """Slices that the round reaches."""


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
    if permanent:
        references |= prompted | _locked_references(state)
    return RoundPlan(
        state.rounds + 1,
        start,
        dict(sorted(references.items())),
        prompted,
        _in_range(start, current.shape[0], config),
    )


def _locked_references(state: ObjectState) -> dict[int, SparseProbability]:
    """Return the locked slices that are not empty; an empty one says something if prompted."""
    masks = {i: state.current.result(i).probability for i in state.current.locked}
    prompts = state.current.prompts
    return {i: mask for i, mask in masks.items() if mask.has_foreground or i in prompts}


def _in_range(start: int, n_slices: int, config: RoundConfig) -> range:
    if isinstance(config.range, str):
        return range(n_slices)
    return range(max(0, start - config.range), min(n_slices, start + config.range + 1))


class RoundRun:
    """A round underway: first spread over the slices, then fused with what was there.

    It changes nothing: its end is an operation that the session applies, or drops.
    """

    def __init__(
        self, state: ObjectState, stack: SliceStack, networks: Networks, config: RoundConfig
    ) -> None:
        self.plan = plan_round(state, config)
        self.shown: dict[int, SparseProbability] = {}
        """What `spread` has yielded so far."""
        self._state = state
        self._stack = stack
        self._networks = networks
        self._config = config
        self._region: RegionNumbers = state.current.region

    def spread(self, cancel: Callable[[], bool]) -> Iterator[SliceResult]:
        """Yield the new mask of every slice reached, the start first; nothing is fused yet.

        Raises:
            Cancelled: `cancel` said so.
        """
        self.shown.clear()  # a round that is run again after a fallback starts afresh
        yield self._show(self.plan.start, self.plan.references[self.plan.start])
        if not any(mask.has_foreground for mask in self.plan.references.values()):
            return  # nothing to follow: every slice is empty
        for index, probability in self._networks.spread(self._task(), cancel):
            yield self._show(index, self._kept(index) or probability)

    def fuse(self, partly: bool, check: Callable[[], None]) -> FinishRound:
        """Return the outcome of the round.

        Args:
            partly: Only slices that `spread` has reached count; the others keep their mask.
            check: Called between batches; it may raise to leave.
        """
        reached = {*self.shown} if partly else {*self.plan.in_range, *self.plan.prompted}
        free = sorted(reached - self._state.current.locked)
        decided, to_judge = [], []
        for index in free:
            candidate = self._candidate(index)
            needs_judge = self._needs_judge(index, candidate.probability)
            (to_judge if needs_judge else decided).append(candidate)
        batches = iter(to_judge)
        while batch := list(islice(batches, SLICES_AT_ONCE)):
            check()
            decided += self._judged(batch)
        decided.sort(key=lambda result: result.slice_index)
        return FinishRound(tuple(decided), self._region)

    def _task(self) -> SpreadTask:
        masks = {index: kept.mask() for index, kept in self.plan.references.items()}
        self._region = self._networks.choose_region(
            list(masks.values()), self._state.current.region
        )
        stack = self._stack
        window = (stack.window.low, stack.window.high)
        return SpreadTask(
            (stack.volume.sha256, stack.plane, window),
            stack.image,
            stack.shape[0],
            self.plan.start,
            masks,
            self._config,
            self._region,
        )

    def _show(self, index: int, probability: SparseProbability) -> SliceResult:
        self.shown[index] = probability
        return SliceResult(index, probability, self._provenance)

    def _kept(self, index: int) -> SparseProbability | None:
        """Return the mask of a slice that the propagation does not decide on."""
        if index in self._state.current.locked:
            return self._state.current.result(index).probability
        return self.plan.prompted.get(index)

    @property
    def _provenance(self) -> Provenance:
        return Provenance(Origin.ROUND, self.plan.number)

    def _candidate(self, index: int) -> SliceResult:
        """Return what a slice becomes unless its previous mask is better."""
        empty = SparseProbability.empty(self._state.current.shape[1:])
        new = self._kept(index) or self.shown.get(index, empty)
        new = without_overwriting(self._state, self._stack.volume, index, new)
        previous = self._state.current.results.get(index)
        if index in self.plan.prompted and previous is not None and previous.probability == new:
            return SliceResult(index, new, previous.provenance, certainty(new))
        return SliceResult(index, new, self._provenance, certainty(new))
