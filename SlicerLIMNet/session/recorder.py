"""Writes down what a session does, and under which engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.rounds import ObjectState
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.session.journal import Journal
from SlicerLIMNet.session.journal_lines import header_entry, lines_of
from SlicerLIMNet.session.operations import AddClick, Operation
from SlicerLIMNet.session.parts import EngineInfo, Networks
from SlicerLIMNet.session.round_plan import RoundPlan

WindowRange = tuple[float, float]


class Recorder:
    """The journal of one session; a change of the engine is noted before what it leads to.

    The first line is written with the first operation, since only then the window is known.
    """

    def __init__(self, volume: Volume, engine: Networks, journal: Journal) -> None:
        """Go on with a journal, or begin an empty one."""
        self.journal = journal
        self._volume = volume
        self.engine = engine
        self._noted = _last_engine(journal)

    def operation(
        self,
        operation: Operation,
        state: ObjectState,
        config: RoundConfig,
        window: WindowRange | None,
    ) -> None:
        """Write an operation down.

        Args:
            operation: What happens.
            state: From before it.
            config: In force.
            window: Given to the session, if any.

        Raises:
            OutputError: It could not be written; to the journal it has not happened.
        """
        if not self.journal.entries:
            self._begin(operation, state, config, window)
        self._note_engine()
        for entry, slices in lines_of(operation, state, self._volume):
            self.journal.append(entry, slices)

    def round_begins(self, plan: RoundPlan, config: RoundConfig) -> None:
        """Write down that a round begins; without its end it will not have happened.

        Raises:
            OutputError: It could not be written.
        """
        self._note_engine()
        entry = {"op": "propagate_begin", "round": plan.number, "slice": plan.start}
        self.journal.append({**entry, **config.to_json()})

    def step(self, name: str) -> None:
        """Write down an undo or redo.

        Raises:
            OutputError: It could not be written.
        """
        self.journal.append({"op": name})

    def config(self, config: RoundConfig) -> None:
        """Write down that later rounds run otherwise.

        Raises:
            OutputError: It could not be written.
        """
        if self.journal.entries:  # otherwise the first line will say so
            self.journal.append({"op": "option", "name": "config", "value": config.to_json()})

    def save(self, path: Path) -> None:
        """Write the journal elsewhere, see `Journal.save`.

        Raises:
            SessionError: Nothing has happened yet.
        """
        if not self.journal.entries:
            raise SessionError("nothing has happened in this session yet; there is nothing to save")
        self.journal.save(path)

    def _begin(
        self,
        operation: Operation,
        state: ObjectState,
        config: RoundConfig,
        given: WindowRange | None,
    ) -> None:
        window = operation.window if isinstance(operation, AddClick) else given
        info, is_given = self.engine.info, given is not None
        header = header_entry(self._volume, state.plane, info, config, window, is_given)
        self.journal.append(header)
        self._noted = info.to_json()

    def _note_engine(self) -> None:
        now = self.engine.info.to_json()
        if now != self._noted:
            self.journal.append({"op": "option", "name": "engine", "value": now})
            self._noted = now


def _last_engine(journal: Journal) -> Mapping[str, Any]:
    """Return what the journal last said of the engine."""
    if not journal.entries:
        return {}
    notes = [e["value"] for e in journal.entries if e.get("name") == "engine"]
    return notes[-1] if notes else engine_of(journal.entries[0])


def engine_of(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the first line of a journal says of the engine."""
    names = EngineInfo.__dataclass_fields__
    return {name: header[name] for name in names}
