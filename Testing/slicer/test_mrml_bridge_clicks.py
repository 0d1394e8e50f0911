"""Clicks in slice views hit the exact voxel, whatever way image and view are turned."""

from __future__ import annotations

import numpy as np
import pytest
import vtk

from SlicerLIMNet.domain.clicks import Click, LpsClick
from SlicerLIMNet.domain.plane import ObliquePlane, Plane, plane_name
from SlicerLIMNet.session.stack import SliceStack
from Testing.slicer.application import numbers
from Testing.slicer.bridge_scene import (
    NAMES,
    SHAPE,
    BridgeScene,
    add_warp,
    axis_orders,
    matrix4,
    noise,
    placed,
    turned,
)

WINDOW = (0.0, 1.0)


def voxel_in(scene, view, xy):
    """Invert, without the code under test, what view and transforms do; fractional i, j, k."""
    world = (numbers(view.node.GetXYToRAS()) @ [xy[0], xy[1], 0, 1])[:3]
    parent = scene.segmentation.GetParentTransformNode()
    if parent is not None:
        from_world = vtk.vtkGeneralTransform()
        parent.GetTransformFromWorld(from_world)
        world = from_world.TransformPoint(*world)
    matrix = vtk.vtkMatrix4x4()
    scene.volume.GetIJKToRASMatrix(matrix)
    return np.linalg.solve(numbers(matrix), [*world, 1])[:3]


def hit(scene, place):
    """The voxel z, y, x that the engine sees in a click."""
    volume = scene.bridge.volumeMaker(scene.target())()
    stack = SliceStack(volume, place.plane, WINDOW)
    click = stack.resolve(place.click)
    assert stack.contains(click)
    return stack.index_zyx(click)


def aims(seed=0, count=12):
    """Voxels i, j, k with a part of a voxel to each side, but not near its border."""
    random = np.random.default_rng(seed)
    whole = random.integers(0, SHAPE[::-1], (count, 3))
    return whole, whole + random.uniform(-0.3, 0.3, (count, 3))


def check_clicks(scene, view, zoom=True):
    """Click at many voxels of a view; all must be the ones that an independent inverse finds."""
    if zoom:  # so that a pixel is small against a voxel
        view.node.SetFieldOfView(*[0.4 * length for length in view.node.GetFieldOfView()[:2]], 1)
    checked = 0
    for whole, aimed in zip(*aims(), strict=True):
        xy = view.aim(scene.world_of(aimed))
        found = voxel_in(scene, view, xy)
        if np.abs(found - whole).max() > 0.49:
            continue  # a pixel may be off by half of itself
        place = scene.click(view, xy)
        assert place is not None
        assert hit(scene, place) == tuple(whole[::-1])
        checked += 1
    assert checked >= 8


@pytest.mark.parametrize("axes", axis_orders(), ids=range(6))
@pytest.mark.parametrize("name", NAMES)
def test_a_click_hits_its_voxel_in_every_view_of_every_axis_order(
    application, make_views, make_editor, axes, name
):
    scene = BridgeScene(application, make_editor(), ijk_to_ras=placed(axes))
    (view,) = make_views(("Red", name), showing=scene.volume)
    check_clicks(scene, view)
    place = scene.click(view, view.aim(scene.world_of((9, 7, 5))))
    normal = {"Axial": 2, "Coronal": 1, "Sagittal": 0}[name]
    axis = 2 - int(np.argmax(np.abs(axes[normal])))
    assert place.plane == Plane(axis)
    assert isinstance(place.click, Click)
    geometry = scene.bridge.volumeMaker(scene.target())().geometry
    assert plane_name(place.plane, geometry) == name.lower()


def test_a_click_carries_its_sign(application, make_views, make_editor):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    xy = view.aim(scene.world_of((9, 7, 5)))
    assert scene.click(view, xy, True).click == Click(5, 7, 9, True)
    assert scene.click(view, xy, False).click == Click(5, 7, 9, False)


@pytest.mark.parametrize("name", NAMES)
def test_a_tilted_acquisition_is_oblique_in_straight_views(
    application, make_views, make_editor, name
):
    scene = BridgeScene(application, make_editor(), ijk_to_ras=placed(turned(20, 15, 10)))
    (view,) = make_views(("Red", name), showing=scene.volume)
    place = scene.click(view, view.aim(scene.world_of((9, 7, 5))))
    assert isinstance(place.plane, ObliquePlane)
    assert isinstance(place.click, LpsClick)
    assert hit(scene, place) == (5, 7, 9)


@pytest.mark.parametrize("name", NAMES)
def test_views_turned_to_a_tilted_acquisition_show_its_array_axes(
    application, make_views, make_editor, name
):
    scene = BridgeScene(application, make_editor(), ijk_to_ras=placed(turned(20, 15, 10)))
    (view,) = make_views(("Red", name), showing=scene.volume)
    view.node.RotateToVolumePlane(scene.volume)
    check_clicks(scene, view)
    plane = scene.click(view, view.aim(scene.world_of((9, 7, 5)))).plane
    assert plane == Plane({"Axial": 0, "Coronal": 1, "Sagittal": 2}[name])


@pytest.mark.parametrize(("degrees", "is_oblique"), [(2.9, False), (3.1, True), (-3.1, True)])
def test_a_view_is_oblique_from_three_degrees_on(
    application, make_views, make_editor, degrees, is_oblique
):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    centre = scene.world_of((9, 7, 5))
    view.orient(matrix4(turned(degrees), centre))
    plane = scene.click(view, view.to_xy(centre)).plane
    assert isinstance(plane, ObliquePlane) == is_oblique


def test_a_tilted_view_keeps_its_plane_while_it_is_scrolled_and_turned_in_itself(
    application, make_views, make_editor
):
    scene = BridgeScene(application, make_editor())
    red, green = make_views(("Red", "Axial"), ("Green", "Axial"), showing=scene.volume)
    centre = scene.world_of((9, 7, 5))
    tilt = turned(30, 12, 0)
    red.orient(matrix4(tilt, centre))
    first = scene.click(red, red.to_xy(centre))
    assert hit(scene, first) == (5, 7, 9)
    place = first.plane.geometry.lps_to_index_zyx(first.click.point_lps)
    assert place[0] == pytest.approx(round(place[0]), abs=1e-6), "no slice where the view stands"
    red.node.SetSliceOffset(red.node.GetSliceOffset() + 3.2)
    assert scene.click(red, red.to_xy(centre)).plane == first.plane
    green.orient(matrix4(tilt @ turned(0, 0, 40), centre))
    assert scene.click(green, green.to_xy(centre)).plane == first.plane
    green.orient(matrix4(turned(31, 12, 0), centre))
    assert scene.click(green, green.to_xy(centre)).plane != first.plane


def test_the_oblique_plane_of_an_opened_session_is_taken_up(application, make_views, make_editor):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    centre = scene.world_of((9, 7, 5))
    view.orient(matrix4(turned(30, 12, 0), centre))
    before = scene.click(view, view.to_xy(centre)).plane
    reopened = BridgeScene(application, scene.editor)
    reopened.bridge.showMarkers(reopened.target(), before, ())
    view.node.SetSliceOffset(view.node.GetSliceOffset() + 1.3)
    assert reopened.click(view, view.to_xy(centre)).plane == before


LINEAR = {
    "rigid": matrix4(turned(25, -40, 10), (30, -20, 5)),
    "scaled": matrix4(np.diag([1.4, 0.7, 1.1]), (3, 2, 1)),
    "mirrored": matrix4(np.diag([-1, 1, 1])),
    "sheared": matrix4([[1, 0.2, 0], [0, 1, 0.1], [0, 0, 1]], (1, 2, 3)),
}


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("name", NAMES)
def test_a_click_hits_its_voxel_under_a_linear_transform(
    application, make_views, make_editor, kind, name
):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", name), showing=scene.volume)
    scene.move(application.add_linear_transform(LINEAR[kind]))
    for whole in ((9, 7, 5), (2, 3, 4), (15, 11, 8)):
        place = scene.click(view, view.aim(scene.world_of(whole)))
        if isinstance(place.click, Click):
            assert hit(scene, place) == whole[::-1]
        else:  # slices of a tilted plane do not go through every voxel: exactly by its position
            volume = scene.bridge.volumeMaker(scene.target())()
            found = volume.geometry.lps_to_index_zyx(place.click.point_lps)
            assert tuple(np.floor(found + 0.5).astype(int)) == whole[::-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_click_hits_its_voxel_under_a_warp(application, make_views, make_editor, name):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", name), showing=scene.volume)
    scene.move(add_warp(application))
    check_clicks(scene, view)
    place = scene.click(view, view.aim(scene.world_of((9, 7, 5))))
    assert place.plane == Plane({"Axial": 0, "Coronal": 1, "Sagittal": 2}[name])


def test_a_transform_on_the_segmentation_alone_moves_what_is_hit(
    application, make_views, make_editor
):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    shift = application.add_linear_transform(matrix4(np.eye(3), (1.6, 0, 3)))  # -2 in i, +1 in k
    scene.segmentation.SetAndObserveTransformNodeID(shift.GetID())
    place = scene.click(view, view.aim(scene.world_of((9, 7, 5))))
    assert place.click == Click(4, 7, 11)
    volume = scene.bridge.volumeMaker(scene.target())()
    assert volume.array[4, 7, 11] == scene.voxels[5, 7, 9], "the image moves with the click"


def test_clicks_up_to_the_border_are_in_and_beyond_it_are_out(application, make_views, make_editor):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    view.node.SetFieldOfView(30, 30, 1)
    for ijk, is_in in (
        ((-0.4, 7, 5), True),
        ((-0.6, 7, 5), False),
        ((-1.2, 7, 5), False),
        ((17.4, 7, 5), True),
        ((17.6, 7, 5), False),
        ((9, -0.6, 5), False),
        ((9, 13.4, 5), True),
        ((9, 13.6, 5), False),
        ((9, 7, -0.6), False),
        ((9, 7, 9.6), False),
        ((9, 7, 1000), False),
    ):
        place = scene.click(view, view.aim(scene.world_of(ijk)))
        assert (place is not None) == is_in, ijk


def test_a_larger_reference_geometry_shifts_indices_and_takes_clicks_only_on_the_volume(
    application, make_views, make_editor
):
    inner = placed()
    outer = inner.copy()
    outer[:3, 3] = (inner @ [-4, -3, -2, 1])[:3]
    large = application.add_volume(noise((15, 20, 26)), outer, "large")
    scene = BridgeScene(application, make_editor(), reference=large)
    (view,) = make_views(("Red", "Axial"), showing=large)
    place = scene.click(view, view.aim(scene.world_of((9, 7, 5))))
    assert place.click == Click(7, 10, 13)
    assert scene.click(view, view.aim(scene.world_of((-2, 7, 5)))) is None
    assert scene.click(view, view.aim(scene.world_of((9, 7, 11)))) is None


def test_a_smaller_reference_geometry_takes_clicks_only_on_itself(
    application, make_views, make_editor
):
    inner = placed()
    cut = inner.copy()
    cut[:3, 3] = (inner @ [4, 3, 2, 1])[:3]
    small = application.add_volume(noise((5, 6, 7)), cut, "small")
    scene = BridgeScene(application, make_editor(), reference=small)
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    assert scene.click(view, view.aim(scene.world_of((6, 5, 4)))).click == Click(2, 2, 2)
    assert scene.click(view, view.aim(scene.world_of((2, 5, 4)))) is None


def test_an_extent_that_does_not_begin_at_zero_is_counted_from_its_first_voxel(
    application, make_views, make_editor
):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    rows = ";".join(f"{number:g}" for number in placed().ravel())
    scene.segmentation.GetSegmentation().SetConversionParameter(
        "Reference image geometry", f"{rows};2;15;1;12;3;9;"
    )
    target = scene.target()
    assert target.volumeKey.grid.first == (2, 1, 3)
    place = scene.click(view, view.aim(scene.world_of((9, 7, 5))))
    assert place.click == Click(2, 6, 7)
    assert scene.click(view, view.aim(scene.world_of((1, 7, 5)))) is None
    volume = scene.bridge.volumeMaker(target)()
    assert (volume.array == scene.voxels[3:10, 1:13, 2:16]).all()


def test_without_volume_or_segmentation_a_click_hits_nothing(application, make_views, make_editor):
    scene = BridgeScene(application, make_editor())
    (view,) = make_views(("Red", "Axial"), showing=scene.volume)
    scene.editor.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(None)
    assert scene.click(view, (150, 150)) is None
    scene.editor.setSegmentationNode(None)
    assert scene.click(view, (150, 150)) is None
    scene.editor.setMRMLSegmentEditorNode(None)
    assert scene.click(view, (150, 150)) is None
