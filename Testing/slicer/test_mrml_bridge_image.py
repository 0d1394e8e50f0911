"""The image of the scene as the engine's volume: right voxels, right place, copied once."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from SlicerLIMNet.errors import VolumeError
from Testing.slicer.bridge_scene import (
    SHAPE,
    BridgeScene,
    add_warp,
    axis_orders,
    matrix4,
    noise,
    placed,
    turned,
)


def image_of(voxels):
    """A vtkImageData of [k, j, i] or [k, j, i, c]."""
    image = vtk.vtkImageData()
    image.SetDimensions(*voxels.shape[2::-1])
    flat = voxels.reshape(-1) if voxels.ndim == 3 else voxels.reshape(-1, voxels.shape[3])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(flat), deep=True))
    return image


@pytest.fixture
def scene(application, make_editor):
    return BridgeScene(application, make_editor())


@pytest.mark.parametrize("axes", [*axis_orders(), turned(20, 15, 10)], ids=range(7))
def test_voxels_and_positions_are_those_of_the_node(application, make_editor, axes):
    scene = BridgeScene(application, make_editor(), ijk_to_ras=placed(axes))
    volume = scene.bridge.volumeMaker(scene.target())()
    assert (volume.array == scene.voxels).all()
    assert volume.array.dtype == np.int16
    for ijk in ((0, 0, 0), (17, 13, 9), (3, 5, 7)):
        found = volume.geometry.index_zyx_to_ras(ijk[::-1])
        assert np.allclose(found, scene.world_of(ijk), atol=1e-9)


def test_the_volume_carries_name_and_modality(scene):
    scene.volume.SetName("Abdomen")
    volume = scene.bridge.volumeMaker(scene.target())()
    assert (volume.name, volume.modality) == ("Abdomen", None)
    quantity = slicer.vtkCodedEntry()
    quantity.SetValueSchemeMeaning("112031", "DCM", "Attenuation Coefficient")
    scene.volume.SetVoxelValueQuantity(quantity)
    assert scene.bridge.volumeMaker(scene.target())().modality == "CT"


def test_the_modality_of_a_dicom_series_is_known(scene):
    subjects = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene.application.scene)
    item = subjects.GetItemByDataNode(scene.volume) or subjects.CreateItem(
        subjects.GetSceneItemID(), scene.volume
    )
    subjects.SetItemAttribute(item, "DICOM.Modality", "MR")
    assert scene.bridge.volumeMaker(scene.target())().modality == "MR"


def test_colours_stay_colours_and_opacity_is_left_out(scene):
    colours = np.random.default_rng(1).integers(0, 255, (*SHAPE, 4)).astype(np.uint8)
    node = scene.application.scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode")
    node.SetAndObserveImageData(image_of(colours))
    node.CopyOrientation(scene.volume)
    scene.editor.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(node)
    volume = scene.bridge.volumeMaker(scene.target())()
    assert (volume.array == colours[..., :3]).all()


def test_the_copy_is_independent_of_the_scene(scene):
    maker = scene.bridge.volumeMaker(scene.target())
    vtk_to_numpy(scene.volume.GetImageData().GetPointData().GetScalars())[:] = 7
    assert (maker().array == scene.voxels).all()


def test_the_same_image_is_read_once_and_the_editors_own_copy_never(scene, monkeypatch):
    read = []
    module = __import__("LIMNetSegmentLib.SourceImage", fromlist=["voxelsOf"])
    whole = module.voxelsOf
    monkeypatch.setattr(module, "voxelsOf", lambda image: read.append(1) or whole(image))
    maker = scene.bridge.volumeMaker(scene.target())
    volume = maker()
    for _ in range(3):
        assert scene.bridge.volumeMaker(scene.target()).voxels is maker.voxels
    assert np.shares_memory(volume.array, maker.voxels), "the volume copied the copy"
    assert len(read) == 1
    assert scene.effect.calls == []
    scene.volume.GetImageData().Modified()
    scene.bridge.volumeMaker(scene.target())
    assert len(read) == 2


def test_the_key_stays_while_the_scene_is_looked_at_and_saved(scene, make_views, tmp_path):
    target = scene.target()
    for view in make_views(("Red", "Axial"), ("Green", "Coronal"), showing=scene.volume):
        view.render()
        view.wheel((100, 100), 2)
    display = scene.volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(100, 50)
    scene.volume.GetImageData().GetScalarRange()
    scene.volume.SetName("other name")
    scene.effect.sourceVolumeImageData()
    scene.application.save(tmp_path / "scene.mrml")
    scene.application.save(tmp_path / "scene.mrb")
    assert scene.target() == target
    assert hash(scene.target()) == hash(target)
    assert scene.bridge.hasImage(target)


def test_a_transform_that_moves_both_leaves_the_image_as_it_is(scene):
    target = scene.target()
    moved = scene.application.add_linear_transform(matrix4(turned(10, 20, 30), (5, 6, 7)))
    scene.move(moved)
    assert scene.target() == target
    scene.move(add_warp(scene.application))
    assert scene.target() == target
    assert (scene.bridge.volumeMaker(target)().array == scene.voxels).all()


@pytest.mark.parametrize("what", ["voxels", "image", "place", "shift", "geometry", "volume"])
def test_another_image_has_another_key(scene, what):
    target = scene.target()
    if what == "voxels":
        vtk_to_numpy(scene.volume.GetImageData().GetPointData().GetScalars())[5] = 999
        scene.volume.GetImageData().GetPointData().GetScalars().Modified()
        scene.volume.Modified()
    elif what == "image":
        scene.volume.SetAndObserveImageData(image_of(noise(SHAPE, 1)))
    elif what == "place":
        scene.volume.SetOrigin(1, 2, 3)
    elif what == "shift":
        transform = scene.application.add_linear_transform(matrix4(np.eye(3), (1, 0, 0)))
        scene.volume.SetAndObserveTransformNodeID(transform.GetID())
    elif what == "geometry":
        large = scene.application.add_volume(noise((12, 16, 20)), placed())
        scene.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(large)
    else:
        other = scene.application.add_volume(noise(SHAPE, 1), placed())
        scene.editor.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(other)
    assert scene.target() != target
    assert scene.bridge.hasImage(target) == (what == "volume"), "it is there, but not selected"
    assert scene.bridge.hasImage(scene.target())


def test_another_volume_may_be_selected_while_a_click_waits(scene):
    target = scene.target()
    other = scene.application.add_volume(noise(SHAPE, 1), placed())
    scene.editor.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(other)
    assert (scene.bridge.volumeMaker(target)().array == scene.voxels).all()
    scene.application.scene.RemoveNode(scene.volume)
    assert not scene.bridge.hasImage(target)


def test_frames_of_a_sequence_are_never_mixed(application, make_editor):
    frames = [noise(SHAPE, seed) for seed in (0, 1)]
    sequence = application.scene.AddNewNodeByClass("vtkMRMLSequenceNode")
    for number, frame in enumerate(frames):
        node = application.add_volume(frame, placed(), f"frame {number}")
        sequence.SetDataNodeAtValue(node, str(number))
        application.scene.RemoveNode(node)
    browser = application.scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    logic = application.logics["Sequences"]
    logic.UpdateAllProxyNodes()
    proxy = browser.GetProxyNode(sequence)
    scene = BridgeScene(application, make_editor(), reference=proxy)
    scene.editor.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(proxy)
    targets = []
    for number in (0, 1, 0):
        browser.SetSelectedItemNumber(number)
        logic.UpdateAllProxyNodes()
        targets.append(scene.target())
        assert targets[-1].volumeKey.volumeId == proxy.GetID()
        assert (scene.bridge.volumeMaker(targets[-1])().array == frames[number]).all()
    assert targets[0] != targets[1]
    assert targets[1] != targets[2]
    assert not scene.bridge.hasImage(targets[1])


@pytest.mark.parametrize("axes", axis_orders(), ids=range(6))
def test_a_larger_reference_geometry_is_filled_with_the_lowest_value(
    application, make_editor, axes
):
    outer = placed(axes)
    outer[:3, 3] = (placed(axes) @ [-4, -3, -2, 1])[:3]
    large = application.add_volume(noise((15, 20, 26)), outer, "large")
    scene = BridgeScene(application, make_editor(), ijk_to_ras=placed(axes), reference=large)
    volume = scene.bridge.volumeMaker(scene.target())()
    expected = np.full((15, 20, 26), scene.voxels.min(), np.int16)
    expected[2:12, 3:17, 4:22] = scene.voxels
    assert (volume.array == expected).all()


def test_a_reference_geometry_beside_the_volume_sees_nothing_of_it(application, make_editor):
    far = application.add_volume(noise(SHAPE), placed(origin=(500, 0, 0)), "far")
    scene = BridgeScene(application, make_editor(), reference=far)
    maker = scene.bridge.volumeMaker(scene.target())
    with pytest.raises(VolumeError, match="constant"):
        maker()


def test_another_lattice_is_interpolated_as_the_editor_does_it(application, make_editor):
    smooth = np.add.outer(np.arange(10) * 40.0, np.add.outer(np.arange(14) * 7, np.arange(18) * 3))
    matrix = placed(turned(12, -8, 30) @ np.diag([-1, -1, 1]), (0.7, 0.6, 1.6), (12, -7, 45))
    fine = application.add_volume(noise((14, 16, 20)), matrix, "fine")
    scene = BridgeScene(application, make_editor(), smooth, reference=fine)
    shift = application.add_linear_transform(matrix4(turned(3, 2, 1), (1, 2, 3)))
    scene.volume.SetAndObserveTransformNodeID(shift.GetID())
    volume = scene.bridge.volumeMaker(scene.target())()
    aligned = scene.effect.sourceVolumeImageData()
    theirs = vtk_to_numpy(aligned.GetPointData().GetScalars()).reshape(volume.array.shape)
    to_ras = volume.geometry.index_zyx_to_ras(np.indices(theirs.shape).reshape(3, -1).T)
    local = np.linalg.solve(
        matrix4(turned(3, 2, 1), (1, 2, 3)) @ placed(), np.c_[to_ras, np.ones(len(to_ras))].T
    )[:3]
    inside = ((local >= 0) & (local <= np.array(SHAPE[::-1])[:, None] - 1)).all(axis=0)
    assert inside.sum() > 500
    exact = local[2] * 40 + local[1] * 7 + local[0] * 3
    assert np.allclose(volume.array.ravel()[inside], exact[inside], atol=1e-6)
    assert np.allclose(theirs.ravel()[inside], exact[inside], atol=0.1)
    outside = ((local < -0.5) | (local >= np.array(SHAPE[::-1])[:, None] - 0.5)).any(axis=0)
    assert (volume.array.ravel()[outside] == smooth.min()).all()


def test_a_bent_way_to_the_volume_takes_the_editors_aligned_image(application, make_editor):
    smooth = np.add.outer(np.arange(10) * 40.0, np.add.outer(np.arange(14) * 7, np.arange(18) * 3))
    scene = BridgeScene(application, make_editor(), smooth)
    scene.volume.SetAndObserveTransformNodeID(add_warp(application).GetID())
    first = scene.bridge.volumeMaker(scene.target())().array
    assert scene.effect.calls == ["source"]
    assert not np.allclose(first, smooth, atol=5)
    stored = vtk_to_numpy(scene.volume.GetImageData().GetPointData().GetScalars())
    stored += 1000
    scene.volume.GetImageData().Modified()  # the editor does not hear this
    second = scene.bridge.volumeMaker(scene.target())().array
    assert np.median(second - first) == pytest.approx(1000)
    other = application.add_volume(noise(SHAPE), placed())
    target = scene.target()
    scene.editor.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(other)
    assert not scene.bridge.hasImage(target), "only the selected volume can be bent"


def test_an_image_that_cannot_be_segmented_is_told_where_it_is_made(application, make_editor):
    scene = BridgeScene(application, make_editor(), np.zeros(SHAPE, np.int16))
    maker = scene.bridge.volumeMaker(scene.target())
    with pytest.raises(VolumeError, match="constant"):
        maker()


def test_the_window_is_that_of_the_views(scene):
    display = scene.volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(400, 40)
    assert scene.bridge.viewWindow(scene.target()) == (-160, 240)


def test_what_is_missing_is_said(scene):
    bridge, node = scene.bridge, scene.editor.mrmlSegmentEditorNode()
    assert bridge.hindrance() == ""
    scene.segmentation.GetSegmentation().RemoveAllSegments()
    assert bridge.hindrance() == "Add a segment, or select one, first."
    scene.volume.SetAndObserveImageData(None)
    assert "no voxels" in bridge.hindrance()
    node.SetAndObserveSourceVolumeNode(None)
    assert "Load a volume" in bridge.hindrance()
    scene.editor.setSegmentationNode(None)
    assert "segmentation" in bridge.hindrance()
    assert bridge.target() is None
    scene.editor.setMRMLSegmentEditorNode(None)
    assert "segmentation" in bridge.hindrance()
    assert bridge.target() is None
