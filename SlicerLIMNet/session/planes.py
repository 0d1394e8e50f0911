"""From plane to plane: the fused volume goes along, what was prompted or locked stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry, nearest_index
from SlicerLIMNet.domain.masks import FOREGROUND, SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane, ObliquePlane, Plane
from SlicerLIMNet.domain.rounds import (
    GIVEN,
    FusedBase,
    LeftPlane,
    ObjectState,
    Origin,
    PlaneState,
    Provenance,
    SliceResult,
)
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.stack import SliceStack

BoolArray = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

_ANY_WINDOW = Window(0, 1)  # masks know no intensities


def stack_of(
    volume: Volume, plane: AnyPlane, window: tuple[float, float] | None = None
) -> SliceStack:
    """Return the slices of a plane; without a window only masks can be asked of them."""
    return SliceStack(volume, plane, _ANY_WINDOW if window is None else Window(*window))


def enter_plane(state: ObjectState, plane: AnyPlane, volume: Volume) -> ObjectState:
    """Return the state in another plane, where the fused volume is the previous result.

    Prompt masks that wait for a round are taken over first, since the user sees them. On return to
    a plane its clicks, prompt masks and locks serve again; provenance and score stay with the
    slices that no other plane changed.

    Source: LIMNET.md section 2, other plane.
    """
    if plane == state.plane:
        return state
    settled = settle(state, volume, state.pending)
    fused = fused_volume(settled, volume)
    seen = stack_of(volume, state.plane).from_volume(fused)
    others = {**settled.others, state.plane: LeftPlane(settled.current, _not_empty(seen))}
    returned = others.pop(plane, None)
    stack = stack_of(volume, plane)
    slices = stack.from_volume(fused) if settled.current.results else {}
    current = _entered(returned, stack.shape, slices)
    base = _base_of(volume, fused, current) if isinstance(plane, ObliquePlane) else None
    return replace(settled, plane=plane, current=current, others=others, base=base)


def settle(state: ObjectState, volume: Volume, indices: Iterable[int]) -> ObjectState:
    """Return the state with the prompt masks that wait on some slices written into their masks."""
    provenance = Provenance(Origin.ROUND, state.rounds + 1)
    results = [
        SliceResult(i, without_overwriting(state, volume, i, state.shown(i)), provenance)
        for i in indices
        if i in state.pending and i in state.current.prompts and i not in state.current.locked
    ]
    return replace(state, current=state.current.with_results(results))


def fused_volume(state: ObjectState, volume: Volume) -> Bytes:
    """Return the fused probabilities on the grid of the volume: [z, y, x], 0..255."""
    fused = stack_of(volume, state.plane).to_volume(state.current.masks())
    if state.base is None:
        return fused
    whole = stack_of(volume, Plane(0)).to_volume(state.base.volume)
    for z, changed in enumerate(_changed_voxels(state, volume)):
        whole[z][changed] = fused[z][changed]
    return whole


def fused_mask(state: ObjectState, volume: Volume) -> BoolArray:
    """Return the fused mask on the grid of the volume: [z, y, x]."""
    if state.base is None:
        return stack_of(volume, state.plane).to_mask(state.current.masks())
    return fused_volume(state, volume) >= FOREGROUND


def without_overwriting(
    state: ObjectState, volume: Volume, index: int, probability: SparseProbability
) -> SparseProbability:
    """Return new probabilities of a slice, with the old ones where another plane was prompted."""
    if not state.others:
        return probability
    protected = protected_pixels(state, volume.geometry, index)
    old = state.current.result(index).probability.dense_bytes()
    return SparseProbability.from_bytes(np.where(protected, old, probability.dense_bytes()))


def protected_pixels(state: ObjectState, geometry: Geometry, index: int) -> BoolArray:
    """Return which pixels of a slice lie on prompted or locked slices of other planes."""
    rows_columns = state.current.shape[1:]
    protected = np.zeros(rows_columns, bool)
    for plane, left in state.others.items():
        keepers = sorted({*left.stored.prompts, *left.stored.locked})
        if keepers:
            places = _places(geometry, state.plane, index, rows_columns, plane)
            protected |= _on_slices(places, left.stored.shape, keepers)
    return protected


def _entered(
    returned: LeftPlane | None,
    shape: tuple[int, int, int],
    slices: Mapping[int, SparseProbability],
) -> PlaneState:
    """Return what a plane starts with, given the fused volume in its slices."""
    if returned is None:
        results = {index: SliceResult(index, mask, GIVEN) for index, mask in slices.items()}
        return PlaneState(shape, results=results)
    stored, empty = returned.stored, SparseProbability.empty(shape[1:])
    results = {
        index: stored.results[index]
        if index in stored.results and returned.fused.get(index, empty) == mask
        else SliceResult(index, mask, GIVEN)
        for index, mask in slices.items()
    }
    return replace(stored, results=results)


def _base_of(volume: Volume, fused: Bytes, entered: PlaneState) -> FusedBase:
    slices = stack_of(volume, Plane(0)).from_volume(fused)
    return FusedBase(_not_empty(slices), entered.masks())


def _not_empty(slices: Mapping[int, SparseProbability]) -> dict[int, SparseProbability]:
    return {index: mask for index, mask in slices.items() if not mask.is_empty}


def _changed_voxels(state: ObjectState, volume: Volume) -> Iterator[BoolArray]:
    """Yield for every z which voxels (y, x) take what happened in the oblique plane."""
    assert state.base is not None
    masks, before = state.current.masks(), state.base.slices
    changed = sorted(i for i in chain(masks, before) if masks.get(i) != before.get(i))
    on_grid = replace(state, plane=Plane(0), current=PlaneState(volume.shape_zyx))
    for z in range(volume.shape_zyx[0]):
        places = _places(volume.geometry, Plane(0), z, volume.shape_zyx[1:], state.plane)
        kept = protected_pixels(on_grid, volume.geometry, z)
        yield _on_slices(places, state.current.shape, changed) & ~kept


def _places(
    geometry: Geometry, plane: AnyPlane, index: int, rows_columns: tuple[int, int], other: AnyPlane
) -> tuple[Floats, Floats, Floats]:
    """Return slice, row and column in another plane of all pixels of a slice.

    Planes are grids, so three corners tell all. What comes back broadcasts to (rows, columns) and
    is small where a coordinate depends on the row or the column only, as between array axes.
    """
    corners = np.array([(index, 0, 0), (index, 1, 0), (index, 0, 1)], np.float64)
    first, down, right = _from_voxels(geometry, other, _to_voxels(geometry, plane, corners))
    rows = np.arange(rows_columns[0])[:, None]
    columns = np.arange(rows_columns[1])[None, :]
    slices, other_rows, other_columns = (
        first[k] + _steps(rows, down[k] - first[k]) + _steps(columns, right[k] - first[k])
        for k in range(3)
    )
    return slices, other_rows, other_columns


def _steps(indices: npt.NDArray[np.int64], step: float) -> Floats:
    return np.asarray(indices * step, np.float64) if step else np.zeros((1, 1))


def _on_slices(
    places: tuple[Floats, Floats, Floats], shape: tuple[int, int, int], indices: list[int]
) -> BoolArray:
    """Return which places lie on some slices of a plane, and within their rows and columns."""
    slices, rows, columns = (nearest_index(coordinate) for coordinate in places)
    inside = (rows >= 0) & (rows < shape[1]) & (columns >= 0) & (columns < shape[2])
    return np.asarray(inside & np.isin(slices, indices))


def _to_voxels(geometry: Geometry, plane: AnyPlane, places: Floats) -> Floats:
    """Return (N, 3) indices z, y, x of places slice, row, column."""
    if isinstance(plane, Plane):
        return places[:, np.argsort(plane.axes)]
    return geometry.lps_to_index_zyx(plane.geometry.index_zyx_to_lps(places))


def _from_voxels(geometry: Geometry, plane: AnyPlane, points_zyx: Floats) -> Floats:
    """Return (N, 3) places slice, row, column of indices z, y, x."""
    if isinstance(plane, Plane):
        return points_zyx[:, list(plane.axes)]
    return plane.geometry.lps_to_index_zyx(geometry.index_zyx_to_lps(points_zyx))
