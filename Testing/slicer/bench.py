"""How quick the effect is to the hand: click to visible mask, and how long the window hangs.

    python -m Testing.slicer.bench [--size SLICES PIXELS]...

Everything runs as in Slicer, on real MRML and real views, with the shipped weights on the CPU. The
volumes are made: a tube a third of a slice wide. "Blocked" is the longest time that one event or
one turn of the event loop took, drawing of the views included where nothing else is said.
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
VIEW_PIXELS = (400, 400)


@dataclass
class Stalls:
    """How long the main thread was not to be had, piece by piece."""

    seconds: list[float] = field(default_factory=list)

    def measure(self, work: Callable[[], Any]) -> None:
        """Do a piece of work of the main thread."""
        began = time.perf_counter()
        work()
        self.seconds.append(time.perf_counter() - began)

    @property
    def longest_ms(self) -> float:
        """The longest piece."""
        return 1000 * max(self.seconds, default=0.0)


@dataclass
class Figures:
    """What was measured on one volume."""

    size: BenchSize
    first_click_s: float
    click_s: float
    click_blocked_ms: float
    round_s: float
    round_slices: int
    round_blocked_ms: float
    drawing_ms: float

    def lines(self) -> list[str]:
        """Return them for people."""
        name = f"{self.size.pixels} x {self.size.pixels} x {self.size.slices}"
        return [
            f"{name} voxels",
            f"  click to visible mask    {self.click_s:6.3f} s  (the first of all "
            f"{self.first_click_s:.3f} s, with the engine loaded)",
            f"  blocked by a click       {self.click_blocked_ms:6.0f} ms",
            f"  round                    {self.round_s:6.1f} s  for {self.round_slices} slices",
            f"  blocked in a round       {self.round_blocked_ms:6.0f} ms",
            f"  drawing one view alone   {self.drawing_ms:6.0f} ms",
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
        self.view = SliceView(self.application, "Red", "Axial", VIEW_PIXELS)
        self.view.show(self.volume)
        register_effect(EFFECT)
        self.editor = qMRMLSegmentEditorWidget(self.application, [self.view])
        self.editor.enter()
        self.editor.setSegmentationNode(self.segmentation)
        self.editor.setSourceVolumeNode(self.volume)
        self.editor.setCurrentSegmentID(segment_id)
        self.editor.setActiveEffectByName("LIMNet")

    @property
    def effect(self) -> Any:
        """The effect's Python object."""
        return self.editor.effectByName("LIMNet").self()

    def start_engine(self) -> None:
        """Load the networks, as after the first click of a day."""
        self.effect.logic.startEngine()
        self._work(Stalls())

    def click(self, offset: int = 0) -> tuple[float, Stalls]:
        """Click into the tube; return seconds until its mask was drawn, and the stalls."""
        target = made_clicks(self.size)[0]
        row, column = int(target.row), int(target.column)
        ras = (-column, -row, target.slice_index + offset)  # LPS axes of 1 mm
        self.view.scroll_to(ras)
        self.view.render()
        stalls, began = Stalls(), time.perf_counter()
        stalls.measure(lambda: self.view.click(self.view.to_xy(ras)))
        self._work(stalls)
        stalls.measure(self.view.render)
        seconds = time.perf_counter() - began
        state = self.effect.logic.state
        assert not state.isError, state.statusText
        assert state.clicks, "the click was not taken"
        return seconds, stalls

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
        self.view.close()
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
        user.start_engine()
        first, _ = user.click()
        user.undo()
        clicks = []
        for offset in range(1, repeats + 1):
            clicks.append(user.click(offset))
            user.undo()
        user.click()
        drawing = Stalls()
        drawing.measure(user.view.render)
        seconds, stalls = user.propagate()
        return Figures(
            size,
            first,
            statistics.median(found for found, _ in clicks),
            max(found.longest_ms for _, found in clicks),
            seconds,
            len([cell for cell in user.effect.logic.state.cells if not cell.isEmpty]),
            stalls.longest_ms,
            drawing.longest_ms,
        )


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
    sys.stdout.write(f"The effect in Slicer's stand-in, {os.cpu_count()} CPU cores\n")
    for slices, pixels in arguments.size or SIZES:
        figures = measure(BenchSize(slices, pixels))
        sys.stdout.write("\n".join(figures.lines()) + "\n")
    faults = FAULTS.take()
    if faults:
        sys.exit(faults[0])


if __name__ == "__main__":
    main()
