"""How many threads work gets while other work disturbs."""

from __future__ import annotations

import pytest
import torch

from SlicerLIMNet.session.thread_count import VALID_S, ThreadCount, measure_layers
from Testing.tiny_engine import tiny_engine

QUIET = {1: 4.0, 2: 2.2, 4: 1.3, 8: 0.8}
BUSY = {1: 4.0, 2: 2.3, 4: 1.5, 8: 90.0}
CROWDED = {1: 4.4, 2: 80.0, 4: 90.0, 8: 95.0}


class Machine:
    """A machine whose speed by threads a test sets."""

    def __init__(self) -> None:
        self.seconds = QUIET
        self.now = 0.0
        self.measured: list[int] = []

    def measure(self, threads: int, _limit: float) -> float:
        self.measured.append(threads)
        return self.seconds[threads]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def count(machine):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield ThreadCount(8, machine.measure, lambda: machine.now)
    torch.set_num_threads(before)


@pytest.mark.parametrize(("seconds", "threads"), [(QUIET, 8), (BUSY, 4), (CROWDED, 1)])
def test_work_gets_as_many_threads_as_are_faster_than_one(count, machine, seconds, threads):
    machine.seconds = seconds
    with count.fitting():
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 1


def test_long_work_is_looked_after(count, machine):
    with count.fitting() as suit:
        measured = len(machine.measured)
        machine.seconds = CROWDED
        suit()
        assert (torch.get_num_threads(), len(machine.measured)) == (8, measured)
        machine.now += VALID_S
        suit()
        assert torch.get_num_threads() == 1
        machine.seconds = QUIET
        machine.now += VALID_S
        suit()
        assert torch.get_num_threads() == 8


def test_one_late_answer_does_not_cost_threads(count, machine):
    answers = iter([4.0, 4.0, 4.0, 90.0])  # alone three times, then something came in between
    count._measure = lambda threads, _: next(answers, machine.seconds[threads])
    with count.fitting():
        assert torch.get_num_threads() == 8


def test_a_measurement_serves_the_next_work_too(count, machine):
    machine.seconds = BUSY
    with count.fitting():
        measured = len(machine.measured)
    with count.fitting():
        assert torch.get_num_threads() == 4
    assert len(machine.measured) == measured


def test_threads_are_as_before_after_an_error(count):
    with pytest.raises(ValueError, match="work failed"), count.fitting():
        raise ValueError("work failed")
    assert torch.get_num_threads() == 1


def test_a_measurement_does_not_wait_for_what_is_hopeless():
    before = torch.get_num_threads()
    assert measure_layers(1, 0.0) > 0
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_an_engine_with_a_number_of_threads_keeps_to_it():
    before = torch.get_num_threads()
    assert tiny_engine(threads=1)._thread_count is None
    torch.set_num_threads(before)
    assert tiny_engine().info.threads == before
