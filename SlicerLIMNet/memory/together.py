"""The next slices of several ways as one batch: ways never touch each other's state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from SlicerLIMNet.memory.clock import SliceDuties
from SlicerLIMNet.memory.tracker import SequenceTracker, aggregated_logits
from SlicerLIMNet.networks.memory_interface import MemoryNetwork, Neighbour, SliceFeatures

MOST_AT_ONCE = 8
"""Slices in a batch: more gain nothing on a CPU, and memory grows with them."""


@dataclass(frozen=True)
class NextSlice:
    """A slice that the network is to segment on one way; see `SequenceTracker.step`."""

    tracker: SequenceTracker
    """Of the way, which has passed its reference. Trackers of a batch have as many objects."""
    image: Callable[[], Tensor]
    """Gives (1, 3, H, W), 0..1; asked only where the slice is remembered."""
    features: SliceFeatures
    """Of the slice, batch 1."""
    is_last: bool = False
    """Saves the work that only later slices would need."""
    place: Tensor | None = None
    """(1, `PLACE_NUMBERS`); `None` if unknown."""


def step_together(network: MemoryNetwork, slices: Sequence[NextSlice]) -> list[Tensor]:
    """Go to the next slice of every way and return the masks, (1, O, H, W) each, in their order.

    The same as one step of each tracker by itself; a batch may differ in the last bits.
    """
    found: list[Tensor | None] = [None] * len(slices)
    for batch in _batches(slices):
        masks = _step([slices[i] for i in batch], network)
        for i, mask in zip(batch, masks, strict=True):
            found[i] = mask
    return [mask for mask in found if mask is not None]


def _batches(slices: Sequence[NextSlice]) -> list[list[int]]:
    """Return which slices go together: those that know their place, and those that do not."""
    batches = []
    for known in (True, False):
        some = [i for i, new in enumerate(slices) if (new.place is not None) is known]
        batches += [some[i : i + MOST_AT_ONCE] for i in range(0, len(some), MOST_AT_ONCE)]
    return batches


def _step(slices: Sequence[NextSlice], network: MemoryNetwork) -> list[Tensor]:
    trackers = [new.tracker for new in slices]
    duties = [new.tracker.begin_slice(new.is_last) for new in slices]
    probability, hidden = _decoded(slices, duties, network)
    masks = list(torch.split(probability, 1))
    states = [
        new if duty.normal_update else tracker.hidden
        for tracker, duty, new in zip(trackers, duties, torch.split(hidden, 1), strict=True)
    ]
    remembered = [i for i, duty in enumerate(duties) if duty.remember]
    values = _values([slices[i] for i in remembered], [masks[i] for i in remembered], network)
    for i, value in zip(remembered, values, strict=True):
        trackers[i].remember(slices[i].features, value)
    deeper = [k for k, i in enumerate(remembered) if duties[i].deep_update]
    if deeper:
        before = torch.cat([states[remembered[k]] for k in deeper])
        updated = network.deep_update(torch.cat([values[k] for k in deeper]), before)
        for k, state in zip(deeper, torch.split(updated, 1), strict=True):
            states[remembered[k]] = state
    for new, mask, state in zip(slices, masks, states, strict=True):
        new.tracker.end_slice(new.features, mask, state)
    return masks


def _decoded(
    slices: Sequence[NextSlice], duties: Sequence[SliceDuties], network: MemoryNetwork
) -> tuple[Tensor, Tensor]:
    """Return aggregated probabilities (B, O, H, W) and the sensory states after the decoder."""
    trackers = [new.tracker for new in slices]
    places = [new.place for new in slices if new.place is not None]
    logits, hidden = network.decode(
        SliceFeatures.cat([new.features for new in slices]),
        torch.cat([new.tracker.recall(new.features) for new in slices]),
        torch.cat([tracker.hidden for tracker in trackers]),
        _joined([tracker.neighbour for tracker in trackers]),
        any(duty.normal_update for duty in duties),
        torch.cat(places) if places else None,
    )
    return aggregated_logits(logits), hidden


def _joined(neighbours: Sequence[Neighbour | None]) -> Neighbour | None:
    known = [neighbour for neighbour in neighbours if neighbour is not None]
    if not known:
        return None
    return Neighbour(
        SliceFeatures.cat([neighbour.features for neighbour in known]),
        torch.cat([neighbour.probability for neighbour in known]),
    )


def _values(
    slices: Sequence[NextSlice], masks: Sequence[Tensor], network: MemoryNetwork
) -> list[Tensor]:
    """Return what memory stores of some slices: (1, O, Cv, h, w) each."""
    if not slices:
        return []
    value, _ = network.encode_value(
        torch.cat([new.image() for new in slices]),
        SliceFeatures.cat([new.features for new in slices]),
        torch.cat(list(masks)),
        torch.cat([new.tracker.hidden for new in slices]),
        deep=False,
    )
    return list(torch.split(value, 1))
