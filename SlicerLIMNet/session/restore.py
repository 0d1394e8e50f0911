"""From a journal back to the states of an object; no network is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import AnyPlane, Plane, plane_from_json
from SlicerLIMNet.domain.rounds import ObjectState, PlaneState
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import LIMNetError, SessionError
from SlicerLIMNet.session.history import History
from SlicerLIMNet.session.journal import Entry, Journal
from SlicerLIMNet.session.journal_lines import OPERATIONS, operation_of, plane_shape
from SlicerLIMNet.session.parts import EngineInfo
from SlicerLIMNet.session.recorder import engine_of
from SlicerLIMNet.session.resume import RESUME, with_masks

_WITHOUT_MASKS = ("propagate_begin", "undo", "redo", "option", "plane")


@dataclass(frozen=True)
class Restored:
    """What a journal says of a session."""

    history: History
    """With all that can be undone and redone."""
    config: RoundConfig
    """As last chosen."""
    window: tuple[float, float] | None
    """Given when the session began; None where the first click chooses it."""
    engine: Mapping[str, Any]
    """What the last results depended on, see `EngineInfo`."""


def restore(journal: Journal, volume: Volume) -> Restored:
    """Return the session that a journal tells of.

    A round that began and did not end is left out.

    Raises:
        SessionError: A line is damaged, or the masks do not fit the volume.
    """
    header = journal.entries[0]
    try:
        _check_shape(header, volume)
        fold = _Fold(header, volume)
    except (LIMNetError, KeyError, TypeError, ValueError) as error:
        raise _damaged(1, error) from error
    for number, entry in enumerate(journal.entries[1:], 2):
        try:
            fold.take(entry, journal)
        except (LIMNetError, KeyError, TypeError, ValueError, AssertionError, IndexError) as error:
            raise _damaged(number, error) from error
    return Restored(fold.history, fold.config, fold.window, fold.engine)


def first_state(volume: Volume, plane: AnyPlane) -> ObjectState:
    """Return the state of an object that nobody has clicked on."""
    return ObjectState(plane, PlaneState(plane_shape(plane, volume)))


def differences(
    header: Entry, engine: Mapping[str, Any], volume: Volume, info: EngineInfo
) -> list[str]:
    """Return a sentence for whatever is not as it was when the session was made.

    Args:
        header: First line of the journal.
        engine: What its last results depended on.
        volume: On which it is opened.
        info: Of the engine with which it is opened.
    """
    found = []
    stored = header["volume"]
    if stored["sha256"] != volume.sha256:
        found.append(
            "the session was made on another volume: its stored masks are shown as they are"
        )
    elif not Geometry.from_json(stored).is_close(volume.geometry):
        found.append("the volume lies elsewhere in the patient than when the session was made")
    now = info.to_json()
    for name in ("preset", "weights", "device", "precision"):
        if engine[name] != now[name]:
            found.append(
                f"the session was made with {name} {engine[name]}, now it is {now[name]}: stored "
                f"masks are kept, new ones may differ"
            )
    return found


class _Fold:
    """Walks over the lines and keeps what they lead to."""

    def __init__(self, header: Entry, volume: Volume) -> None:
        self.config = RoundConfig.from_json(header["config"])
        low_high = header["window"] if header["window_is_given"] else None
        self.window = None if low_high is None else (low_high[0], low_high[1])
        self.engine = engine_of(header)
        self._header = header
        self._volume = volume
        self.history = History(first_state(volume, plane_from_json(header["plane"])))
        self._plane: AnyPlane | None = None

    def take(self, entry: Entry, journal: Journal | None) -> None:
        """Go on by one line; without a journal all masks are empty."""
        name = entry["op"]
        if name in OPERATIONS:
            self._operate(entry, journal)
        elif name == "undo":
            self.history.undo()
        elif name == "redo":
            self.history.redo()
        elif name == "option":
            self._choose(entry["name"], entry["value"])
        elif name == RESUME and journal is not None:
            self._resume(entry, journal)
        elif name not in _WITHOUT_MASKS:
            raise SessionError(f"operation {name!r:.50} is unknown")
        self._plane = plane_from_json(entry["plane"]) if name == "plane" else None

    def _resume(self, entry: Entry, journal: Journal) -> None:
        """Start from a journal without masks, and the mask."""
        fold = _Fold(self._header, self._volume)
        *lines, present = entry["lines"]
        for line in lines:
            fold.take(line, None)
        mask = journal.slices(entry, plane_shape(Plane(0), self._volume))
        self.history = History(with_masks(fold.history.state, present, mask, self._volume))

    def _operate(self, entry: Entry, journal: Journal | None) -> None:
        state = self.history.state
        moved = self._plane if entry["op"] == "click" else None
        plane = moved or state.plane
        shape = plane_shape(plane, self._volume)
        slices = journal.slices(entry, shape) if journal is not None and "masks" in entry else {}
        operation = operation_of(entry, plane, self._volume, slices)
        self.history.push(operation.apply(state, self._volume))

    def _choose(self, name: str, value: Any) -> None:
        if name == "config":
            self.config = RoundConfig.from_json(value)
        elif name == "engine":
            self.engine = value


def _check_shape(header: Entry, volume: Volume) -> None:
    stored = tuple(header["volume"]["shape_zyx"])
    if stored != volume.shape_zyx:
        raise SessionError(
            f"the session's volume has {stored} voxels, this one {volume.shape_zyx}; open it with "
            f"its own volume"
        )


def _damaged(number: int, error: Exception) -> SessionError:
    if isinstance(error, SessionError) and number == 1:
        return error
    return SessionError(f"line {number} of the session's journal cannot be used: {error}")
