"""The engines of all tabs: weights are loaded once, and tabs take turns with them.

An engine is used from one thread at a time, and every tab has a thread. So a tab holds an engine
only for one step: one click, one slice of a round, one batch of the judge. Turns are given in the
order in which they were asked for: a click waits for one slice of another tab, not for its round.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from SlicerLIMNet.domain.config import RoundConfig
    from SlicerLIMNet.session.parts import (
        EngineInfo,
        Networks,
        PromptAnswer,
        RegionNumbers,
        SpreadSlice,
        SpreadTask,
    )

MakeEngine = Callable[[str, str], Any]


class Turns:
    """A lock that is given in the order in which it was asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._isTaken = False

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a turn, and have it for the time of a `with`."""
        self._take()
        try:
            yield
        finally:
            self._give()

    def _take(self) -> None:
        with self._lock:
            if not self._isTaken:
                self._isTaken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # the turn passes on, and stays taken
            else:
                self._isTaken = False


class SharedEngines:
    """One engine for every preset and device that any tab asks for."""

    def __init__(self, makeEngine: MakeEngine | None = None) -> None:
        """Begin without any; `makeEngine` takes preset and device: the engine's own by default."""
        self._makeEngine = makeEngine or _makeEngine
        self._made: dict[tuple[str, str], tuple[Any, Turns]] = {}
        self._making = threading.Lock()

    def engineFor(self, tab: str) -> MakeEngine:
        """Return what makes the engine of a tab, on the tab's own thread."""

        def make(preset: str, device: str) -> TabEngine:
            with self._making:
                if (preset, device) not in self._made:
                    self._made[preset, device] = (self._makeEngine(preset, device), Turns())
                engine, turns = self._made[preset, device]
            return TabEngine(engine, turns, tab)

        return make


class TabEngine:
    """An engine as one tab has it: the session's `Networks`, one step at a time."""

    def __init__(self, engine: Networks, turns: Turns, tab: str) -> None:
        self._engine, self._turns, self._tab = engine, turns, tab

    @property
    def info(self) -> EngineInfo:
        """What results depend on, as of now."""
        return self._engine.info

    @property
    def default_config(self) -> RoundConfig:
        """Defaults of the preset."""
        return self._engine.default_config

    def prompt(self, *arguments: Any, **named: Any) -> PromptAnswer:
        """Segment the object that was clicked on a slice."""
        with self._turns.one():
            return self._engine.prompt(*arguments, **named)

    def choose_region(self, *arguments: Any, **named: Any) -> RegionNumbers:
        """Return where to look for an object."""
        with self._turns.one():
            return self._engine.choose_region(*arguments, **named)

    def spread(self, task: SpreadTask, cancel: Callable[[], bool]) -> Iterator[SpreadSlice]:
        """Yield every slice that a round reaches; between two of them others have their turn."""
        own = replace(task, stack_key=(self._tab, *task.stack_key))  # its memory is this round's
        with self._turns.one():
            slices = iter(self._engine.spread(own, cancel))
        try:
            while True:
                with self._turns.one():
                    found = next(slices, None)
                if found is None:
                    return
                yield found
        finally:
            with self._turns.one():  # a round that was dropped ends in its turn, too
                slices.close()  # type: ignore[attr-defined]  # a generator

    def prefer(self, *arguments: Any, **named: Any) -> Any:
        """Return for each slice how probable it is that the previous mask is the better one."""
        with self._turns.one():
            return self._engine.prefer(*arguments, **named)

    def warm_up(self, rows_columns: tuple[int, int]) -> None:
        """Run every network once."""
        with self._turns.one():
            self._engine.warm_up(rows_columns)  # type: ignore[attr-defined]

    def fall_back(self) -> bool:
        """Make all later work smaller, for every tab."""
        with self._turns.one():
            return self._engine.fall_back()


def _makeEngine(preset: str, device: str) -> Any:
    import SlicerLIMNet.session.session  # noqa: F401  # a third of a second at the first click
    from SlicerLIMNet.session.engine import Engine

    return Engine(preset, device)
