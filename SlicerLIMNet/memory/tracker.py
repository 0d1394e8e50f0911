"""One direction through the slices: what is read, decoded and remembered, and in which order.

Letters as in `memory_interface`; the batch is always 1 here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from SlicerLIMNet.memory.clock import MemoryClock, SliceDuties
from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.manager import MemoryManager
from SlicerLIMNet.memory.store import MemoryStore
from SlicerLIMNet.networks.affinity import aggregate
from SlicerLIMNet.networks.memory_interface import MemoryNetwork, Neighbour, SliceFeatures


@dataclass(frozen=True)
class SlicePrompt:
    """Masks given on a slice."""

    masks: Tensor
    """(P, H, W), 0 or 1, float32."""
    objects: tuple[int, ...] = (0,)
    """Which object each mask shows; objects that are new take the next numbers, in order."""


@dataclass(frozen=True)
class StepState:
    """Where several trackers stand that went their last step together, or one by itself."""

    members: tuple[int, ...]
    """B of them, each by its `id`: a reference would keep them all, and their memories, alive."""
    neighbour: Neighbour | None
    """Their slices before, as one batch."""
    hidden: Tensor
    """(B, O, Ch, h, w), their sensory states."""


@dataclass(frozen=True)
class _Group:
    """Objects that came on the same slice: they share keys, so they share a memory."""

    objects: slice
    memory: MemoryManager


class SequenceTracker:
    """The state of one direction: sensory state, memories, clock, and the slice before.

    Source: XMem's inference loop; XMem++'s for references in permanent memory.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        config: MemoryConfig,
        mode: MemoryMode,
        like: SliceFeatures,
        permanent: MemoryStore | None = None,
        sparse: bool = True,
    ) -> None:
        """Start before the first slice.

        Args:
            network: In evaluation mode.
            config: Of the memory.
            mode: Which prompted slices it refers to.
            like: Any slice's features, for grid and precision.
            permanent: The references, in mode `PERMANENT`.
            sparse: See `MemoryManager`.
        """
        self._network = network
        self._config = config
        self._mode = mode
        self._sparse = sparse
        self._clock = MemoryClock(config)
        self._groups: list[_Group] = []
        self._permanent = MemoryStore() if permanent is None else permanent
        grid = like.key.shape[-2:]
        self._hidden = like.key.new_zeros(1, 0, network.hidden_channels, *grid)
        self._neighbour: Neighbour | None = None
        self._together: StepState | None = None

    @property
    def state(self) -> StepState:
        """Where this tracker stands, together with others if nothing has happened since."""
        return self._together or StepState((id(self),), self._neighbour, self._hidden)

    @property
    def hidden(self) -> Tensor:
        """(1, O, Ch, h, w), the sensory state after the last slice."""
        return self._hidden

    @property
    def neighbour(self) -> Neighbour | None:
        """The slice before, with its masks."""
        return self._neighbour

    @property
    def memories(self) -> tuple[MemoryManager, ...]:
        """One memory for all objects that came on the same slice."""
        return tuple(group.memory for group in self._groups)

    def step(
        self,
        image: Callable[[], Tensor],
        features: SliceFeatures,
        prompt: SlicePrompt | None = None,
        is_last: bool = False,
        place: Tensor | None = None,
    ) -> Tensor:
        """Go to the next slice and return its masks.

        Args:
            image: Gives (1, 3, H, W), 0..1; asked only where the slice is remembered.
            features: Of this slice.
            prompt: Its masks, if any were given; objects that it does not name are segmented.
            is_last: Saves the work that only later slices would need.
            place: (1, `PLACE_NUMBERS`), where the slice lies; `None` if unknown.

        Returns:
            (1, O, H, W), aggregated probabilities.
        """
        duties = self._clock.tick(has_mask=prompt is not None, is_last=is_last)
        if prompt is None:
            probability = self._segment(features, duties, place)
        else:
            probability = self._with_prompt(features, prompt, duties, place)
        if duties.remember:
            value, self._hidden = self._network.encode_value(
                image(), features, probability, self._hidden, duties.deep_update
            )
            self.remember(features, value)
        self._leave(features, probability)
        return probability

    def step_with_value(
        self, features: SliceFeatures, prompt: SlicePrompt, value: Tensor, is_last: bool = False
    ) -> Tensor:
        """Go to a slice whose masks are all given and whose value is known already.

        In mode `PERMANENT` nothing is added: the caller has put the value into permanent memory.

        Args:
            features: Of this slice.
            prompt: Masks of all objects.
            value: (1, O, Cv, h, w), from the aggregated masks.
            is_last: Saves the work that only later slices would need.

        Returns:
            (1, O, H, W), the aggregated masks.
        """
        duties = self._clock.tick(has_mask=True, is_last=is_last)
        self._admit(prompt)
        probability = aggregated_prompt(prompt)
        if duties.deep_update:
            self._hidden = self._network.deep_update(value, self._hidden)
        if duties.remember and self._mode is MemoryMode.PAPER:
            self.remember(features, value)
        self._leave(features, probability)
        return probability

    def move(
        self, hidden: Tensor, neighbour: Neighbour | None, permanent: MemoryStore | None
    ) -> None:
        """Go on in another region; working and long-term memory are kept, since keys are content.

        Args:
            hidden: (1, O, Ch, h, w), the sensory state seen in the new region.
            neighbour: The slice before, seen in the new region.
            permanent: The references, seen in the new region.
        """
        self._hidden = hidden
        self._neighbour = neighbour
        self._together = None
        self._permanent = MemoryStore() if permanent is None else permanent
        for group in self._groups:
            group.memory.permanent = self._permanent

    def begin_slice(self, is_last: bool) -> SliceDuties:
        """Go to the next slice, which has no prompt, and say what is to be done with it.

        This and the methods below are `step` in parts, for whoever runs several trackers at once.
        """
        return self._clock.tick(has_mask=False, is_last=is_last)

    def recall(self, features: SliceFeatures) -> Tensor:
        """Return what memory answers to a slice: (1, O, Cv, h, w)."""
        answers = []
        for group in self._groups:
            answer = group.memory.read(features)
            count = group.objects.stop - group.objects.start
            answers.append(answer.reshape(1, count, -1, *answer.shape[-2:]))
        return answers[0] if len(answers) == 1 else torch.cat(answers, dim=1)

    def remember(self, features: SliceFeatures, value: Tensor) -> None:
        """Put a slice into memory; `value` is (1, O, Cv, h, w)."""
        for group in self._groups:
            group.memory.add(features, value[:, group.objects])

    def end_slice(
        self, features: SliceFeatures, probability: Tensor, hidden: Tensor, together: StepState
    ) -> None:
        """Leave a slice.

        Args:
            features: Of the slice.
            probability: Its masks (1, O, H, W).
            hidden: The sensory state (1, O, Ch, h, w).
            together: The same with that of the trackers that went along.
        """
        self._hidden = hidden
        self._leave(features, probability)
        self._together = together

    def _leave(self, features: SliceFeatures, probability: Tensor) -> None:
        self._neighbour = Neighbour(features, probability)
        self._together = None

    def _segment(
        self, features: SliceFeatures, duties: SliceDuties, place: Tensor | None
    ) -> Tensor:
        logits, self._hidden = self._network.decode(
            features,
            self.recall(features),
            self._hidden,
            self._neighbour,
            duties.normal_update,
            place,
        )
        return aggregated_logits(logits)

    def _with_prompt(
        self,
        features: SliceFeatures,
        prompt: SlicePrompt,
        duties: SliceDuties,
        place: Tensor | None,
    ) -> Tensor:
        known = self._hidden.shape[1]
        height, width = prompt.masks.shape[-2:]
        predicted = prompt.masks.new_zeros(1, known, height, width)
        if not set(range(known)) <= set(prompt.objects):
            predicted = self._segment(features, duties, place)
            predicted = predicted * (prompt.masks.sum(dim=0) <= 0.5)
        self._admit(prompt)
        probability = predicted.new_zeros(1, self._hidden.shape[1], height, width)
        probability[:, :known] = predicted
        probability[0, list(prompt.objects)] = prompt.masks
        return aggregate(probability)[:, 1:]

    def _admit(self, prompt: SlicePrompt) -> None:
        """Make room for objects that are new; the sensory state of the others is kept."""
        known, total = self._hidden.shape[1], max(prompt.objects) + 1
        if total > known:
            fresh = self._hidden.new_zeros(1, total - known, *self._hidden.shape[2:])
            self._hidden = torch.cat([self._hidden, fresh], dim=1)
            memory = MemoryManager(self._config, self._mode, self._permanent, self._sparse)
            self._groups.append(_Group(slice(known, total), memory))


def aggregated_logits(logits: Tensor) -> Tensor:
    """Return the aggregated probabilities of a decoder's logits: (B, O, H, W), float32.

    One object has the odds p^2 / (1 - p)^2: its logit counts twice.
    """
    logits = logits.float()
    if logits.shape[1] == 1:
        return (2 * logits).sigmoid_()
    return aggregate(logits.sigmoid())[:, 1:]


def aggregated_prompt(prompt: SlicePrompt) -> Tensor:
    """Return the masks as a network sees them: (1, P, H, W); binary ones are unchanged."""
    return aggregate(prompt.masks.unsqueeze(0))[:, 1:]
