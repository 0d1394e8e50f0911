"""A journal without masks: small enough to travel with a segment, whose voxels are the masks.

It keeps clicks, rounds, locks and options of the way to the present state; what was undone, and the
results of rounds that later ones replaced, are left out. Its last line, `present`, says where the
mask of every slice comes from. Earlier states cannot be had from it, the present one can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane, ObliquePlane, Plane, plane_from_json, plane_to_json
from SlicerLIMNet.domain.rounds import (
    GIVEN,
    FusedBase,
    LeftPlane,
    ObjectState,
    PlaneState,
    Prompt,
    SliceResult,
    provenance_from_text,
)
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.session.journal import Entry
from SlicerLIMNet.session.journal_lines import OPERATIONS
from SlicerLIMNet.session.planes import stack_of

PRESENT = "present"
RESUME = "resume"

_RESULTS = ("slices", "provenance", "scores")
_DECIMALS = 4  # of a score

Slices = Mapping[int, SparseProbability]


def condensed(entries: list[Entry], state: ObjectState) -> list[Entry]:
    """Return a journal without masks; `Session.resume` takes it, with the mask.

    Args:
        entries: Of a journal, the first of which describes the session.
        state: To which they lead.
    """
    if not entries:
        return []
    header, lines = dict(entries[0]), []
    for entry in entries[1:]:
        if entry["op"] == "option":
            header |= {"config": entry["value"]} if entry["name"] == "config" else entry["value"]
        elif entry["op"] == RESUME:
            lines = entry["lines"][:-1]
    return [header, *lines, *_way_to_present(entries[1:]), _present(state)]


def with_masks(state: ObjectState, present: Entry, mask: Slices, volume: Volume) -> ObjectState:
    """Return a state that a journal without masks led to, with the masks of a volume.

    Args:
        state: Whose masks are all empty.
        present: The last line of the journal.
        mask: By slice along array axis 0.
        volume: Of the session.

    Raises:
        SessionError: The line belongs to another state.
    """
    if present.get("op") != PRESENT:
        raise SessionError(f"the journal ends with {present.get('op')!r:.50}, not with {PRESENT}")
    voxels = stack_of(volume, Plane(0)).to_volume(mask)
    rows = {plane_from_json(entry["plane"]): entry["results"] for entry in present["planes"]}
    filled = {
        plane: _filled(plane_state, rows[plane], stack_of(volume, plane).from_volume(voxels))
        for plane, plane_state in _planes_of(state)
    }
    others = {
        plane: LeftPlane(stored, stored.masks())
        for plane, stored in filled.items()
        if plane != state.plane
    }
    current = filled[state.plane]
    base = FusedBase(mask, current.masks()) if isinstance(state.plane, ObliquePlane) else None
    return replace(state, current=current, others=others, base=base)


def slices_of_mask(mask: npt.NDArray[np.bool_], volume: Volume) -> dict[int, SparseProbability]:
    """Return the slices along array axis 0 of a mask [z, y, x] that are not empty.

    Raises:
        SessionError: The mask has another shape than the volume.
    """
    if mask.shape != volume.shape_zyx:
        raise SessionError(
            f"the mask has shape {mask.shape}; expected the volume's {volume.shape_zyx}"
        )
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    return {int(z): SparseProbability.from_mask(mask[z]) for z in filled}


def _way_to_present(entries: Iterable[Entry]) -> list[Entry]:
    """Return the operations that were not undone, without their results."""
    steps: list[list[Entry]] = []
    now = 0
    plane: list[Entry] = []
    for entry in entries:
        name = entry["op"]
        if name in OPERATIONS:
            steps[now:] = [[*plane, _slim(entry)]]
        now += {"undo": -1, "redo": 1}.get(name, int(name in OPERATIONS))
        plane = [entry] if name == "plane" else []
    return [entry for step in steps[:now] for entry in step]


def _slim(entry: Entry) -> Entry:
    """Return a line without results; which slices were edited is kept, as it locks them."""
    if entry["op"] != "propagate_end":
        return entry
    return {**entry, **{name: [] for name in _RESULTS}}


def _present(state: ObjectState) -> Entry:
    planes = [
        {"plane": plane_to_json(plane), "results": _rows(plane_state)}
        for plane, plane_state in _planes_of(state)
    ]
    return {"op": PRESENT, "planes": planes}


def _planes_of(state: ObjectState) -> list[tuple[AnyPlane, PlaneState]]:
    left = [(plane, other.stored) for plane, other in state.others.items()]
    return [(state.plane, state.current), *left]


def _rows(plane_state: PlaneState) -> list[list[Any]]:
    """Return slice, provenance and score of every result."""
    return [
        [index, str(result.provenance), _rounded(result.score)]
        for index, result in sorted(plane_state.results.items())
    ]


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, _DECIMALS)


def _filled(stored: PlaneState, rows: list[list[Any]], masks: Slices) -> PlaneState:
    """Return a plane with masks, and with what is known of them."""
    results = {i: SliceResult(i, mask, GIVEN) for i, mask in masks.items() if not mask.is_empty}
    for index, text, score in rows:
        results[index] = SliceResult(index, masks[index], provenance_from_text(text), score)
    prompts = {i: Prompt(masks[i], prompt.zoom) for i, prompt in stored.prompts.items()}
    return replace(stored, results=results, prompts=prompts)
