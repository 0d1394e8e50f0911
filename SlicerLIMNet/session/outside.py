"""The mask of an object as another program shows it, and what was changed there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.masks import FOREGROUND, SparseProbability
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.rounds import ObjectState
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.session.planes import fused_volume, settle, stack_of, without_overwriting

BoolArray = npt.NDArray[np.bool_]
Corner = tuple[int, int, int]


def shown_box(state: ObjectState, volume: Volume) -> tuple[Corner, BoolArray]:
    """Return what a user should see: the fused mask, and prompt masks that wait over it.

    Returns:
        The first voxel (z, y, x) of the smallest box around the mask, and the mask in this box;
        nothing (0, 0, 0) where it is empty.
    """
    if not isinstance(state.plane, Plane):
        settled = settle(state, volume, state.pending)
        return _cropped((0, 0, 0), fused_volume(settled, volume) >= FOREGROUND)
    slices = {i: mask for i, mask in _shown(state, volume).items() if not mask.is_empty}
    if not slices:
        return (0, 0, 0), np.zeros((0, 0, 0), bool)
    boxes = np.array([mask.box for mask in slices.values()])
    first, row, column = min(slices), int(boxes[:, 0].min()), int(boxes[:, 2].min())
    size = (max(slices) + 1 - first, int(boxes[:, 1].max()) - row, int(boxes[:, 3].max()) - column)
    box = np.zeros(state.plane.to_zyx(size), bool)
    along = np.moveaxis(box, state.plane.axis, 0)
    for index, mask in slices.items():
        top, bottom, left, right = mask.box
        inside = along[index - first, top - row : bottom - row, left - column : right - column]
        inside[:] = mask.values >= FOREGROUND
    return _cropped(state.plane.to_zyx((first, row, column)), box)


def edited_slices(
    state: ObjectState, volume: Volume, mask: BoolArray, before: BoolArray
) -> dict[int, SparseProbability]:
    """Return the slices of the plane in which two masks [z, y, x] differ, as the first has them."""
    return _slices_where(state, volume, mask, mask != before)


def adopted_slices(
    state: ObjectState, volume: Volume, mask: BoolArray
) -> dict[int, SparseProbability]:
    """Return what is shown on the slices that a mask [z, y, x] has otherwise, with this mask.

    Probabilities stay but for the pixels that change sides.
    """
    (z, y, x), box = shown_box(state, volume)
    differs = mask.copy()
    differs[z : z + box.shape[0], y : y + box.shape[1], x : x + box.shape[2]] ^= box
    found = _slices_where(state, volume, mask, differs)
    return {index: state.shown(index).as_mask(new.mask()) for index, new in found.items()}


def _shown(state: ObjectState, volume: Volume) -> dict[int, SparseProbability]:
    shown = state.current.masks()
    for index in state.pending:
        if index in state.current.prompts and index not in state.current.locked:
            shown[index] = without_overwriting(state, volume, index, state.shown(index))
    return shown


def _slices_where(
    state: ObjectState, volume: Volume, mask: BoolArray, differs: BoolArray
) -> dict[int, SparseProbability]:
    if not differs.any():
        return {}
    stack = stack_of(volume, state.plane)
    touched = stack.from_volume(_as_bytes(differs))
    found = stack.from_volume(_as_bytes(mask))
    return {
        index: SparseProbability.from_mask(found[index].mask())
        for index, change in touched.items()
        if not change.is_empty
    }


def _as_bytes(mask: BoolArray) -> npt.NDArray[np.uint8]:
    return mask.astype(np.uint8) * np.uint8(255)


def _cropped(corner: Corner, mask: BoolArray) -> tuple[Corner, BoolArray]:
    """Return a box without the empty slices at its sides."""
    low, high = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        if filled.size == 0:
            return (0, 0, 0), np.zeros((0, 0, 0), bool)
        low.append(int(filled[0]))
        high.append(int(filled[-1]) + 1)
    inside = tuple(slice(first, end) for first, end in zip(low, high, strict=True))
    z, y, x = (start + first for start, first in zip(corner, low, strict=True))
    return (z, y, x), mask[inside].copy()
