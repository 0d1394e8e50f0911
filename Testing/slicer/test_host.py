"""The stand-in for the application does what Slicer does, as far as effects can see."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from Testing.slicer.application import Application, ijk_to_ras, segment_mask
from Testing.slicer.effect_factory import register_effect
from Testing.slicer.gil_loop import run_holding_gil
from Testing.slicer.python_qt import grab
from Testing.slicer.waiting import wait_until

EFFECT = Path(__file__).parent / "ClickEffectLib" / "SegmentEditorEffect.py"


@pytest.fixture
def blocks() -> np.ndarray:
    """Two blocks of different grey in 24 x 40 x 48 voxels."""
    voxels = np.zeros((24, 40, 48), np.int16)
    voxels[8:16, 10:24, 6:20] = 300
    voxels[8:16, 10:24, 28:42] = 150
    return voxels


@pytest.fixture
def scene(application, make_views, make_editor, blocks):
    """A volume, a segmentation, three views and an editor with the small effect."""

    class Scene:
        volume = application.add_volume(blocks, np.diag([-1.0, -1.5, 2.5, 1]))
        segmentation, (first, second) = application.add_segmentation(volume, ["first", "second"])

    register_effect(EFFECT)
    Scene.views = make_views(
        ("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal"), showing=Scene.volume
    )
    Scene.editor = make_editor(
        Scene.views, Scene.segmentation, Scene.volume, Scene.first, effect="Click"
    )
    Scene.effect = Scene.editor.activeEffect().self()
    return Scene


def click_at(scene, view, kji):
    ras = (ijk_to_ras(scene.volume) @ [kji[2], kji[1], kji[0], 1.0])[:3]
    view.click(view.aim(ras))


@pytest.mark.parametrize("view", [0, 1, 2])
def test_a_click_in_every_view_reaches_the_voxel(scene, blocks, view):
    click_at(scene, scene.views[view], (12, 15, 10))
    wait_until(lambda: scene.effect.job is None)
    written = segment_mask(scene.segmentation, scene.first, scene.volume)
    assert np.array_equal(written, blocks == 300)
    assert scene.effect.status.text == "Done"


def test_undo_and_redo_are_the_editor_s(scene):
    click_at(scene, scene.views[0], (12, 15, 10))
    wait_until(lambda: scene.effect.job is None)
    scene.editor.undo()
    assert not segment_mask(scene.segmentation, scene.first, scene.volume).any()
    scene.editor.redo()
    assert segment_mask(scene.segmentation, scene.first, scene.volume).any()


def test_calls_come_in_slicer_s_order(scene):
    calls = scene.effect.calls
    assert calls[:2] == ["setupOptionsFrame", "setMRMLDefaults"]
    assert {"sourceVolumeNodeChanged", "referenceGeometryChanged"} <= set(calls)
    assert calls[-2:] == ["updateGUIFromMRML", "activate"]
    scene.editor.setActiveEffectByName("")
    assert calls[-1] == "deactivate"


def test_parameters_go_both_ways(scene):
    scene.effect.tolerance.value = 3.0
    node = scene.editor.mrmlSegmentEditorNode()
    assert node.GetAttribute("Click.Tolerance") == "3"
    scene.effect.scriptedEffect.setParameter("Tolerance", "7")
    assert scene.effect.tolerance.value == 7.0
    with pytest.raises(TypeError, match="overloads"):
        scene.effect.scriptedEffect.setParameter("Tolerance", True)


def test_a_taken_event_ends_with_the_effect(scene):
    seen = []
    interactor = scene.views[0].interactor
    tag = interactor.AddObserver("AnyEvent", lambda caller, event: seen.append(event), 0.5)
    scene.views[0].click((150, 150), shift=True)
    scene.views[0].click((150, 150))
    scene.views[0].wheel((150, 150))
    scene.views[0].key("p")
    wait_until(lambda: scene.effect.job is None)
    interactor.RemoveObserver(tag)
    assert seen.count("LeftButtonPressEvent") == 1  # the one with shift
    assert {"MouseWheelForwardEvent", "KeyPressEvent", "KeyReleaseEvent"} <= set(seen)
    assert int(vtk.vtkCommand.KeyPressEvent) in scene.effect.events


def test_an_exception_in_an_event_is_a_fault_and_counts_as_not_handled(scene, faults):
    scene.effect.processInteractionEvents = lambda *_: 1 / 0
    scene.views[0].press((150, 150))
    assert "ZeroDivisionError" in faults.take()[0]
    scene.effect.processInteractionEvents = lambda *_: np.bool_(True)
    scene.views[0].press((150, 150))
    assert "only True or False" in faults.take()[0]


def test_exceptions_in_slots_and_observers_are_faults(scene, faults):
    scene.effect.tolerance.connect("valueChanged(double)", lambda value: 1 / 0)
    scene.effect.tolerance.value = 5.0
    assert "ZeroDivisionError" in faults.take()[0]
    scene.volume.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: [][0])
    scene.volume.Modified()
    assert "IndexError" in faults.take()[0]
    scene.effect.scriptedEffect.integerParameter("Unknown")
    assert "not defined" in faults.take_vtk_errors()[0]


def test_questions_are_answered_beforehand_and_others_are_faults(scene, dialogs, faults):
    scene.segmentation.GetDisplayNode().SetSegmentVisibility(scene.first, False)
    dialogs.will_be_answered(True)
    assert scene.effect.scriptedEffect.confirmCurrentSegmentVisible() == 2
    assert not slicer.util.confirmOkCancelDisplay("Really?")
    assert "Really?" in faults.take()[0]
    slicer.util.errorDisplay("It failed.")
    assert dialogs.texts("error") == ["It failed."]


def test_every_editor_has_its_own_clone(scene, make_editor):
    other = make_editor(scene.views)
    assert other.effectByName("Click").self() is not scene.effect
    other.close_editor()
    assert "cleanup" not in scene.effect.calls


@pytest.mark.parametrize("name", ["scene.mrb", "scene.mrml"])
def test_a_saved_scene_opens_with_its_segments_and_parameters(scene, application, tmp_path, name):
    click_at(scene, scene.views[0], (12, 15, 10))
    wait_until(lambda: scene.effect.job is None)
    scene.effect.tolerance.value = 3.0
    before = segment_mask(scene.segmentation, scene.first, scene.volume)
    application.save(tmp_path / name)
    application.close_scene()
    assert scene.editor.segmentationNode() is None
    assert scene.effect.calls.count("deactivate") == 1
    application.load(tmp_path / name)
    segmentation, volume = scene.editor.segmentationNode(), scene.editor.sourceVolumeNode()
    assert np.array_equal(segment_mask(segmentation, scene.first, volume), before)
    assert scene.editor.mrmlSegmentEditorNode().GetAttribute("Click.Tolerance") == "3"


def test_a_scene_opens_in_a_fresh_application(scene, application, tmp_path):
    application.save(tmp_path / "scene.mrb")
    other = Application()
    other.load(tmp_path / "scene.mrb")
    assert other.node("vtkMRMLScalarVolumeNode", "Volume") is not None
    other.close()


def test_another_layout_is_told_and_routed(scene, make_views):
    (purple,) = make_views(("Purple", "Coronal"), showing=scene.volume)
    scene.editor.set_views([purple])
    assert "layoutChanged" in scene.effect.calls
    click_at(scene, purple, (12, 15, 10))
    wait_until(lambda: scene.effect.job is None)
    assert segment_mask(scene.segmentation, scene.first, scene.volume).any()


def test_a_new_frame_in_the_same_node_is_told(scene):
    before = scene.effect.calls.count("sourceVolumeNodeChanged")
    image = vtk.vtkImageData()
    image.DeepCopy(scene.volume.GetImageData())
    scene.volume.SetAndObserveImageData(image)
    assert scene.effect.calls.count("sourceVolumeNodeChanged") > before


def test_segments_are_blended_with_the_image(scene):
    scene.views[0].jump_to((ijk_to_ras(scene.volume) @ [24, 20, 12, 1.0])[:3])
    plain = scene.views[0].pixels()
    click_at(scene, scene.views[0], (12, 15, 10))
    wait_until(lambda: scene.effect.job is None)
    scene.views[0].jump_to((ijk_to_ras(scene.volume) @ [24, 20, 12, 1.0])[:3])
    painted = scene.views[0].pixels()
    changed = (plain != painted).any(axis=2)
    assert plain.std() > 20
    assert 0.02 < changed.mean() < 0.5
    assert plain[changed].std() < 60  # the block is one grey, and not black
    assert painted[changed].mean(axis=0)[0] > painted[changed].mean(axis=0)[2]


def test_the_panel_can_be_photographed(scene, tmp_path):
    picture = grab(scene.editor, tmp_path / "panel.png")
    assert (tmp_path / "panel.png").stat().st_size > 1000
    assert picture.width() > 100


def test_a_callback_that_waits_feeds_the_worker_in_a_loop_that_keeps_the_lock(scene):
    click_at(scene, scene.views[0], (12, 15, 10))
    job = scene.effect.job
    turns = run_holding_gil(scene.effect.poll, lambda: job[0].is_set())
    assert turns < 100
    wait_until(lambda: scene.effect.job is None)


@pytest.mark.parametrize(("callback", "starves"), [(lambda: time.sleep(0.03), False), (int, True)])
def test_a_worker_starves_where_the_callback_does_not_wait(callback, starves):
    steps = []

    def work() -> None:
        for step in range(40):
            steps.append(step)
            time.sleep(0)  # asks for the lock again, as every call into torch does

    worker = threading.Thread(target=work)
    worker.start()
    turns = run_holding_gil(callback, lambda: not worker.is_alive())
    assert len(steps) == 40
    assert (turns > 20) == starves
