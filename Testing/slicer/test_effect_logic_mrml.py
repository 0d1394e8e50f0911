"""The logic over real MRML: undo, masking, overwriting, scenes that are saved and closed."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from LIMNetSegmentLib.SessionStorage import TAG, storedSession
from SlicerLIMNet.session.parts import EngineInfo
from Testing.slicer.effect_factory import register_effect
from Testing.slicer.effect_scene import EffectScene, HeldNetworks, use_networks
from Testing.slicer.segment_editor import qMRMLSegmentEditorWidget
from Testing.slicer.start import EFFECT
from Testing.slicer.waiting import wait_until
from Testing.tiny_engine import tiny_engine

IN_FIRST, IN_SECOND = (12, 16, 12), (12, 16, 34)
Editor, Segmentation = slicer.vtkMRMLSegmentEditorNode, slicer.vtkMRMLSegmentationNode


@pytest.fixture
def networks():
    held = HeldNetworks()
    held.may_go_on.set()
    yield held
    held.may_go_on.set()


@pytest.fixture
def scene(application, make_views, make_editor, networks, monkeypatch):
    register_effect(EFFECT)
    use_networks(monkeypatch, networks)
    return EffectScene(application, make_views, make_editor)


def paint(scene, where, segment: int = 0, value: bool = True) -> None:
    """Edit a segment by hand, as another effect does: with an undo state of its own."""
    from Testing.slicer.application import ijk_to_ras, oriented_image

    part = np.zeros(scene.labels.shape, bool)
    part[where] = True
    effect = scene.effect.scriptedEffect
    effect.saveStateForUndo()
    labelmap = oriented_image(part, ijk_to_ras(scene.volume))
    mode = 1 if value else 2
    effect.modifySegmentByLabelmap(scene.segmentation, scene.segments[segment], labelmap, mode)


def voxels_of(scene) -> np.ndarray:
    return slicer.util.arrayFromVolume(scene.volume).copy()


def locked(scene) -> list[int]:
    return [cell.sliceIndex for cell in scene.logic.state.cells if cell.isLocked]


def tag(scene, segment: int = 0) -> str:
    import vtk

    text = vtk.mutable("")
    found = scene.segmentation.GetSegmentation().GetSegment(scene.segments[segment])
    return str(text) if found.GetTag(TAG, text) else ""


def begin_round(scene, networks) -> None:
    """Let a round stand in its middle."""
    networks.may_go_on.clear()
    scene.logic.propagate()
    wait_until(networks.has_begun.is_set)


# Undo, redo, edits


def test_a_lock_is_an_undo_state_although_no_voxel_changes(scene):
    scene.click(IN_FIRST)
    scene.propagate()
    before = scene.mask()
    scene.logic.toggleLock(9)
    scene.wait()
    assert locked(scene) == [9]
    scene.editor.undo()
    scene.wait()
    assert locked(scene) == []
    assert np.array_equal(scene.mask(), before)
    assert scene.logic.state.rounds == 1
    scene.editor.redo()
    scene.wait()
    assert locked(scene) == [9]


def test_the_tag_follows_undo_and_with_it_the_session(scene):
    states = [tag(scene)]
    for act in (lambda: scene.click(IN_FIRST), scene.propagate):
        act()
        states.append(tag(scene))
    assert len(set(states)) == 3
    for text, clicks in ((states[1], 1), (states[0], 0)):
        scene.editor.undo()
        scene.wait()
        assert tag(scene) == text
        assert len(scene.logic.state.clicks) == clicks


def test_paint_and_its_undo(scene):
    scene.click(IN_FIRST)
    scene.propagate()
    paint(scene, np.s_[20, 2:6, 2:6])
    scene.editor.undo()
    scene.click((13, 16, 12))
    assert locked(scene) == []
    paint(scene, np.s_[20, 2:6, 2:6])
    scene.click((14, 16, 12))
    assert locked(scene) == [20]
    assert scene.mask()[20, 3, 3]
    scene.propagate()
    assert scene.mask()[20, 3, 3]
    scene.editor.undo()
    scene.editor.undo()
    scene.editor.undo()
    scene.wait()
    assert locked(scene) == []
    assert not scene.mask()[20].any()
    assert len(scene.logic.state.clicks) == 2


def test_fifty_actions_can_be_undone(scene):
    for number in range(12):
        scene.click((8 + number % 9, 16, 12))
    for _ in range(12):
        scene.editor.undo()
    scene.wait()
    assert not scene.mask().any()
    assert scene.logic.state.clicks == ()


def test_what_changes_nothing_leaves_no_undo_state(scene):
    scene.click(IN_FIRST)
    scene.logic.lockSlices([3], True)
    scene.wait()
    scene.logic.lockSlices([3], True)  # is locked already
    scene.logic.removeClick(7)  # there is none
    scene.logic.goBack()
    scene.wait()
    scene.editor.undo()
    scene.wait()
    assert locked(scene) == []
    assert len(scene.logic.state.clicks) == 1


# Masking and neighbours


@pytest.fixture
def neighbour(scene):
    """The second segment touches and overlaps the first block."""
    paint(scene, np.s_[6:18, 8:26, 16:24], segment=1)
    return scene.mask(1)


def test_a_neighbour_loses_voxels_only_where_overwriting_is_on(scene, neighbour):
    scene.editor.mrmlSegmentEditorNode().SetOverwriteMode(Editor.OverwriteNone)
    scene.click(IN_FIRST)
    scene.propagate()
    assert np.array_equal(scene.mask(1), neighbour)
    assert np.array_equal(scene.mask(0), scene.truth())


def test_with_overwriting_the_neighbour_gives_way(scene, neighbour):
    scene.editor.mrmlSegmentEditorNode().SetOverwriteMode(Editor.OverwriteAllSegments)
    scene.click(IN_FIRST)
    scene.propagate()
    block = scene.truth()
    assert np.array_equal(scene.mask(0), block)
    assert np.array_equal(scene.mask(1), neighbour & ~block)


def test_outside_other_segments_nothing_of_them_is_touched_and_no_slice_is_locked(scene, neighbour):
    node = scene.editor.mrmlSegmentEditorNode()
    node.SetMaskMode(Segmentation.EditAllowedOutsideAllSegments)
    scene.click(IN_FIRST)
    assert "masking" in scene.logic.state.statusText
    scene.propagate()
    assert np.array_equal(scene.mask(1), neighbour)
    assert np.array_equal(scene.mask(0), scene.truth() & ~neighbour)
    scene.click((14, 16, 12))
    assert locked(scene) == []


def test_an_intensity_range_is_respected(scene):
    node = scene.editor.mrmlSegmentEditorNode()
    node.SourceVolumeIntensityMaskOn()
    node.SetSourceVolumeIntensityMaskRange(0, 100)
    scene.click(IN_FIRST)
    assert not scene.mask().any()
    assert len(scene.logic.state.clicks) == 1
    node.SourceVolumeIntensityMaskOff()
    scene.click((13, 16, 12))
    assert scene.mask()[13].any()


# Scenes


def test_a_hidden_segmentation_is_not_written_without_asking(scene, dialogs):
    scene.segmentation.GetDisplayNode().SetVisibility(False)
    dialogs.will_be_answered(False)
    scene.click(IN_FIRST)
    assert not scene.mask().any()
    assert scene.logic.state.clicks == ()
    dialogs.will_be_answered(True)
    scene.click(IN_FIRST)
    scene.click(IN_FIRST)
    assert scene.mask().any()


@pytest.mark.parametrize("suffix", [".mrb", ".mrml"])
def test_a_scene_is_saved_and_loaded_and_work_goes_on(scene, tmp_path, suffix):
    scene.click(IN_FIRST)
    scene.propagate()
    scene.click((10, 16, 12), ctrl=True)
    scene.logic.toggleLock(7)
    scene.wait()
    seen, mask = scene.logic.state, scene.mask()
    application, editor = scene.application, scene.editor
    application.save(tmp_path / f"scene{suffix}")
    application.close_scene()
    application.load(tmp_path / f"scene{suffix}")
    scene.volume = application.node("vtkMRMLScalarVolumeNode")
    scene.segmentation = application.node("vtkMRMLSegmentationNode")
    segments = scene.segmentation.GetSegmentation()
    scene.segments = [segments.GetNthSegmentID(number) for number in range(2)]
    reopen(scene, editor)
    scene.wait()
    state = scene.logic.state
    assert [(c.sliceIndex, c.row, c.column, c.positive, c.roundNumber) for c in state.clicks] == [
        (c.sliceIndex, c.row, c.column, c.positive, c.roundNumber) for c in seen.clicks
    ]
    assert state.rounds == 1
    assert [(c.origin, c.roundNumber, c.isLocked) for c in state.cells] == [
        (c.origin, c.roundNumber, c.isLocked) for c in seen.cells
    ]
    assert np.array_equal(scene.mask(), mask)
    scene.propagate()
    assert scene.logic.state.rounds == 2
    scene.editor.undo()
    scene.wait()
    assert np.array_equal(scene.mask(), mask)
    assert scene.logic.state.rounds == 1


def reopen(scene, editor: qMRMLSegmentEditorWidget) -> None:
    """Select what was loaded, as Slicer's module does when it is entered."""
    node = scene.application.node("vtkMRMLSegmentEditorNode")
    if node is not None:
        editor.setMRMLSegmentEditorNode(node)
    editor.setSegmentationNode(scene.segmentation)
    editor.setSourceVolumeNode(scene.volume)
    editor.setCurrentSegmentID(scene.segments[0])
    for view in scene.views:
        view.show(scene.volume)
    editor.setActiveEffectByName("LIMNet")


def test_a_segment_deleted_in_a_round_is_not_made_again(scene, networks):
    scene.click(IN_FIRST)
    begin_round(scene, networks)
    scene.segmentation.GetSegmentation().RemoveSegment(scene.segments[0])
    networks.may_go_on.set()
    wait_until(lambda: not scene.logic.state.isBusy)
    segments = scene.segmentation.GetSegmentation()
    assert [segments.GetNthSegmentID(n) for n in range(segments.GetNumberOfSegments())] == [
        scene.segments[1]
    ]
    assert not scene.mask(1).any()


def test_a_cancelled_round_can_be_kept_and_undone(scene, networks):
    scene.click(IN_FIRST)
    before = scene.mask()
    begin_round(scene, networks)
    scene.logic.cancel()
    networks.may_go_on.set()
    scene.wait()
    assert scene.logic.state.isAskingPartial
    assert np.array_equal(scene.mask(), before)
    scene.logic.keepPartial()
    assert scene.mask().sum() > before.sum()
    scene.editor.undo()
    scene.wait()
    assert np.array_equal(scene.mask(), before)
    assert scene.logic.state.canPropagate


def test_another_volume_has_another_session_and_the_first_is_not_lost(scene, application):
    scene.click(IN_FIRST)
    scene.propagate()
    moved = np.roll(voxels_of(scene), 1, axis=2)
    other = application.add_volume(moved, np.diag([-1.0, -1.5, 2.5, 1]), "Other")
    scene.editor.setSourceVolumeNode(other)
    scene.logic.refresh()
    scene.wait()
    assert scene.logic.state.clicks == ()
    scene.editor.setSourceVolumeNode(scene.volume)
    scene.logic.refresh()
    scene.wait()
    assert [row.sliceIndex for row in scene.logic.state.clicks] == [12]
    assert scene.logic.state.rounds == 1


def test_another_frame_of_a_sequence_is_not_mixed_with_the_one_before(scene):
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    scene.click(IN_FIRST)
    frame = vtk.vtkImageData()
    frame.SetDimensions(*scene.labels.shape[::-1])
    moved = np.ascontiguousarray(np.roll(voxels_of(scene), 2, axis=2)).ravel()
    frame.GetPointData().SetScalars(numpy_to_vtk(moved, deep=True))
    scene.volume.SetAndObserveImageData(frame)
    scene.logic.refresh()
    scene.wait()
    assert scene.logic.state.clicks == ()
    assert "new session" in scene.logic.state.statusText
    scene.click((13, 16, 12))
    assert [row.sliceIndex for row in scene.logic.state.clicks] == [13]


def test_the_real_engine_answers_a_click_and_a_round(
    application, make_views, make_editor, monkeypatch
):
    register_effect(EFFECT)
    use_networks(monkeypatch, tiny_engine())
    scene = EffectScene(application, make_views, make_editor)
    scene.click(IN_FIRST)
    assert not scene.logic.state.isError, scene.logic.state.statusText
    assert scene.mask()[12].any()
    scene.propagate()
    assert not scene.logic.state.isError, scene.logic.state.statusText
    assert scene.logic.state.rounds == 1
    assert scene.mask()[[9, 15]].any(axis=(1, 2)).all()
    stored = storedSession(tag(scene))
    assert stored is not None
    header = stored.journal[0]
    assert set(EngineInfo.__dataclass_fields__) <= set(header)
