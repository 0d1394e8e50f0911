"""Operations as lines of a journal, and back.

All indices are array indices [z, y, x]; a click on an oblique plane, which lies between voxels,
also has its slice, row and column.
"""

from __future__ import annotations

from typing import Any

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane, Plane, plane_to_json
from SlicerLIMNet.domain.rounds import ObjectState, SliceResult, provenance_from_text
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.session.journal import FORMAT, Entry, Slices
from SlicerLIMNet.session.operations import (
    AddClick,
    Adopt,
    Edit,
    FinishRound,
    Lock,
    Operation,
    RemoveClick,
    Unlock,
)
from SlicerLIMNet.session.parts import EngineInfo
from SlicerLIMNet.session.planes import stack_of

Line = tuple[Entry, Slices | None]

OPERATIONS = ("click", "propagate_end", "lock", "unlock", "edit", "adopt")
"""Lines that change the object's state; undo and redo walk over these."""


def header_entry(
    volume: Volume,
    plane: AnyPlane,
    info: EngineInfo,
    config: RoundConfig,
    window: tuple[float, float] | None,
    window_is_given: bool,
) -> Entry:
    """Return the first line: everything that results depend on, besides the operations."""
    return {
        "format": FORMAT,
        **info.to_json(),
        "volume": {
            "name": volume.name,
            "modality": volume.modality,
            "sha256": volume.sha256,
            **volume.geometry.to_json(),
        },
        "plane": plane_to_json(plane),
        "window": window,
        "window_is_given": window_is_given,
        "seed": config.seed,
        "config": config.to_json(),
    }


def lines_of(operation: Operation, state: ObjectState, volume: Volume) -> list[Line]:
    """Return what the journal says of an operation, with the masks that belong to it.

    Args:
        operation: Any of this package.
        state: From before it.
        volume: Its clicks lie on.
    """
    if isinstance(operation, AddClick):
        click = _click_line(operation, volume)
        moved = operation.plane != state.plane
        plane: Line = ({"op": "plane", "plane": plane_to_json(operation.plane)}, None)
        return [plane, click] if moved else [click]
    if isinstance(operation, RemoveClick):
        return [_removal_line(operation, state.plane, volume)]
    if isinstance(operation, FinishRound):
        return [_round_line(operation)]
    if isinstance(operation, Edit):
        entry = {"op": "edit", "slices": list(operation.masks), "given": operation.given}
        return [(entry, operation.masks)]
    if isinstance(operation, Adopt):
        return [({"op": "adopt", "slices": list(operation.masks)}, operation.masks)]
    assert isinstance(operation, Lock | Unlock)
    name = "lock" if isinstance(operation, Lock) else "unlock"
    return [({"op": name, "slice": operation.index}, None)]


def operation_of(entry: Entry, plane: AnyPlane, volume: Volume, slices: Slices) -> Operation:
    """Return the operation of a line.

    Args:
        entry: A line.
        plane: In which it happened.
        volume: Its clicks lie on.
        slices: The masks that the line names.
    """
    name = entry["op"]
    if name == "click":
        return _click_operation(entry, plane, volume, slices)
    if name == "propagate_end":
        return _round_operation(entry, plane, volume, slices)
    if name in ("edit", "adopt"):
        empty = SparseProbability.empty(_rows_columns(plane, volume))
        wanted = [_checked(index, plane, volume) for index in entry["slices"]]
        masks = {index: slices.get(index, empty) for index in wanted}
        return Edit(masks, entry["given"]) if name == "edit" else Adopt(masks)
    assert name in ("lock", "unlock")
    index = _checked(entry["slice"], plane, volume)
    return Lock(index) if name == "lock" else Unlock(index)


def click_of(entry: Entry, plane: AnyPlane) -> Click:
    """Return the click of a line."""
    place = entry.get("slice_row_column")
    if isinstance(plane, Plane):
        place = plane.from_zyx(tuple(entry["index_zyx"]))
    assert place is not None
    return Click(int(place[0]), place[1], place[2], entry["positive"])


def _click_line(operation: AddClick, volume: Volume) -> Line:
    entry = {
        "op": "click",
        **_place_of(operation.click, operation.plane, volume),
        "window": list(operation.window),
        "zoom": operation.zoom,
    }
    return entry, {operation.click.slice_index: operation.prompt}


def _removal_line(operation: RemoveClick, plane: AnyPlane, volume: Volume) -> Line:
    place = _place_of(operation.click, plane, volume)
    entry = {"op": "click", "removed": True, **place, "zoom": operation.zoom}
    if operation.prompt is None:
        return entry, None
    return entry, {operation.click.slice_index: operation.prompt}


def _place_of(click: Click, plane: AnyPlane, volume: Volume) -> dict[str, Any]:
    place = (click.slice_index, click.row, click.column)
    if isinstance(plane, Plane):
        return {"index_zyx": list(plane.to_zyx(place)), "positive": click.positive}
    point = plane.geometry.index_zyx_to_lps(place)
    return {
        "index_zyx": volume.geometry.lps_to_index_zyx(point).tolist(),
        "slice_row_column": list(place),
        "positive": click.positive,
    }


def _click_operation(
    entry: Entry, plane: AnyPlane, volume: Volume, slices: Slices
) -> AddClick | RemoveClick:
    click = click_of(entry, plane)
    if not stack_of(volume, plane).contains(click):
        raise SessionError(f"the {click} lies outside the volume")
    empty = SparseProbability.empty(_rows_columns(plane, volume))
    prompt = slices.get(click.slice_index, empty)
    zoom = None if entry["zoom"] is None else tuple(entry["zoom"])
    if entry.get("removed"):
        return RemoveClick(click, prompt if "masks" in entry else None, zoom)
    low, high = entry["window"]
    return AddClick(click, plane, prompt, zoom, (low, high))


def _round_line(operation: FinishRound) -> Line:
    entry = {
        "op": "propagate_end",
        "slices": [result.slice_index for result in operation.results],
        "provenance": [str(result.provenance) for result in operation.results],
        "scores": [result.score for result in operation.results],
        "region": operation.region,
        "cut_after": operation.cut_after,
    }
    return entry, {result.slice_index: result.probability for result in operation.results}


def _round_operation(entry: Entry, plane: AnyPlane, volume: Volume, slices: Slices) -> FinishRound:
    empty = SparseProbability.empty(_rows_columns(plane, volume))
    indices = [_checked(index, plane, volume) for index in entry["slices"]]
    parts = zip(indices, entry["provenance"], entry["scores"], strict=True)
    results = tuple(
        SliceResult(index, slices.get(index, empty), provenance_from_text(text), score)
        for index, text, score in parts
    )
    region = None if entry["region"] is None else tuple(entry["region"])
    return FinishRound(results, region, entry["cut_after"])


def _checked(index: Any, plane: AnyPlane, volume: Volume) -> int:
    """Return the index of a slice that is there.

    Raises:
        SessionError: It is not.
    """
    if not isinstance(index, int) or not 0 <= index < plane_shape(plane, volume)[0]:
        raise SessionError(f"there is no slice {index!r:.50}")
    return index


def _rows_columns(plane: AnyPlane, volume: Volume) -> tuple[int, int]:
    return plane_shape(plane, volume)[1:]


def plane_shape(plane: AnyPlane, volume: Volume) -> tuple[int, int, int]:
    """Return the number of slices, rows and columns of a plane."""
    return plane.from_zyx(volume.shape_zyx) if isinstance(plane, Plane) else plane.shape
