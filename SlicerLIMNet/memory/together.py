"""The next slices of several ways as one batch: ways never touch each other's state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from SlicerLIMNet.memory.tracker import SequenceTracker, StepState, aggregated_logits
from SlicerLIMNet.networks.memory_interface import MemoryNetwork, Neighbour, SliceFeatures
from SlicerLIMNet.networks.place import Place

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
    place: Place | None = None
    """Where it lies; `None` if unknown."""


def step_together(network: MemoryNetwork, slices: Sequence[NextSlice]) -> list[Tensor]:
    """Go to the next slice of every way and return the masks, (1, O, H, W) each, in their order.

    The same as one step of each tracker by itself; a batch may differ in the last bits.
    """
    masks: dict[int, Tensor] = {}
    for batch in _batches(slices):
        found = _step([slices[i] for i in batch], network)
        masks.update(zip(batch, torch.split(found, 1), strict=True))
    return [masks[i] for i in range(len(slices))]


def _batches(slices: Sequence[NextSlice]) -> list[list[int]]:
    """Return which slices go together: of one size, and either all or none know their place."""
    groups: dict[tuple[bool, torch.Size], list[int]] = {}
    for i, new in enumerate(slices):
        group = (new.place is not None, new.features.key.shape)
        groups.setdefault(group, []).append(i)
    return [
        group[i : i + MOST_AT_ONCE]
        for group in groups.values()
        for i in range(0, len(group), MOST_AT_ONCE)
    ]


def _step(slices: Sequence[NextSlice], network: MemoryNetwork) -> Tensor:
    trackers = [new.tracker for new in slices]
    duties = [new.tracker.begin_slice(new.is_last) for new in slices]
    before = _state_of(trackers)
    features = SliceFeatures.cat([new.features for new in slices])
    places = [new.place.numbers() for new in slices if new.place is not None]
    logits, hidden = network.decode(
        features,
        _joined([new.tracker.recall(new.features) for new in slices]),
        before.hidden,
        before.neighbour,
        any(duty.normal_update for duty in duties),
        torch.tensor(places, device=before.hidden.device) if places else None,
    )
    masks = aggregated_logits(logits)
    hidden = _chosen(before.hidden, hidden, [duty.normal_update for duty in duties])
    remembered = [i for i, duty in enumerate(duties) if duty.remember]
    if remembered:
        values = _values(slices, remembered, features, masks, before.hidden, network)
        for i, value in zip(remembered, torch.split(values, 1), strict=True):
            trackers[i].remember(slices[i].features, value)
        deeper = [duty.remember and duty.deep_update for duty in duties]
        if any(deeper):
            kept = _some(hidden, remembered)
            updated = _spread(network.deep_update(values, kept), remembered, hidden)
            hidden = _chosen(hidden, updated, deeper)
    after = StepState(_members(trackers), Neighbour(features, masks), hidden)
    parts = zip(slices, torch.split(masks, 1), torch.split(hidden, 1), strict=True)
    for new, mask, state in parts:
        new.tracker.end_slice(new.features, mask, state, after)
    return masks


def _state_of(trackers: Sequence[SequenceTracker]) -> StepState:
    """Return where trackers stand, as one batch; copied only if they did not come together."""
    states = [tracker.state for tracker in trackers]
    members = _members(trackers)
    if states[0].members == members and all(state is states[0] for state in states):
        return states[0]
    neighbours = [tracker.neighbour for tracker in trackers]
    known = [neighbour for neighbour in neighbours if neighbour is not None]
    neighbour = None
    if known:
        neighbour = Neighbour(
            SliceFeatures.cat([neighbour.features for neighbour in known]),
            torch.cat([neighbour.probability for neighbour in known]),
        )
    return StepState(members, neighbour, _joined([tracker.hidden for tracker in trackers]))


def _members(trackers: Sequence[SequenceTracker]) -> tuple[int, ...]:
    return tuple(id(tracker) for tracker in trackers)


def _values(
    slices: Sequence[NextSlice],
    chosen: list[int],
    features: SliceFeatures,
    masks: Tensor,
    hidden: Tensor,
    network: MemoryNetwork,
) -> Tensor:
    """Return what memory stores of some of the slices: (chosen, O, Cv, h, w)."""
    if len(chosen) < len(slices):
        features = SliceFeatures.cat([slices[i].features for i in chosen])
    images = torch.cat([slices[i].image() for i in chosen])
    return network.encode_value(
        images, features, _some(masks, chosen), _some(hidden, chosen), deep=False
    )[0]


def _joined(grids: Sequence[Tensor]) -> Tensor:
    """Return (B, O, C, h, w) from as many (1, O, C, h, w), with channels last if they have that."""
    if len(grids) == 1:
        return grids[0]
    joined = torch.cat([grid.flatten(0, 1) for grid in grids])
    return torch.unflatten(joined, 0, (len(grids), -1))


def _some(tensor: Tensor, rows: list[int]) -> Tensor:
    """Return some rows of a tensor (B, ...); all of them without a copy."""
    return tensor if len(rows) == len(tensor) else tensor[rows]


def _spread(some: Tensor, rows: list[int], like: Tensor) -> Tensor:
    """Return a tensor (B, ...) that has some rows; the others say nothing."""
    if len(rows) == len(like):
        return some
    return torch.zeros_like(like).index_copy_(0, torch.tensor(rows, device=like.device), some)


def _chosen(old: Tensor, new: Tensor, takes_new: Sequence[bool]) -> Tensor:
    """Return (B, ...) with the new rows where they are wanted, else the old ones."""
    if all(takes_new) or new is old:
        return new
    if not any(takes_new):
        return old
    wanted = torch.tensor(takes_new, device=old.device)
    return torch.where(wanted.view(-1, *[1] * (old.dim() - 1)), new, old)
