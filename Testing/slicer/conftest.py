"""A stand-in for the Slicer application: real MRML and editor logic, PySide6 as PythonQt.

    def test_a_click_is_written(application, make_views, make_editor, faults):
        volume = application.add_volume(voxels_kji, ijk_to_ras)
        segmentation, (liver, other) = application.add_segmentation(volume, ["liver", "other"])
        register_effect(EFFECT_FILE)  # effect_factory.register_effect; the shipped file, unmodified
        red, green = make_views(("Red", "Axial"), ("Green", "Coronal"), showing=volume)
        editor = make_editor([red, green], segmentation, volume, liver, effect="LIMNet")
        effect = editor.activeEffect().self()  # our Python object
        red.click(red.aim(ras), ctrl=True)  # real VTK events
        wait_until(lambda: not effect.busy)  # waiting.wait_until serves Qt's timers meanwhile
        assert segment_mask(segmentation, liver, volume).any()  # of application; [k, j, i]
        editor.undo()
        green.png(path)
        grab(editor, path)  # python_qt.grab

- `application.Application`: add_volume, add_segmentation, add_linear_transform, save and load
  (.mrb, .mrml), close_scene, node; `.scene`, also as `slicer.mrmlScene`.
- `slice_view.SliceView`: click, press, move, drag, wheel, key, enter, leave; aim, to_xy, to_ras,
  orient, show, pixels, png.
- `segment_editor.qMRMLSegmentEditorWidget`: setActiveEffectByName, setSegmentationNode,
  setSourceVolumeNode, setCurrentSegmentID, undo, redo, set_views, exit, close_editor.
- `dialogs`: `dialogs.will_be_answered(True)`; `dialogs.texts("error")`.
- `faults`: what Slicer would only print; a test that leaves any fails. Expected ones:
  `faults.take()`, `faults.take_vtk_errors()`.
- `gil_loop.run_holding_gil(callback, done)`: Slicer's event loop, which keeps the GIL.
- Fake engines: `Testing.doubles.FakeNetworks`, `Testing.tiny_engine.tiny_engine`.

The system's libraries (OpenGL, Qt's) come from `make test`, see `system_libraries.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from Testing.slicer import start

start.start()

import slicer

from Testing.slicer.application import Application
from Testing.slicer.dialogs import DIALOGS, Dialogs
from Testing.slicer.effect_factory import qSlicerSegmentEditorEffectFactory
from Testing.slicer.faults import FAULTS, Faults
from Testing.slicer.python_qt import let_qt_work
from Testing.slicer.segment_editor import qMRMLSegmentEditorWidget
from Testing.slicer.slice_view import SliceView

ViewMaker = Callable[..., Any]
EditorMaker = Callable[..., qMRMLSegmentEditorWidget]


@pytest.fixture(autouse=True)
def faults() -> Iterator[Faults]:
    """What nobody caught; the test fails where something is left."""
    FAULTS.start()
    yield FAULTS
    let_qt_work()
    FAULTS.stop()
    exceptions, errors = FAULTS.take(), FAULTS.take_vtk_errors()
    assert not exceptions, "exceptions that Slicer would only print:\n" + "\n".join(exceptions)
    assert not errors, "errors that Slicer would only log:\n" + "\n".join(errors)


@pytest.fixture(autouse=True)
def dialogs() -> Iterator[Dialogs]:
    """Questions and messages to the user."""
    DIALOGS.clear()
    yield DIALOGS
    assert not DIALOGS.answers, "not everything that the test answers was asked"


@pytest.fixture
def application(faults: Faults) -> Iterator[Application]:
    """An empty scene with Slicer's logics; also `slicer.mrmlScene` and `slicer.app`."""
    made = Application()
    slicer.mrmlScene, slicer.app.application = made.scene, made
    registered = dict(qSlicerSegmentEditorEffectFactory.registered)
    yield made
    qSlicerSegmentEditorEffectFactory.registered.clear()
    qSlicerSegmentEditorEffectFactory.registered.update(registered)
    slicer.app.testing = False
    slicer.app.started.clear()
    made.close()
    slicer.mrmlScene, slicer.app.application = None, None


@pytest.fixture
def make_views(application: Application) -> Iterator[ViewMaker]:
    """Make slice views: pairs of name and orientation, `showing` a volume."""
    made: list[SliceView] = []

    def make(*named: tuple[str, str], showing: Any = None, size: Any = (300, 300)) -> list[Any]:
        views = [SliceView(application, name, orientation, size) for name, orientation in named]
        made.extend(views)
        for view in views:
            view.show(showing)
        return views

    yield make
    for view in made:
        view.close()


@pytest.fixture
def make_editor(application: Application, make_views: ViewMaker) -> Iterator[EditorMaker]:
    """Make a segment editor on views; the rest may come later."""
    made: list[qMRMLSegmentEditorWidget] = []

    def make(
        views: Any = (),
        segmentation: Any = None,
        volume: Any = None,
        segment_id: str | None = None,
        effect: str | None = None,
    ) -> qMRMLSegmentEditorWidget:
        editor = qMRMLSegmentEditorWidget(application, views)
        made.append(editor)
        editor.enter()
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(volume)
        if segment_id is not None:
            editor.setCurrentSegmentID(segment_id)
        if effect is not None:
            editor.setActiveEffectByName(effect)
            assert editor.activeEffect() is not None, f"there is no effect {effect}"
        return editor

    yield make
    for editor in made:
        editor.close_editor()
