"""Masks over the views: where they belong, in every view, without touching any segment."""

from __future__ import annotations

import numpy as np
import pytest

from LIMNetSegmentLib.MaskBox import MaskBox
from LIMNetSegmentLib.SessionFacts import Marker
from LIMNetSegmentLib.SlicePreview import COMING, GAINED, LOST
from SlicerLIMNet.domain.plane import Plane
from Testing.slicer.bridge_scene import (
    SHAPE,
    BridgeScene,
    add_warp,
    count_of_nodes,
    matrix4,
    overlay_nodes,
    placed,
    turned,
)

THREE = (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal"))
INSIDE, OUTSIDE, CENTRE = (6, 5, 5), (13, 10, 5), (9, 7, 5)


@pytest.fixture
def scene(application, make_editor):
    flat = np.zeros(SHAPE, np.int16)
    flat[0, 0, 0] = 1
    return BridgeScene(application, make_editor(), flat)


def colour_at(view, ijk, scene):
    """The colour of a view at a voxel; 0 is the black image without an overlay."""
    x, y = view.to_xy(scene.world_of(ijk))
    return view.pixels()[::-1][y, x] / 255


def is_filled(colour, wanted):
    """Whether a colour is a translucent fill of another over black, whatever its opacity."""
    strength = colour @ np.array(wanted) / np.dot(wanted, wanted)
    return bool(strength > 0.15 and np.abs(colour - strength * np.array(wanted)).max() < 0.06)


def is_dark(colour):
    return bool(colour.max() < 0.05)


def block(axis):
    """A mask of a slice of an axis that holds INSIDE and not OUTSIDE."""
    mask = np.zeros(SHAPE, bool)
    mask[:, 3:8, 3:9] = True
    mask = np.moveaxis(mask, axis, 0)[0 if axis == 0 else 5]
    if axis != 0:
        mask[:3], mask[8:] = False, False
    return mask


def preview(scene, plane, index, mask):
    scene.bridge.showPreview(scene.target(), plane, index, mask)


@pytest.mark.parametrize("moved", ["", "linear", "warp"])
def test_a_slice_shows_in_its_own_views_and_those_that_cut_it(scene, make_views, moved):
    views = make_views(*THREE, showing=scene.volume)
    if moved == "linear":
        move = matrix4(np.eye(3)[:, [1, 0, 2]], (5, 6, 7))
        scene.move(scene.application.add_linear_transform(move))
    elif moved == "warp":
        scene.move(add_warp(scene.application))
    preview(scene, Plane(0), 5, block(0))
    for view in views:
        view.jump_to(scene.world_of(INSIDE))
        assert is_filled(colour_at(view, INSIDE, scene), COMING), view.name
        view.jump_to(scene.world_of(OUTSIDE))
        assert is_dark(colour_at(view, OUTSIDE, scene)), view.name
    views[0].jump_to(scene.world_of((*INSIDE[:2], 6)))
    assert is_dark(colour_at(views[0], (*INSIDE[:2], 6), scene))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_come_one_by_one_and_those_from_before_stay(scene, make_views, axis):
    (view,) = make_views((THREE[axis]), showing=scene.volume)
    for index in (5, 6, 4):
        preview(scene, Plane(axis), index, block(axis))
    for index, is_there in ((3, False), (4, True), (5, True), (6, True), (7, False)):
        ijk = list(INSIDE)
        ijk[2 - axis] = index
        view.jump_to(scene.world_of(ijk))
        shown = colour_at(view, ijk, scene)
        assert is_filled(shown, COMING) if is_there else is_dark(shown), index


def test_a_slice_that_comes_again_replaces_the_one_from_before(scene, make_views):
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    view.jump_to(scene.world_of(CENTRE))
    preview(scene, Plane(0), 5, block(0))
    preview(scene, Plane(0), 5, block(0)[::-1, ::-1])
    assert is_dark(colour_at(view, (3.5, 4, 5), scene))
    assert is_filled(colour_at(view, OUTSIDE, scene), COMING)
    preview(scene, Plane(0), 5, np.zeros(SHAPE[1:], bool))
    assert is_dark(colour_at(view, OUTSIDE, scene))


def test_an_empty_slice_shows_nothing_and_does_no_harm(scene, make_views):
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    preview(scene, Plane(0), 5, np.zeros(SHAPE[1:], bool))
    view.jump_to(scene.world_of(CENTRE))
    assert is_dark(colour_at(view, CENTRE, scene))
    preview(scene, Plane(0), 5, block(0))
    assert is_filled(colour_at(view, INSIDE, scene), COMING)


def test_a_slice_of_an_oblique_plane_lies_in_it(scene, make_views):
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    centre = scene.world_of(CENTRE)
    view.orient(matrix4(turned(30, 12, 0), centre))
    place = scene.click(view, view.to_xy(centre))
    index, row, column = np.round(
        place.plane.geometry.lps_to_index_zyx(place.click.point_lps)
    ).astype(int)
    mask = np.zeros(place.plane.shape[1:], bool)
    mask[row - 3 : row + 4, column - 3 : column + 4] = True
    preview(scene, place.plane, index, mask)
    x, y = view.to_xy(centre)
    pixels = view.pixels()[::-1] / 255
    assert is_filled(pixels[y, x], COMING)
    step = scene.world_of((9, 7, 5)) - scene.world_of((3, 7, 5))
    x, y = view.to_xy(centre + np.linalg.norm(step) * turned(30, 12, 0)[:, 0])
    assert is_dark(pixels[y, x])
    view.node.SetSliceOffset(view.node.GetSliceOffset() + 2 * place.plane.spacing_mm[0])
    assert is_dark((view.pixels()[::-1] / 255)[150, 150])


def test_the_segment_is_not_touched_and_no_undo_state_is_saved(scene):
    before = scene.segmentation.GetMTime(), scene.segmentation.GetSegmentation().GetMTime()
    preview(scene, Plane(0), 5, block(0))
    scene.bridge.clearPreview()
    now = scene.segmentation.GetMTime(), scene.segmentation.GetSegmentation().GetMTime()
    assert now == before
    assert scene.effect.calls == []
    assert scene.bridge.mask(scene.target()).isEmpty


def test_the_label_map_is_as_small_as_what_is_shown(application, make_editor):
    large = np.zeros((60, 200, 200), np.int16)
    large[0, 0, 0] = 1
    scene = BridgeScene(application, make_editor(), large)
    mask = np.zeros((200, 200), bool)
    for index in range(30, 34):
        mask[100:110, 90:110] = True
        preview(scene, Plane(0), index, mask)
    node = application.node("vtkMRMLSegmentationNode", "LIMNet preview")
    extent = node.GetBinaryLabelmapInternalRepresentation("coming").GetExtent()
    voxels = np.prod(np.diff(np.reshape(extent, (3, 2)), axis=1) + 1)
    assert voxels <= (10 + 32) * (20 + 32) * (4 + 2 * 16)


def test_what_changed_is_shown_in_two_colours(scene, make_views):
    views = make_views(*THREE, showing=scene.volume)
    gained, lost = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    gained[3:8, 3:8, 3:9] = True
    lost[3:8, 8:13, 10:16] = True
    preview(scene, Plane(0), 2, block(0))
    scene.bridge.showChange(scene.target(), MaskBox.fromArray(gained), MaskBox.fromArray(lost))
    for view in views:
        view.jump_to(scene.world_of(INSIDE))
        assert is_filled(colour_at(view, INSIDE, scene), GAINED)
        view.jump_to(scene.world_of(OUTSIDE))
        assert is_filled(colour_at(view, OUTSIDE, scene), LOST)
    views[0].jump_to(scene.world_of((*INSIDE[:2], 2)))
    assert is_dark(colour_at(views[0], (*INSIDE[:2], 2), scene)), "the round's masks are gone"


def test_no_change_shows_nothing(scene):
    nothing = MaskBox.empty(SHAPE)
    scene.bridge.showChange(scene.target(), nothing, nothing)
    node = scene.application.node("vtkMRMLSegmentationNode", "LIMNet preview")
    assert node is None or node.GetSegmentation().GetNumberOfSegments() == 0


def test_markers_are_drawn_over_the_masks(scene, make_views):
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    view.jump_to(scene.world_of(INSIDE))
    ras = tuple(scene.target().volumeKey.grid.rasOf(INSIDE[::-1]).tolist())
    scene.bridge.showMarkers(scene.target(), Plane(0), [Marker(0, ras, False)])
    before = colour_at(view, INSIDE, scene)
    preview(scene, Plane(0), 5, block(0))
    assert np.allclose(colour_at(view, INSIDE, scene), before, atol=0.03)


def test_users_neither_see_nor_save_the_overlay(scene, tmp_path):
    preview(scene, Plane(0), 5, block(0))
    node = scene.application.node("vtkMRMLSegmentationNode", "LIMNet preview")
    assert node.GetHideFromEditors()
    assert not node.GetSaveWithScene()
    scene.application.save(tmp_path / "scene.mrml")
    assert "LIMNet preview" not in (tmp_path / "scene.mrml").read_text("utf-8")


def test_nothing_is_left_of_the_overlay(scene, make_views):
    views = make_views(*THREE, showing=scene.volume)
    before = count_of_nodes(scene.application)
    props = [view.renderer.GetViewProps().GetNumberOfItems() for view in views]
    preview(scene, Plane(0), 5, block(0))
    assert overlay_nodes(scene.application) == ["LIMNet preview"]
    scene.bridge.clearPreview()
    scene.bridge.clearPreview()
    assert count_of_nodes(scene.application) == before
    for view in views:
        view.jump_to(scene.world_of(INSIDE))
        assert is_dark(colour_at(view, INSIDE, scene))
    assert [view.renderer.GetViewProps().GetNumberOfItems() for view in views] == props


def test_the_overlay_survives_a_scene_that_was_closed(scene):
    preview(scene, Plane(0), 5, block(0))
    scene.application.close_scene()
    scene.bridge.clearPreview()
    again = BridgeScene(scene.application, scene.editor, ijk_to_ras=placed())
    preview(again, Plane(0), 5, block(0))
    assert overlay_nodes(scene.application) == ["LIMNet preview"]
    again.bridge.release()
    assert overlay_nodes(scene.application) == []
