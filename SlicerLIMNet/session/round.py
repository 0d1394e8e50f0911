"""The course of one round: what it reaches, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.rounds import ObjectState, Origin, Provenance, SliceResult
from SlicerLIMNet.fusion.facts import (
    BoolArray,
    FloatArray,
    MaskRow,
    RoundFacts,
    pair_facts,
    round_facts,
)
from SlicerLIMNet.fusion.fuse import keeps_previous, slice_score
from SlicerLIMNet.imaging.resample import Pixels
from SlicerLIMNet.session.operations import FinishRound
from SlicerLIMNet.session.parts import Networks, RegionNumbers, SpreadTask
from SlicerLIMNet.session.planes import without_overwriting
from SlicerLIMNet.session.round_plan import RoundPlan
from SlicerLIMNet.session.stack import SliceStack

GIVEN_MARGIN = -0.1
"""Fusion margin for masks that were given: a new one must be the better one by so much."""
SLICES_AT_ONCE = 32
"""Slices that the quality network is given together; their images exist only that long."""


class _RoundMasks:
    """The masks of a plane before a round and, where it reached them, after it."""

    def __init__(self, state: ObjectState, found: Mapping[int, SliceResult]) -> None:
        self._state, self._found = state, found
        self.previous = MaskRow(self._previous)
        self.current = MaskRow(self._current)

    def _previous(self, index: int) -> BoolArray:
        return self._state.current.result(index).mask

    def _current(self, index: int) -> BoolArray:
        found = self._found.get(index)
        return self.previous.mask(index) if found is None else found.mask


class _Pair(NamedTuple):
    """What the judge is shown of a slice."""

    image: Pixels
    """(rows, columns) or (rows, columns, 3), 0..1."""
    previous: BoolArray
    """(rows, columns)."""
    current: BoolArray
    """(rows, columns)."""
    facts: FloatArray
    """(FACTS,), see `pair_facts`."""


class RoundRun:
    """A round underway: first spread over the slices, then fused with what was there.

    It changes nothing: its end is an operation that the session applies, or drops.
    """

    def __init__(
        self,
        plan: RoundPlan,
        state: ObjectState,
        stack: SliceStack,
        networks: Networks,
        config: RoundConfig,
    ) -> None:
        """Get ready; the plan must be of this state and these options."""
        self.plan = plan
        self.state = state
        self.shown: dict[int, SparseProbability] = {}
        """What `spread` has yielded so far."""
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
        for found in self._networks.spread(self._task(), cancel):
            kept = self._kept(found.index)
            yield self._show(found.index, found.probability if kept is None else kept)

    def fuse(self, partly: bool, check: Callable[[], None]) -> FinishRound:
        """Return the outcome of the round.

        Args:
            partly: Only slices that `spread` has reached count; the others keep their mask.
            check: Called before every batch; it may raise to leave.
        """
        check()
        reached = {*self.shown} if partly else {*self.plan.in_range, *self.plan.prompted}
        free = sorted(reached - self.state.current.locked - self.plan.settled)
        candidates = [self._candidate(index) for index in free]
        to_judge = iter([new for new in candidates if self._needs_judge(new)])
        results = {new.slice_index: new for new in candidates}
        masks = _RoundMasks(self.state, dict(results))
        about: RoundFacts | None = None
        while batch := list(islice(to_judge, SLICES_AT_ONCE)):
            check()
            about = about or self._facts(masks)
            pairs = [self._pair(new.slice_index, masks, about) for new in batch]
            results.update((result.slice_index, result) for result in self._judged(batch, pairs))
        cut_after = len(self.shown) if partly else None
        return FinishRound(tuple(results.values()), self._region, cut_after)

    def corrections(self, outcome: FinishRound) -> Iterator[SliceResult]:
        """Yield the results that are not what the user was shown while the round ran."""
        for result in outcome.results:
            before = self.state.current.result(result.slice_index).probability
            if self.shown.get(result.slice_index, before) != result.probability:
                yield result

    def _task(self) -> SpreadTask:
        masks = {index: kept.mask() for index, kept in self.plan.references.items()}
        self._region = self._networks.choose_region(list(masks.values()), self.state.current.region)
        stack = self._stack
        window = (stack.window.low, stack.window.high)
        return SpreadTask(
            (stack.volume.sha256, stack.plane, window),
            stack.windowed,
            stack.shape[0],
            self.plan.start,
            masks,
            self._config,
            self._region,
            stack.slice_step,
            self.plan.settled,
        )

    def _show(self, index: int, probability: SparseProbability) -> SliceResult:
        self.shown[index] = probability
        return SliceResult(index, probability, self._provenance)

    def _kept(self, index: int) -> SparseProbability | None:
        """Return the mask of a slice that the propagation does not decide on."""
        if index in self.state.current.locked or index in self.plan.settled:
            return self.state.current.result(index).probability
        return self.plan.prompted.get(index)

    @property
    def _empty(self) -> SparseProbability:
        return SparseProbability.empty(self.state.current.shape[1:])

    @property
    def _provenance(self) -> Provenance:
        return Provenance(Origin.ROUND, self.plan.number)

    def _candidate(self, index: int) -> SliceResult:
        """Return what a slice becomes unless its previous mask is better."""
        kept = self._kept(index)
        new = self.shown.get(index, self._empty) if kept is None else kept
        new = without_overwriting(self.state, self._stack.volume, index, new)
        previous = self.state.current.results.get(index)
        provenance = self._provenance
        was_prompted_before = index in self.plan.prompted and index not in self.state.pending
        if was_prompted_before and previous is not None and previous.probability == new:
            provenance = previous.provenance
        return SliceResult(index, new, provenance, slice_score(new))

    def _needs_judge(self, new: SliceResult) -> bool:
        """Whether there is a choice: a slice that no round has reached has no previous mask."""
        previous = self.state.current.results.get(new.slice_index)
        if not self._config.fusion or previous is None or new.slice_index in self.plan.prompted:
            return False
        return not previous.probability.has_mask_of(new.probability)

    def _facts(self, masks: _RoundMasks) -> RoundFacts:
        """Return what the judged slices have in common."""
        current, pending = self.state.current, self.state.pending
        return round_facts(
            pending[-1],
            {*current.prompts, *current.locked} - {*pending},
            masks.previous,
            masks.current,
            self.plan.number,
            self._stack.slice_step,
            current.shape[0],
        )

    def _pair(self, index: int, masks: _RoundMasks, about: RoundFacts) -> _Pair:
        facts = pair_facts(index, masks.previous, masks.current, about)
        image = self._stack.windowed(index)
        return _Pair(image, masks.previous.mask(index), masks.current.mask(index), facts)

    def _judged(self, batch: list[SliceResult], pairs: list[_Pair]) -> Iterator[SliceResult]:
        """Yield the better of previous and new mask of each slice."""
        images, before, after, facts = (list(column) for column in zip(*pairs, strict=True))
        preferences = self._networks.prefer(images, before, after, facts)
        for new, preference in zip(batch, preferences.tolist(), strict=True):
            old = self.state.current.results[new.slice_index]
            is_given = old.provenance.origin is Origin.GIVEN
            margin = min(self._config.fusion_margin, GIVEN_MARGIN if is_given else 1.0)
            chosen = old if keeps_previous(preference, margin) else new
            yield replace(chosen, score=slice_score(chosen.probability, preference))
