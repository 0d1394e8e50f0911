"""One engine for all tabs: loaded once, and used in turns that nobody has to wait long for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from LIMNetSegmentApp.SharedEngines import SharedEngines, Turns
from SlicerLIMNet.session.parts import SpreadTask
from Testing.doubles import FakeNetworks


class CountedNetworks(FakeNetworks):
    """Networks that notice when two threads use them at once."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[Any] = []
        self.closed = 0
        self.order: list[str] = []

    def spread(self, task: SpreadTask, cancel: Any) -> Iterator[Any]:
        self.keys.append(task.stack_key)
        try:
            for index in range(task.n_slices):
                self.order.append(f"slice {index}")
                yield SimpleNamespace(index=index)
        finally:
            self.closed += 1

    def prompt(self, *_: Any, **__: Any) -> Any:
        self.order.append("click")
        return "answer"


def task_of(slices: int = 4) -> SpreadTask:
    mask = np.ones((2, 2), bool)
    return SpreadTask(("stack",), lambda _: mask, slices, 0, {0: mask}, None, None, 1.0)


@pytest.fixture
def networks():
    return CountedNetworks()


@pytest.fixture
def shared(networks):
    made = []

    def make(preset: str, device: str) -> CountedNetworks:
        made.append((preset, device))
        return networks if len(made) == 1 else CountedNetworks()

    engines = SharedEngines(make)
    engines.made = made
    return engines


def test_tabs_share_one_engine_of_a_preset_and_device(shared):
    one = shared.engineFor("one")("light", "cpu")
    other = shared.engineFor("other")("light", "cpu")
    shared.engineFor("other")("paper", "cpu")
    assert shared.made == [("light", "cpu"), ("paper", "cpu")]
    assert one.prompt() == other.prompt() == "answer"


def test_rounds_of_two_tabs_on_one_volume_do_not_share_their_memory(shared, networks):
    for tab in ("one", "other"):
        list(shared.engineFor(tab)("light", "cpu").spread(task_of(), lambda: False))
    assert networks.keys == [("one", "stack"), ("other", "stack")]


def test_a_click_of_another_tab_comes_between_two_slices_of_a_round(shared, networks):
    one = shared.engineFor("one")("light", "cpu")
    other = shared.engineFor("other")("light", "cpu")
    slices = one.spread(task_of(), lambda: False)
    next(slices)
    clicked = threading.Thread(target=other.prompt)
    clicked.start()
    clicked.join(30)
    assert not clicked.is_alive()
    assert [found.index for found in slices] == [1, 2, 3]
    assert networks.order == ["slice 0", "click", "slice 1", "slice 2", "slice 3"]


def test_a_round_that_is_dropped_ends_and_gives_its_turn_back(shared, networks):
    engine = shared.engineFor("one")("light", "cpu")
    slices = engine.spread(task_of(), lambda: False)
    next(slices)
    slices.close()
    assert networks.closed == 1
    assert engine.prompt() == "answer"


def test_turns_are_given_in_the_order_in_which_they_were_asked_for():
    turns, order, threads = Turns(), [], []

    def work(name: int) -> None:
        with turns.one():
            order.append(name)

    with turns.one():
        for name in range(5):
            threads.append(threading.Thread(target=work, args=(name,)))
            threads[-1].start()
            while turns.waiting <= name:  # so that they come in this order
                pass
    for thread in threads:
        thread.join(30)
    assert order == [0, 1, 2, 3, 4]


def test_a_step_that_fails_gives_its_turn_back(shared, networks, monkeypatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(networks, "prefer", fail)
    engine = shared.engineFor("one")("light", "cpu")
    with pytest.raises(MemoryError):
        engine.prefer([], [], [])
    assert engine.prompt() == "answer"
