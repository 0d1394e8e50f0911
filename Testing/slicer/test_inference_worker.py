"""The worker's thread: one for all, it outlives errors, and lets itself be waited for."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from LIMNetSegmentLib.InferenceWorker import (
    Done,
    Failed,
    InferenceWorker,
    Mailbox,
    Progress,
)
from SlicerLIMNet.errors import ClickError


@dataclass(eq=False)
class Work:
    """A job that does what a test gives it."""

    do: Any

    def run(self, desk, tell):
        return self.do(desk, tell)


@dataclass
class Desk:
    """What the thread owns; it remembers on which threads it was used."""

    threads: list[int] = field(default_factory=list)
    isClosed: bool = False

    def close(self) -> None:
        self.isClosed = True


@pytest.fixture
def desks():
    return []


@pytest.fixture
def worker(desks):
    def make_desk():
        desks.append(Desk())
        return desks[-1]

    made = InferenceWorker(make_desk)
    yield made
    assert made.shutdown()


def reports(mailbox: Mailbox, count: int) -> list[Any]:
    """So many reports, however long they take."""
    found: list[Any] = []
    for _ in range(1000):
        mailbox.wait(1.0)
        found += mailbox.take()
        if len(found) >= count:
            return found
    raise AssertionError("the worker says nothing")


def test_jobs_are_done_in_order_on_one_thread_that_is_not_ours(worker, desks):
    mailbox = Mailbox()
    jobs = [Work(lambda desk, tell: desk.threads.append(threading.get_ident())) for _ in range(5)]
    for job in jobs:
        worker.post(job, mailbox)
    assert [report.job for report in reports(mailbox, 5)] == jobs
    assert len(desks) == 1
    assert len(set(desks[0].threads)) == 1
    assert desks[0].threads[0] != threading.get_ident()


def test_there_is_no_thread_before_the_first_job(worker):
    assert not worker.isAlive


def test_progress_comes_before_the_end(worker):
    def work(desk, tell):
        for number in range(3):
            tell(number)
        return "end"

    mailbox = Mailbox()
    job = Work(work)
    worker.post(job, mailbox)
    assert reports(mailbox, 4) == [
        *(Progress(job, number) for number in range(3)),
        Done(job, "end"),
    ]


def test_an_error_for_users_is_one_sentence_and_the_thread_lives_on(worker):
    def refuse(desk, tell):
        raise ClickError("the click lies outside; click on the image")

    mailbox = Mailbox()
    worker.post(Work(refuse), mailbox)
    worker.post(Work(lambda desk, tell: 7), mailbox)
    failed, done = reports(mailbox, 2)
    assert failed.message == "The click lies outside; click on the image."
    assert done.value == 7


def test_a_bug_is_told_and_logged_and_the_thread_lives_on(worker, caplog):
    mailbox = Mailbox()
    worker.post(Work(lambda desk, tell: 1 / 0), mailbox)
    worker.post(Work(lambda desk, tell: 7), mailbox)
    failed, done = reports(mailbox, 2)
    assert isinstance(failed, Failed)
    assert "ZeroDivisionError" in failed.message
    assert "Traceback" in caplog.text
    assert done.value == 7


def test_even_an_exit_inside_a_job_leaves_the_thread_alive(worker):
    mailbox = Mailbox()
    worker.post(Work(lambda desk, tell: sys.exit(3)), mailbox)
    worker.post(Work(lambda desk, tell: 7), mailbox)
    assert reports(mailbox, 2)[1].value == 7


def test_what_is_not_installed_is_told_as_such(worker):
    def need(desk, tell):
        raise ModuleNotFoundError("No module named 'torch'")

    mailbox = Mailbox()
    worker.post(Work(need), mailbox)
    assert "No module named 'torch'" in reports(mailbox, 1)[0].message
    assert "install" in reports_message(worker, need)


def reports_message(worker, do) -> str:
    mailbox = Mailbox()
    worker.post(Work(do), mailbox)
    return reports(mailbox, 1)[0].message


def test_a_desk_that_cannot_be_made_fails_the_job_and_is_tried_again():
    attempts = []

    def make_desk():
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("no room")
        return Desk()

    worker = InferenceWorker(make_desk)
    mailbox = Mailbox()
    for _ in range(2):
        worker.post(Work(lambda desk, tell: "fine"), mailbox)
    first, second = reports(mailbox, 2)
    assert "no room" in first.message
    assert second.value == "fine"
    assert worker.shutdown()


def test_two_panels_have_letters_of_their_own(worker):
    here, there = Mailbox(), Mailbox()
    worker.post(Work(lambda desk, tell: 1), here)
    worker.post(Work(lambda desk, tell: 2), there)
    assert reports(here, 1)[0].value == 1
    assert reports(there, 1)[0].value == 2
    assert not here.wait(0)


def test_letters_that_are_not_taken_stay_and_are_waited_for_no_more():
    mailbox = Mailbox()
    job = Work(None)
    for number in range(5):
        mailbox.put(Progress(job, number))
    assert [report.value for report in mailbox.take(3)] == [0, 1, 2]
    assert mailbox.wait(0)
    assert [report.value for report in mailbox.take(3)] == [3, 4]
    assert not mailbox.wait(0)


def test_shutdown_ends_the_thread_and_closes_what_it_owns(worker, desks):
    mailbox = Mailbox()
    worker.post(Work(lambda desk, tell: None), mailbox)
    reports(mailbox, 1)
    assert worker.shutdown()
    assert not worker.isAlive
    assert desks[0].isClosed
    assert not [thread for thread in threading.enumerate() if thread.name == "LIMNet"]


def test_shutdown_drops_what_waits_and_finishes_what_is_under_way(worker):
    begun, may_end, done = threading.Event(), threading.Event(), []

    def wait(desk, tell):
        begun.set()
        may_end.wait(60)
        done.append("first")

    mailbox = Mailbox()
    worker.post(Work(wait), mailbox)
    worker.post(Work(lambda desk, tell: done.append("second")), mailbox)
    assert begun.wait(60)
    threading.Timer(0.05, may_end.set).start()
    assert worker.shutdown()
    assert done == ["first"]


def test_the_shared_worker_ends_with_its_last_user():
    first, second = InferenceWorker.shared(Desk), InferenceWorker.shared(Desk)
    assert first is second
    mailbox = Mailbox()
    first.post(Work(lambda desk, tell: None), mailbox)
    reports(mailbox, 1)
    assert first.release()
    assert second.isAlive
    assert second.release()
    assert not second.isAlive
    third = InferenceWorker.shared(Desk)
    assert third is not first
    assert third.release()


def test_an_idle_thread_keeps_no_job_alive(worker):
    import weakref

    mailbox = Mailbox()
    job = Work(lambda desk, tell: None)
    worker.post(job, mailbox)
    reports(mailbox, 1)
    worker.post(Work(lambda desk, tell: None), mailbox)
    reports(mailbox, 1)
    kept = weakref.ref(job)
    del job
    assert kept() is None


def test_a_loop_that_holds_pythons_lock_does_not_starve_the_worker(worker):
    """Slicer's event loop: it keeps the lock, and only our wait gives it up.

    The job gives the lock up very often, as torch does. Where the loop only asks for results, each
    time costs one turn of the loop; while it waits, they cost none.
    """
    times = 400

    def often(desk, tell):
        for _ in range(times):
            time.sleep(0)
        return "end"

    qt_work = ctypes.PyDLL(None).usleep  # PyDLL keeps the lock
    mailbox, turns, found = Mailbox(), 0, []
    worker.post(Work(often), mailbox)
    while not found and turns < times:
        qt_work(2000)
        mailbox.wait(0.03)
        found = mailbox.take()
        turns += 1
    assert found
    assert turns < times / 8
