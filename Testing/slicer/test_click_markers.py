"""Clicks as markers: in their place, on their slice, in their colour, and gone without a trace."""

from __future__ import annotations

import numpy as np
import pytest

from LIMNetSegmentLib.ClickMarkers import NEGATIVE, POSITIVE
from LIMNetSegmentLib.SessionFacts import Marker
from SlicerLIMNet.domain.plane import Plane
from Testing.slicer.bridge_scene import (
    SHAPE,
    BridgeScene,
    add_warp,
    count_of_nodes,
    matrix4,
    overlay_nodes,
    turned,
)
from Testing.slicer.slice_widget import SliceWidget

FIRST, SECOND, ELSEWHERE = (9, 7, 5), (4, 4, 5), (12, 9, 2)
THREE = (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal"))


@pytest.fixture
def scene(application, make_editor):
    flat = np.zeros(SHAPE, np.int16)
    flat[0, 0, 0] = 1
    return BridgeScene(application, make_editor(), flat)


def marker(scene, number, ijk, positive):
    """A marker at a voxel, in the frame of the segmentation."""
    ras = scene.target().volumeKey.grid.rasOf(ijk[::-1])
    return Marker(number, tuple(ras.tolist()), positive)


def show(scene, *markers):
    scene.bridge.showMarkers(scene.target(), Plane(0), markers)


def colour_at(view, ijk, scene):
    """The colour of a view at a voxel, which the view must not be moved to."""
    x, y = view.to_xy(scene.world_of(ijk))
    return view.pixels()[::-1][y, x] / 255


def is_like(colour, wanted):
    return bool(np.abs(colour - wanted).max() < 0.2)


@pytest.mark.parametrize("moved", ["", "linear", "warp"])
def test_markers_are_green_and_red_on_their_slice_in_all_views_of_it(scene, make_views, moved):
    red, other = make_views(("Red", "Axial"), ("Other", "Axial"), showing=scene.volume)
    if moved == "linear":
        move = matrix4(np.eye(3)[:, [1, 0, 2]], (5, 6, 7))
        scene.move(scene.application.add_linear_transform(move))
    elif moved == "warp":
        scene.move(add_warp(scene.application))
    show(scene, marker(scene, 0, FIRST, True), marker(scene, 1, SECOND, False))
    for view in (red, other):
        view.jump_to(scene.world_of(FIRST))
        assert is_like(colour_at(view, FIRST, scene), POSITIVE)
        view.jump_to(scene.world_of(SECOND))
        assert is_like(colour_at(view, SECOND, scene), NEGATIVE)
        view.jump_to(scene.world_of((*FIRST[:2], FIRST[2] + 1)))
        assert not is_like(colour_at(view, FIRST, scene), POSITIVE)


def test_markers_are_rebuilt_from_the_list(scene, make_views):
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    view.jump_to(scene.world_of(FIRST))
    show(scene, marker(scene, 0, FIRST, True))
    show(scene, marker(scene, 0, FIRST, False), marker(scene, 1, SECOND, True))
    assert is_like(colour_at(view, FIRST, scene), NEGATIVE)
    assert is_like(colour_at(view, SECOND, scene), POSITIVE)
    show(scene, marker(scene, 1, SECOND, True))
    assert not is_like(colour_at(view, FIRST, scene), NEGATIVE)
    assert is_like(colour_at(view, SECOND, scene), POSITIVE)


def test_the_same_list_again_changes_nothing(scene):
    markers = [marker(scene, 0, FIRST, True)]
    show(scene, *markers)
    node = scene.application.node("vtkMRMLMarkupsFiducialNode")
    before = node.GetMTime()
    show(scene, *markers)
    assert scene.application.node("vtkMRMLMarkupsFiducialNode") is node
    assert node.GetMTime() == before


def test_users_neither_see_move_nor_save_the_markers(scene, tmp_path):
    show(scene, marker(scene, 0, FIRST, True))
    node = scene.application.node("vtkMRMLMarkupsFiducialNode")
    assert node.GetHideFromEditors()
    assert node.GetLocked()
    assert not node.GetSaveWithScene()
    assert not node.GetDisplayNode().GetSliceProjection()
    assert not node.GetDisplayNode().GetVisibility3D()
    scene.application.save(tmp_path / "scene.mrml")
    assert "LIMNet clicks" not in (tmp_path / "scene.mrml").read_text("utf-8")


def test_the_users_own_points_stay_the_ones_that_are_placed_into(scene):
    selection = scene.application.logic.GetSelectionNode()
    own = scene.application.scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "mine")
    selection.SetActivePlaceNodeID(own.GetID())
    selection.SetActivePlaceNodeClassName("vtkMRMLMarkupsLineNode")
    for markers in ([marker(scene, 0, FIRST, True)], []):
        show(scene, *markers)
        assert selection.GetActivePlaceNodeID() == own.GetID()
        assert selection.GetActivePlaceNodeClassName() == "vtkMRMLMarkupsLineNode"


def test_a_marker_is_picked_near_its_place_on_its_slice(scene, make_views):
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    scene.move(scene.application.add_linear_transform(matrix4(turned(0, 0, 20), (3, 2, 1))))
    show(scene, marker(scene, 4, FIRST, True), marker(scene, 7, SECOND, False))
    view.jump_to(scene.world_of(FIRST))

    def picked(xy):
        return scene.bridge.markerAt(SliceWidget(view), xy)

    x, y = view.to_xy(scene.world_of(FIRST))
    assert picked((x, y)) == 4
    assert picked((x + 6, y - 6)) == 4
    assert picked((x + 12, y)) is None
    assert picked(view.to_xy(scene.world_of(SECOND))) == 7
    view.jump_to(scene.world_of(ELSEWHERE))
    assert picked(view.to_xy(scene.world_of(FIRST))) is None
    show(scene)
    assert picked((x, y)) is None


def test_of_two_near_markers_the_nearer_one_is_picked(scene, make_views):
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    near = (FIRST[0] + 0.3, FIRST[1], FIRST[2])
    show(scene, marker(scene, 0, FIRST, True), marker(scene, 1, near, True))
    view.jump_to(scene.world_of(FIRST))
    for number, ijk in ((0, (8.9, 7, 5)), (1, (9.5, 7, 5))):
        xy = view.to_xy(scene.world_of(ijk))
        assert scene.bridge.markerAt(SliceWidget(view), xy) == number


def test_nothing_is_left_of_the_markers(scene):
    before = count_of_nodes(scene.application)
    show(scene, marker(scene, 0, FIRST, True))
    assert overlay_nodes(scene.application) == ["LIMNet clicks"]
    show(scene)
    assert count_of_nodes(scene.application) == before
    show(scene, marker(scene, 0, FIRST, True))
    scene.bridge.release()
    assert count_of_nodes(scene.application) == before


def test_markers_survive_a_scene_that_was_closed(scene):
    show(scene, marker(scene, 0, FIRST, True))
    scene.application.close_scene()
    assert overlay_nodes(scene.application) == []
    scene.bridge.release()
    again = BridgeScene(scene.application, scene.editor)
    show(again, marker(again, 0, FIRST, True))
    assert overlay_nodes(scene.application) == ["LIMNet clicks"]
    again.bridge.release()
