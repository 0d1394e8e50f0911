"""Slices in the views, and hearing of what changes."""

from __future__ import annotations

import numpy as np
import pytest
import vtk

from LIMNetSegmentLib.MaskBox import MaskBox
from SlicerLIMNet.domain.plane import Plane
from Testing.slicer.application import numbers
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

THREE = (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal"))


def middle_voxel(scene, view):
    """The voxel i, j, k in the middle of a view, found without the code under test."""
    world = numbers(view.node.GetSliceToRAS())[:3, 3]
    local = world
    parent = scene.volume.GetParentTransformNode()
    if parent is not None:
        transform = vtk.vtkGeneralTransform()
        parent.GetTransformFromWorld(transform)
        local = transform.TransformPoint(*world)
    return np.linalg.solve(placed(scene.axes), [*local, 1])[:3]


@pytest.fixture(params=range(6))
def scene(request, application, make_editor):
    axes = axis_orders()[request.param]
    made = BridgeScene(application, make_editor(), ijk_to_ras=placed(axes))
    made.axes = axes
    return made


@pytest.mark.parametrize("moved", ["", "linear", "warp"])
def test_the_views_of_a_plane_go_to_its_slice_and_the_others_stay(scene, make_views, moved):
    views = make_views(*THREE, showing=scene.volume)
    if moved == "linear":
        move = matrix4(np.eye(3)[:, [1, 2, 0]] * [1, -1, 1], (5, 6, 7))
        scene.move(scene.application.add_linear_transform(move))
    elif moved == "warp":
        scene.move(add_warp(scene.application))
    for view in views:
        view.jump_to(scene.world_of((9, 7, 5)))
    target = scene.target()
    plane = scene.click(views[0], views[0].to_xy(scene.world_of((9, 7, 5)))).plane
    shown = [middle_voxel(scene, view) for view in views]
    scene.bridge.goToSlice(target, plane, 3)
    assert scene.bridge.currentSlice(target, plane) == 3
    assert middle_voxel(scene, views[0])[2 - plane.axis] == pytest.approx(3, abs=0.1)
    for view, before in zip(views[1:], shown[1:], strict=True):
        assert np.allclose(middle_voxel(scene, view), before)


def test_the_slice_shown_is_that_of_the_view_clicked_last(application, make_editor, make_views):
    scene = BridgeScene(application, make_editor())
    red, other = make_views(("Red", "Axial"), ("Other", "Axial"), showing=scene.volume)
    target = scene.target()
    red.jump_to(scene.world_of((9, 7, 5)))
    other.jump_to(scene.world_of((9, 7, 8)))
    scene.click(other, other.to_xy(scene.world_of((9, 7, 8))))
    assert scene.bridge.currentSlice(target, Plane(0)) == 8
    scene.click(red, red.to_xy(scene.world_of((9, 7, 5))))
    assert scene.bridge.currentSlice(target, Plane(0)) == 5
    red.jump_to(scene.world_of((9, 7, 50)))
    assert scene.bridge.currentSlice(target, Plane(0)) == 8, "red is beyond the volume"
    other.jump_to(scene.world_of((9, 7, -50)))
    assert scene.bridge.currentSlice(target, Plane(0)) is None
    assert scene.bridge.currentSlice(target, Plane(1)) is None, "no view shows it"
    scene.bridge.goToSlice(target, Plane(1), 3)


def test_views_of_the_layout_count_where_there_is_one(application, make_editor, make_views):
    scene = BridgeScene(application, make_editor())
    red, hidden = make_views(("Red", "Axial"), ("Hidden", "Axial"), showing=scene.volume)
    red.node.SetMappedInLayout(1)
    hidden.jump_to(scene.world_of((9, 7, 8)))
    scene.bridge.goToSlice(scene.target(), Plane(0), 2)
    assert middle_of(hidden) == pytest.approx(scene.world_of((9, 7, 8))[2], abs=1e-6)
    assert middle_of(red) == pytest.approx(scene.world_of((9, 7, 2))[2], abs=1e-6)


def middle_of(view):
    return numbers(view.node.GetSliceToRAS())[2, 3]


def test_an_oblique_plane_goes_to_its_slices(application, make_editor, make_views):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    centre = scene.world_of((9, 7, 5))
    view.orient(matrix4(turned(30, 12, 0), centre))
    plane = scene.click(view, view.to_xy(centre)).plane
    target = scene.target()
    here = scene.bridge.currentSlice(target, plane)
    scene.bridge.goToSlice(target, plane, here + 2)
    assert scene.bridge.currentSlice(target, plane) == here + 2
    moved = numbers(view.node.GetSliceToRAS())[:3, 3] - centre
    assert np.linalg.norm(moved) == pytest.approx(2 * plane.spacing_mm[0])


@pytest.fixture
def heard(application, make_editor):
    """A scene whose changes are counted."""
    scene = BridgeScene(application, make_editor())
    scene.told = []
    scene.bridge.observe(lambda: scene.told.append(1))
    scene.bridge.target()
    return scene


def some(scene):
    """Whether anything was heard since the last question."""
    found, scene.told = bool(scene.told), []
    scene.bridge.observe(lambda: scene.told.append(1))
    return found


def test_what_happens_to_segments_selection_and_image_is_heard(heard):
    scene, node = heard, heard.editor.mrmlSegmentEditorNode()
    segments = scene.segmentation.GetSegmentation()
    assert not some(scene)
    mask = np.zeros(SHAPE, bool)
    mask[3:5, 3:5, 3:5] = True
    scene.bridge.write(scene.target(), MaskBox.fromArray(mask), MaskBox.empty(SHAPE))
    assert some(scene)
    scene.editor.undo()
    assert some(scene)
    scene.editor.redo()
    assert some(scene)
    segments.AddEmptySegment("new", "new")
    assert some(scene)
    segments.RemoveSegment("new")
    assert some(scene)
    scene.editor.setCurrentSegmentID(scene.segments[1])
    assert some(scene)
    scene.volume.GetImageData().Modified()
    assert some(scene)
    other = scene.application.add_volume(noise(SHAPE, 1), placed())
    node.SetAndObserveSourceVolumeNode(other)
    assert some(scene)
    scene.bridge.target()
    other.GetImageData().Modified()
    assert some(scene), "the volume selected later is listened to"
    scene.volume.GetImageData().Modified()
    assert not some(scene), "the one from before is not"
    shift = scene.application.add_linear_transform(matrix4(np.eye(3), (1, 0, 0)))
    other.SetAndObserveTransformNodeID(shift.GetID())
    assert some(scene)
    scene.application.close_scene()
    assert some(scene)


def test_after_release_nothing_is_heard_and_no_observer_is_left(heard):
    scene = heard
    scene.bridge.release()
    scene.bridge.release()
    scene.told.clear()
    scene.bridge.target()
    scene.segmentation.GetSegmentation().AddEmptySegment("new", "new")
    scene.volume.GetImageData().Modified()
    assert scene.told == []
    scene.bridge.observe(lambda: scene.told.append(1))
    scene.segmentation.GetSegmentation().AddEmptySegment("newer", "newer")
    assert scene.told
