"""How quick the effect is to the hand: click to visible mask, and how long the window hangs.

    python -m Testing.slicer.bench [--size SLICES PIXELS]...

Everything runs as in Slicer, on real MRML and real views, with the shipped weights on the CPU. The
volumes are made: a tube a third of a slice wide. "Blocked" is the longest time that the effect kept
the main thread in one event or one turn of the event loop: its waits for the worker, in which that
thread is idle, are taken off, and so is drawing the views, which Slicer does by itself. Processor
time stands beside it: on a busy machine the time on the clock is longer, and says less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

if __name__ == "__main__":
    from Testing.slicer.start import start

    start()

import numpy as np
import slicer

from SlicerLIMNet.bench.cases import BenchSize, made_clicks, made_volume
from Testing.slicer.application import Application
from Testing.slicer.effect_factory import register_effect
from Testing.slicer.faults import FAULTS
from Testing.slicer.python_qt import let_qt_work
from Testing.slicer.segment_editor import qMRMLSegmentEditorWidget
from Testing.slicer.slice_view import SliceView
from Testing.slicer.start import EFFECT

SIZES = ((112, 122), (300, 512))  # that of the sample CT, and that of a large CT
REPEATS = 5
VIEWS = (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal"))
VIEW_PIXELS = (400, 400)


@dataclass
class Stalls:
    """How long the main thread was not to be had, piece by piece."""

    seconds: list[float] = field(default_factory=list)
    """On the clock, without waiting for the worker."""
    processor_seconds: list[float] = field(default_factory=list)
    """Of the main thread's processor time."""
    longest_delay: float = 0.0
    """By which a wait for the worker ended late, as the worker held Python's lock."""

    def measure(self, work: Callable[[], Any]) -> None:
        """Do a piece of work of the main thread."""
        began, used, waited = time.perf_counter(), time.thread_time(), _WAITS.seconds
        _WAITS.longest_delay = 0.0
        work()
        self.processor_seconds.append(time.thread_time() - used)
        self.seconds.append(time.perf_counter() - began - (_WAITS.seconds - waited))
        self.longest_delay = max(self.longest_delay, _WAITS.longest_delay)

    def __str__(self) -> str:
        wall, used = (1000 * max(s, default=0) for s in (self.seconds, self.processor_seconds))
        return (
            f"{wall:6.0f} ms  ({used:.0f} ms of processor time; "
            f"a wait ended {1000 * self.longest_delay:.0f} ms late)"
        )


class Waits:
    """Counts how long the main thread has waited for the worker."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.longest_delay = 0.0

    def count(self, mailbox: Any) -> None:
        """Count the waits of a class of mailboxes from now on."""
        wait = mailbox.wait

        def counted(box: Any, seconds: float) -> bool:
            began = time.perf_counter()
            try:
                return bool(wait(box, seconds))
            finally:
                took = time.perf_counter() - began
                self.seconds += took
                self.longest_delay = max(self.longest_delay, took - seconds)

        mailbox.wait = counted


_WAITS = Waits()


@dataclass
class Figures:
    """What was measured on one volume."""

    size: BenchSize
    start_s: float
    start: Stalls
    first_click_s: float
    click_s: float
    clicks: Stalls
    round_s: float
    round_slices: int
    round: Stalls
    drawing: Stalls

    @property
    def _drawing_ms(self) -> float:
        return 1000 * statistics.median(self.drawing.seconds)

    def lines(self) -> list[str]:
        """Return them for people."""
        name = f"{self.size.pixels} x {self.size.pixels} x {self.size.slices}"
        return [
            f"{name} voxels",
            f"  effect chosen to ready   {self.start_s:6.3f} s",
            f"  blocked by the choice    {self.start}",
            f"  click to visible mask    {self.click_s:6.3f} s   (the first of all "
            f"{self.first_click_s:.3f} s)",
            f"  blocked by a click       {self.clicks}",
            f"  round                    {self.round_s:6.1f} s   for {self.round_slices} slices",
            f"  blocked in a round       {self.round}",
            f"  drawing a view           {self._drawing_ms:6.0f} ms  (not of the effect)",
        ]


class Desk:
    """An editor on a made volume."""

    def __init__(self, size: BenchSize) -> None:
        self.size = size
        self.application = Application()
        slicer.mrmlScene, slicer.app.application = self.application.scene, self.application
        voxels = np.rint(made_volume(size).array).astype(np.int16)
        self.volume = self.application.add_volume(voxels, name="CT")
        self.segmentation, (segment_id,) = self.application.add_segmentation(self.volume)
        views = [SliceView(self.application, *view, VIEW_PIXELS) for view in VIEWS]
        for view in views:
            view.show(self.volume)
        self.view, self._others = views[0], views[1:]
        register_effect(EFFECT)
        self.editor = qMRMLSegmentEditorWidget(self.application, views)
        self.editor.enter()
        self.editor.setSegmentationNode(self.segmentation)
        self.editor.setSourceVolumeNode(self.volume)
        self.editor.setCurrentSegmentID(segment_id)
        self.drawing = Stalls()

    @property
    def effect(self) -> Any:
        """The effect's Python object."""
        return self.editor.effectByName("LIMNet").self()

    def choose_effect(self) -> tuple[float, Stalls]:
        """Choose the effect; return seconds until it was ready for a click, and the stalls."""
        stalls, began = Stalls(), time.perf_counter()
        stalls.measure(lambda: self.editor.setActiveEffectByName("LIMNet"))
        self._work(stalls)
        return time.perf_counter() - began, stalls

    def click(self, stalls: Stalls, offset: int = 0) -> float:
        """Click into the tube; return seconds until its mask was drawn."""
        target = made_clicks(self.size)[0]
        row, column = int(target.row), int(target.column)
        ras = (-column, -row, target.slice_index + offset)  # LPS axes of 1 mm
        self.view.scroll_to(ras)
        self.view.render()
        began = time.perf_counter()
        stalls.measure(lambda: self.view.click(self.view.to_xy(ras)))
        self._work(stalls)
        self.drawing.measure(self.view.render)
        seconds = time.perf_counter() - began
        state = self.effect.logic.state
        assert not state.isError, state.statusText
        assert state.clicks, "the click was not taken"
        return seconds

    def propagate(self) -> tuple[float, Stalls]:
        """Run a round; return its seconds, and the stalls."""
        stalls, began = Stalls(), time.perf_counter()
        stalls.measure(self.effect.panel.rounds.propagateButton.click)
        self._work(stalls)
        state = self.effect.logic.state
        assert state.rounds == 1, state.statusText
        return time.perf_counter() - began, stalls

    def undo(self) -> None:
        """Take the last action back."""
        self.editor.undo()
        self._work(Stalls())

    def _work(self, stalls: Stalls) -> None:
        while self.effect.logic.state.isBusy:
            stalls.measure(let_qt_work)
        stalls.measure(let_qt_work)

    def close(self) -> None:
        """Let go of everything."""
        self.editor.close_editor()
        for view in (self.view, *self._others):
            view.close()
        self.application.close()
        slicer.mrmlScene, slicer.app.application = None, None


@contextmanager
def desk(size: BenchSize) -> Iterator[Desk]:
    """A desk that is closed at its end."""
    made = Desk(size)
    try:
        yield made
    finally:
        made.close()


def measure(size: BenchSize, repeats: int = REPEATS) -> Figures:
    """Measure clicks and a round on a volume of a size."""
    with desk(size) as user:
        start_s, start = user.choose_effect()
        stalls, seconds = Stalls(), []
        for offset in range(repeats + 1):
            seconds.append(user.click(stalls, offset))
            user.undo()
        user.click(stalls)
        round_s, round_stalls = user.propagate()
        return Figures(
            size,
            start_s,
            start,
            seconds[0],
            statistics.median(seconds[1:]),
            stalls,
            round_s,
            len([cell for cell in user.effect.logic.state.cells if not cell.isEmpty]),
            round_stalls,
            user.drawing,
        )


def _count_waits() -> None:
    from LIMNetSegmentLib.InferenceWorker import Mailbox

    _WAITS.count(Mailbox)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--size",
        nargs=2,
        type=int,
        action="append",
        metavar=("SLICES", "PIXELS"),
        help="of a volume; may be given several times",
    )
    arguments = parser.parse_args()
    FAULTS.start()
    _count_waits()
    sys.stdout.write(f"The effect in Slicer's stand-in, {os.cpu_count()} CPU cores\n")
    for slices, pixels in arguments.size or SIZES:
        figures = measure(BenchSize(slices, pixels))
        sys.stdout.write("\n".join(figures.lines()) + "\n")
    faults = FAULTS.take()
    if faults:
        sys.exit(faults[0])


if __name__ == "__main__":
    main()
