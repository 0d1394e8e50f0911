"""Jobs on several cores: each process has an engine of its own and one thread.

An object is always run by one process, alone and from the start, with one thread, so no figure but
the seconds depends on how many processes there are.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event

from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import DeviceError
from SlicerLIMNet.evaluation.jobs import Job, JobRunner, MethodOpener
from SlicerLIMNet.evaluation.target_result import TargetResult

JobResults = list[tuple[str, TargetResult]]

_BETWEEN_LOOKS_S = 0.2


class _SharedCancel(CancelToken):
    """A wish to stop, made in the process that waits."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self._shared = event

    @property
    def is_cancelled(self) -> bool:
        return self._shared.is_set()


def run_in_processes(
    jobs: Sequence[Job],
    make_methods: Callable[[], MethodOpener],
    processes: int,
    cancel: CancelToken,
) -> Iterator[tuple[Job, JobResults]]:
    """Yield every job with its results, in the order in which they are done.

    Args:
        jobs: What to run.
        make_methods: Called once in every process; it must be picklable.
        processes: How many.
        cancel: A wish to stop; jobs underway are dropped, finished ones have been yielded.

    Raises:
        Cancelled: Somebody asked the work to stop.
        DeviceError: A process ended without a word, as one does that takes too much memory.
        LIMNetError: What a job raised.
    """
    context = multiprocessing.get_context("spawn")  # a copy of a process with threads may hang
    stop = context.Event()
    arguments = (make_methods, stop)
    with ProcessPoolExecutor(processes, context, _begin, arguments) as pool:
        try:
            waiting = {pool.submit(_run, job): job for job in jobs}
            while waiting:
                cancel.raise_if_cancelled()
                done, _ = wait(waiting, _BETWEEN_LOOKS_S, FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), _results(future)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _results(future: Future[JobResults]) -> JobResults:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise DeviceError(
            "a process of the evaluation ended without a word, as happens for want of memory; run "
            "again with --jobs 1: with --results finished targets are kept"
        ) from error


class _Worker:
    """What a process holds between two jobs."""

    runner: JobRunner
    cancel: CancelToken


def _begin(make_methods: Callable[[], MethodOpener], stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the process that waits
    _Worker.runner = JobRunner(make_methods())
    _Worker.cancel = _SharedCancel(stop)


def _run(job: Job) -> JobResults:
    return list(_Worker.runner.run(job, cancel=_Worker.cancel))
