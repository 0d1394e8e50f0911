"""A user's day with the effect, scripted: first click to a scene that was reopened.

    python -m Testing.slicer.walkthrough [--pictures FOLDER] [--organ liver] [--phantom]

Clicks the organ in the coronal view, propagates, corrects in the axial view, undoes, redoes, saves
the scene, closes and reopens it, and goes on. Clicks are where a user would put them who sees the
truth: the deepest place of the larger error. Prints Dice after every step. The volume is the sample
CT where the variable LIMNET_SAMPLE names its folder, else the phantom.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

if __name__ == "__main__":
    from Testing.slicer.start import start

    start()

import slicer

from SlicerLIMNet.evaluation.demo_input import SAMPLE_VARIABLE, DemoInput, demo_input, phantom_input
from SlicerLIMNet.imaging.error_clicks import next_click
from SlicerLIMNet.metrics import dice
from Testing.slicer import pictures
from Testing.slicer.application import Application, segment_mask
from Testing.slicer.effect_factory import register_effect
from Testing.slicer.faults import FAULTS
from Testing.slicer.segment_editor import qMRMLSegmentEditorWidget
from Testing.slicer.slice_view import SliceView
from Testing.slicer.start import EFFECT
from Testing.slicer.waiting import wait_until

BoolArray = npt.NDArray[np.bool_]
Say = Callable[[str], None]

AXIAL, CORONAL, SAGITTAL = 0, 1, 2  # array axes, [k, j, i], of a volume in patient axes
VIEWS = (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal"))
GOOD_SLICE = 0.93  # Dice at which a user is content with a prompt mask
LARGE, WINDOW_LEVEL = 520, (350.0, 40.0)
PATIENCE_S = 1800.0  # for a round on the CT on a slow machine


@dataclass
class Step:
    """What one step came to."""

    name: str
    """What the user did."""
    dice: float
    """Of the segment with the truth, after it."""


class Walkthrough:
    """The scene, the editor, and a user who knows the truth."""

    def __init__(
        self, source: DemoInput, organ: str, say: Say, pictures_folder: Path | None = None
    ) -> None:
        self.steps: list[Step] = []
        self._truth, self._say, self._folder = source.organs[organ], say, pictures_folder
        self._organ = organ
        self._ijk_to_ras = _ijk_to_ras(source)
        self.application = Application()
        slicer.mrmlScene, slicer.app.application = self.application.scene, self.application
        self.volume = self.application.add_volume(
            source.volume.array, self._ijk_to_ras, "CT", WINDOW_LEVEL
        )
        self.segmentation, (self.segment_id,) = self.application.add_segmentation(
            self.volume, [organ]
        )
        self.views = self._make_views()
        register_effect(EFFECT)
        self.editor = qMRMLSegmentEditorWidget(self.application, self.views.values())
        pictures.dress(self.editor)
        self._open_editor()

    def _make_views(self) -> dict[str, SliceView]:
        small = pictures.small_height(LARGE)
        views = {}
        for name, orientation in VIEWS:
            size = (LARGE, LARGE) if orientation == "Coronal" else (small + 40, small)
            views[orientation] = SliceView(self.application, name, orientation, size)
            views[orientation].show(self.volume)
        return views

    def _open_editor(self) -> None:
        self.editor.enter()
        self.editor.setSegmentationNode(self.segmentation)
        self.editor.setSourceVolumeNode(self.volume)
        self.editor.setCurrentSegmentID(self.segment_id)
        self.editor.setActiveEffectByName("LIMNet")

    # The day

    def run(self, scene_file: Path, corrections: int = 2) -> list[Step]:
        """Do all of it.

        Args:
            scene_file: Where the scene is saved, .mrb or .mrml.
            corrections: Rounds of correction in the axial view before the scene is saved; one
                more follows when it was reopened.

        Returns:
            The steps and their Dice.
        """
        self.click_first()
        self.propagate("propagate")
        for _ in range(corrections):
            self.correct()
            self.propagate("correct in the axial view, propagate")
        self.undo_and_redo()
        self.save_and_reopen(scene_file)
        self.correct()
        self.propagate("go on in the reopened scene")
        return self.steps

    def click_first(self, most_clicks: int = 3) -> None:
        """Click the largest coronal slice until its prompt mask is good."""
        index = int(self._truth.sum(axis=(AXIAL, SAGITTAL)).argmax())
        count = 0
        while count < most_clicks and self._slice_dice(CORONAL, index) < GOOD_SLICE:
            count += int(self._click_error(CORONAL, index))
        self._done(f"clicks in the coronal view: {count}", "first-click", "Coronal")

    def correct(self, most_clicks: int = 2) -> None:
        """Click the axial slice that is wrong in most voxels."""
        wrong = (self._truth != self.mask()).sum(axis=(CORONAL, SAGITTAL))
        index = int(wrong.argmax())
        for _ in range(most_clicks):
            if not self._click_error(AXIAL, index) or self._slice_dice(AXIAL, index) > GOOD_SLICE:
                break
        self._done("clicks in the axial view", f"correction-{len(self.steps)}", "Axial")

    def propagate(self, name: str) -> None:
        """Press Propagate and wait for the end of the round."""
        rounds = self.effect.logic.state.rounds
        self.effect.panel.rounds.propagateButton.click()
        assert self.effect.logic.state.isRoundRunning, self.effect.logic.state.statusText
        if self._folder is not None:
            wait_until(lambda: self._is_half_way() or not self._is_busy(), PATIENCE_S)
            self._picture(f"round-{len(self.steps)}-running")
        self._wait()
        assert self.effect.logic.state.rounds == rounds + 1, self.effect.logic.state.statusText
        self._done(name, f"round-{len(self.steps)}")

    def undo_and_redo(self) -> None:
        """Undo the last round with Slicer's own button, and redo it."""
        after = self.mask()
        self.editor.undo()
        self._wait()
        before = self.mask()
        assert (before != after).any(), "undo changed nothing"
        self._done("undo")
        self.editor.redo()
        self._wait()
        assert np.array_equal(self.mask(), after), "redo did not bring the round back"
        self._done("redo")

    def save_and_reopen(self, scene_file: Path) -> None:
        """Save the scene, close it, open it again and choose the effect."""
        before, clicks = self.mask(), len(self.effect.logic.state.clicks)
        self.application.save(scene_file)
        self.application.close_scene()
        assert self.editor.segmentationNode() is None
        self.application.load(scene_file)
        self.volume = self.application.node("vtkMRMLScalarVolumeNode", "CT")
        self.segmentation = self.application.node("vtkMRMLSegmentationNode")
        self._open_editor()
        for view in self.views.values():
            view.show(self.volume)
        self._wait()
        assert np.array_equal(self.mask(), before), "the scene came back with another mask"
        assert len(self.effect.logic.state.clicks) == clicks, "clicks were lost with the scene"
        self._done("save the scene, close it, open it again", "reopened")

    # What the user sees and does

    @property
    def effect(self) -> Any:
        """The effect's Python object."""
        return self.editor.effectByName("LIMNet").self()

    def mask(self) -> BoolArray:
        """The segment: [k, j, i]."""
        return segment_mask(self.segmentation, self.segment_id, self.volume)

    def _click_error(self, axis: int, index: int) -> bool:
        """Click the deepest error of a slice; return whether there was one."""
        truth, mask = (np.take(voxels, index, axis) for voxels in (self._truth, self.mask()))
        click = next_click(truth, mask)
        if click is None:
            return False
        kji = [int(click.row), int(click.column)]
        kji.insert(axis, index)
        ras = (self._ijk_to_ras @ [*kji[::-1], 1.0])[:3]
        for view in self.views.values():
            view.scroll_to(ras)
        view = self.views[("Axial", "Coronal", "Sagittal")[axis]]
        view.click(view.to_xy(ras), ctrl=not click.positive)
        self._wait()
        assert not self.effect.logic.state.isError, self.effect.logic.state.statusText
        return True

    def _slice_dice(self, axis: int, index: int) -> float:
        return dice(np.take(self._truth, index, axis), np.take(self.mask(), index, axis))

    def _is_busy(self) -> bool:
        return bool(self.effect.logic.state.isBusy)

    def _is_half_way(self) -> bool:
        state = self.effect.logic.state
        return state.total > 0 and 2 * state.done >= state.total

    def _wait(self) -> None:
        wait_until(lambda: not self._is_busy(), PATIENCE_S)
        exceptions = FAULTS.take()
        assert not exceptions, exceptions[0]

    def _done(self, name: str, picture: str | None = None, large: str | None = None) -> None:
        self.steps.append(Step(name, dice(self._truth, self.mask())))
        self._say(f"{self.steps[-1].dice:.3f}  {name}")
        if picture is not None:
            self._picture(picture, large)

    def _picture(self, name: str, large: str | None = None) -> None:
        if self._folder is None:
            return
        if large is not None:
            self._enlarge(large)
        views = sorted(self.views.values(), key=lambda view: -view.window.GetSize()[1])
        pictures.window_picture(self.editor, views, self._folder / f"{self._organ}-{name}.png")

    def _enlarge(self, orientation: str) -> None:
        small = pictures.small_height(LARGE)
        for name, view in self.views.items():
            view.resize((LARGE, LARGE) if name == orientation else (small + 40, small))

    def close(self) -> None:
        """Delete editor, views and scene."""
        pictures.undress(self.editor)
        self.editor.close_editor()
        for view in self.views.values():
            view.close()
        self.application.close()
        slicer.mrmlScene, slicer.app.application = None, None


@contextmanager
def walkthrough(
    source: DemoInput, organ: str, say: Say, pictures_folder: Path | None = None
) -> Iterator[Walkthrough]:
    """A walk-through that is closed at its end."""
    day = Walkthrough(source, organ, say, pictures_folder)
    try:
        yield day
    finally:
        day.close()


def _ijk_to_ras(source: DemoInput) -> npt.NDArray[np.float64]:
    """Return the (4, 4) matrix of a volume of the engine's."""
    corners = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]])  # z, y, x
    origin, x, y, z = source.volume.geometry.index_zyx_to_ras(corners)
    made = np.eye(4)
    made[:3] = np.stack([x - origin, y - origin, z - origin, origin], axis=1)
    return made


def main() -> None:
    """Take the day from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="folder for pictures of every step")
    parser.add_argument("--organ", default="liver", help="default: %(default)s")
    parser.add_argument("--phantom", action="store_true", help="take the phantom in any case")
    arguments = parser.parse_args()
    say = lambda text: sys.stdout.write(text + "\n")  # noqa: E731
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    has_sample = bool(os.environ.get(SAMPLE_VARIABLE)) and not arguments.phantom
    source = demo_input(say) if has_sample else phantom_input()
    say(f"{source.name}, {arguments.organ}\nDice")
    FAULTS.start()
    with (
        tempfile.TemporaryDirectory() as folder,
        walkthrough(source, arguments.organ, say, arguments.pictures) as day,
    ):
        day.run(Path(folder) / "scene.mrb")


if __name__ == "__main__":
    main()
