"""Masks of segments: read on the grid, written as the editor's rules allow."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from LIMNetSegmentLib.MaskBox import MaskBox
from LIMNetSegmentLib.SegmentMasks import labelledBox
from Testing.slicer.application import numbers, oriented_image
from Testing.slicer.bridge_scene import (
    SHAPE,
    BridgeScene,
    add_warp,
    noise,
    placed,
    segment_layers,
    turned,
)

NOTHING = MaskBox.empty(SHAPE)


def box(k, j, i):
    """A mask of all voxels between pairs of indices."""
    mask = np.zeros(SHAPE, bool)
    mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


A = box((2, 8), (3, 11), (2, 9))  # what the selected segment holds
B = box((2, 8), (3, 11), (9, 15))  # its neighbour, side by side with it
X = box((4, 10), (5, 9), (7, 17))  # what is to be added: part of A, part of B, and free voxels
GONE = box((2, 5), (3, 6), (2, 16))  # what is to be removed


@pytest.fixture
def scene(application, make_editor):
    made = BridgeScene(application, make_editor())
    for name, mask in zip(made.segments, (A, B), strict=True):
        write(made, mask, segment=name)
    made.editor.setCurrentSegmentID(made.segments[0])
    made.effect.calls.clear()
    made.effect.extents.clear()
    return made


def target_of(scene, segment):
    scene.editor.setCurrentSegmentID(segment)
    return scene.target()


def write(scene, add=None, remove=None, segment=None):
    """Write through the bridge and return what was asked, as the bridge reads it back."""
    target = target_of(scene, segment or scene.segments[0])
    scene.bridge.write(
        target,
        NOTHING if add is None else MaskBox.fromArray(add),
        NOTHING if remove is None else MaskBox.fromArray(remove),
    )
    return scene.bridge.mask(target).toArray()


def now(scene, number):
    """A segment on the volume's grid, read without the code under test and without transforms."""
    stored = slicer.vtkOrientedImageData()
    scene.segmentation.GetBinaryLabelmapRepresentation(scene.segments[number], stored)
    labels = vtk_to_numpy(stored.GetPointData().GetScalars()).reshape(stored.GetDimensions()[::-1])
    i0, i1, j0, j1, k0, k1 = stored.GetExtent()
    matrix = vtk.vtkMatrix4x4()
    stored.GetImageToWorldMatrix(matrix)
    assert np.allclose(numbers(matrix), placed(), atol=1e-9)
    mask = np.zeros(SHAPE, bool)
    mask[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1] = labels
    return mask


def test_what_is_read_is_what_is_there(scene):
    for number, mask in enumerate((A, B)):
        read = scene.bridge.mask(target_of(scene, scene.segments[number]))
        assert (read.toArray() == mask).all()
        assert (now(scene, number) == mask).all()
    assert segment_layers(scene.segmentation) == 1, "both share a label map"


def test_an_empty_segment_is_an_empty_mask(application, make_editor):
    scene = BridgeScene(application, make_editor())
    assert scene.bridge.mask(scene.target()) == NOTHING


def test_a_segment_is_read_again_only_when_it_was_changed(scene, monkeypatch):
    module = __import__("LIMNetSegmentLib.SegmentMasks", fromlist=["labelledBox"])
    read = []
    monkeypatch.setattr(
        module, "labelledBox", lambda *values: read.append(1) or labelledBox(*values)
    )
    target = scene.target()
    for _ in range(5):
        scene.bridge.mask(target)
    assert len(read) <= 1
    scene.bridge.write(target, MaskBox.fromArray(X), NOTHING)
    for _ in range(5):
        assert (scene.bridge.mask(target).toArray() == (A | X)).all()
    assert len(read) <= 2


@pytest.mark.parametrize(
    ("overwrite", "is_b_hidden", "b_after"),
    [
        ("OverwriteNone", False, B),
        ("OverwriteAllSegments", False, B & ~X),
        ("OverwriteVisibleSegments", True, B),
        ("OverwriteVisibleSegments", False, B & ~X),
    ],
)
def test_the_neighbour_loses_voxels_only_where_the_overwrite_mode_says_so(
    scene, overwrite, is_b_hidden, b_after
):
    node = scene.editor.mrmlSegmentEditorNode()
    node.SetOverwriteMode(getattr(node, overwrite))
    display = scene.segmentation.GetDisplayNode()
    display.SetSegmentVisibility(scene.segments[1], not is_b_hidden)
    assert (write(scene, add=X) == (A | X)).all()
    assert (now(scene, 0) == (A | X)).all()
    assert (now(scene, 1) == b_after).all()


@pytest.mark.parametrize("overwrite", ["OverwriteNone", "OverwriteAllSegments"])
def test_removing_takes_from_this_segment_alone(scene, overwrite):
    node = scene.editor.mrmlSegmentEditorNode()
    node.SetOverwriteMode(getattr(node, overwrite))
    assert (write(scene, remove=GONE) == (A & ~GONE)).all()
    assert (now(scene, 0) == (A & ~GONE)).all()
    assert (now(scene, 1) == B).all()


def test_a_round_removes_and_adds_in_one_undo_state_with_small_label_maps(scene):
    free = X & ~A & ~B
    assert (write(scene, add=free, remove=GONE) == ((A & ~GONE) | free)).all()
    assert scene.effect.calls == ["save", "remove", "add"]
    assert scene.effect.extents == [(2, 15, 3, 5, 2, 4), (7, 16, 5, 8, 4, 9)]
    scene.editor.undo()
    assert (now(scene, 0) == A).all()
    assert (scene.bridge.mask(scene.target()).toArray() == A).all()
    scene.editor.redo()
    assert (scene.bridge.mask(scene.target()).toArray() == ((A & ~GONE) | free)).all()


def test_nothing_asked_for_writes_nothing_and_saves_no_state(scene):
    assert (write(scene) == A).all()
    assert scene.effect.calls == []


@pytest.mark.parametrize(
    ("mask_mode", "editable"),
    [
        ("EditAllowedEverywhere", np.ones(SHAPE, bool)),
        ("EditAllowedOutsideAllSegments", ~B),  # the edited segment is not outside of itself
        ("EditAllowedInsideAllSegments", A | B),
    ],
)
def test_only_the_editable_area_changes(scene, mask_mode, editable):
    node = scene.editor.mrmlSegmentEditorNode()
    node.SetMaskMode(getattr(scene.segmentation, mask_mode))
    node.SetOverwriteMode(node.OverwriteNone)
    wanted = A | (X & editable)
    wanted &= ~(GONE & editable)
    assert (write(scene, add=X & ~GONE, remove=GONE) == wanted).all()
    assert (now(scene, 0) == wanted).all()
    assert (now(scene, 1) == B).all()


def test_inside_one_segment_voxels_are_taken_from_it_and_given_back(scene):
    """So the editor splits a segment into two; it gives back where it would else remove."""
    node = scene.editor.mrmlSegmentEditorNode()
    node.SetMaskMode(scene.segmentation.EditAllowedInsideSingleSegment)
    node.SetMaskSegmentID(scene.segments[1])
    taken = A | (X & B)
    assert (write(scene, add=X) == taken).all()
    assert (now(scene, 1) == (B & ~X)).all()
    assert (write(scene, remove=X & B) == A).all()
    assert (now(scene, 0) == A).all()
    assert (now(scene, 1) == B).all()


@pytest.mark.parametrize("is_b_hidden", [False, True])
def test_visible_segments_may_be_protected_alone(scene, is_b_hidden):
    node = scene.editor.mrmlSegmentEditorNode()
    node.SetMaskMode(scene.segmentation.EditAllowedOutsideVisibleSegments)
    node.SetOverwriteMode(node.OverwriteNone)
    display = scene.segmentation.GetDisplayNode()
    display.SetSegmentVisibility(scene.segments[1], not is_b_hidden)
    free = np.ones(SHAPE, bool) if is_b_hidden else ~B
    assert (write(scene, add=X) == (A | (X & free))).all()
    assert (now(scene, 1) == B).all()


def test_only_the_editable_intensities_change(scene):
    node = scene.editor.mrmlSegmentEditorNode()
    node.SourceVolumeIntensityMaskOn()
    node.SetSourceVolumeIntensityMaskRange(0, 400)
    node.SetOverwriteMode(node.OverwriteNone)
    inside = (scene.voxels >= 0) & (scene.voxels <= 400)
    wanted = (A | (X & inside)) & ~(GONE & inside)
    assert (write(scene, add=X & ~GONE, remove=GONE) == wanted).all()
    assert (now(scene, 1) == B).all()


def test_a_segment_is_written_although_another_is_selected(scene):
    target = target_of(scene, scene.segments[0])
    scene.editor.setCurrentSegmentID(scene.segments[1])
    node = scene.editor.mrmlSegmentEditorNode()
    node.SetOverwriteMode(node.OverwriteNone)
    scene.bridge.write(target, MaskBox.fromArray(X), MaskBox.fromArray(GONE & ~X))
    assert (now(scene, 0) == ((A & ~GONE) | X)).all()
    assert (now(scene, 1) == B).all()
    assert node.GetSelectedSegmentID() == scene.segments[1]


def test_no_call_asks_for_a_label_map_of_the_whole_volume(scene):
    write(scene, add=X, remove=GONE)
    scene.bridge.mask(scene.target())
    assert set(scene.effect.calls) == {"save", "add", "remove"}


def test_a_larger_reference_geometry_shifts_what_is_read_and_written(application, make_editor):
    outer = placed()
    outer[:3, 3] = (placed() @ [-4, -3, -2, 1])[:3]
    large = application.add_volume(noise((15, 20, 26)), outer, "large")
    scene = BridgeScene(application, make_editor(), reference=large)
    mask = np.zeros((15, 20, 26), bool)
    mask[1:9, 2:10, 3:20] = True
    target = scene.target()
    scene.bridge.write(target, MaskBox.fromArray(mask), MaskBox.empty(mask.shape))
    assert (scene.bridge.mask(target).toArray() == mask).all()
    stored = scene.segmentation.GetBinaryLabelmapInternalRepresentation(scene.segments[0])
    matrix = vtk.vtkMatrix4x4()
    stored.GetImageToWorldMatrix(matrix)
    first = numbers(matrix) @ [*stored.GetExtent()[::2], 1]
    assert np.allclose(first, placed() @ [3 - 4, 2 - 3, 1 - 2, 1], atol=1e-9)


def test_an_extent_that_does_not_begin_at_zero_is_written_in_its_place(application, make_editor):
    scene = BridgeScene(application, make_editor())
    rows = ";".join(f"{number:g}" for number in placed().ravel())
    scene.segmentation.GetSegmentation().SetConversionParameter(
        "Reference image geometry", f"{rows};2;15;1;12;3;9;"
    )
    target = scene.target()
    mask = np.zeros((7, 12, 14), bool)
    mask[0:3, 4:8, 5:14] = True
    scene.bridge.write(target, MaskBox.fromArray(mask), MaskBox.empty(mask.shape))
    assert scene.effect.extents == [(7, 15, 5, 8, 3, 5)]
    assert (scene.bridge.mask(target).toArray() == mask).all()
    assert (now(scene, 0)[3:10, 1:13, 2:16] == mask).all()
    assert now(scene, 0).sum() == mask.sum()


@pytest.mark.parametrize("kind", ["linear", "warp"])
def test_parent_transforms_do_not_move_masks(scene, kind):
    transform = (
        add_warp(scene.application)
        if kind == "warp"
        else scene.application.add_linear_transform(placed(turned(10, 20, 30), (1, 1, 1)))
    )
    scene.move(transform)
    assert (write(scene, add=X, remove=GONE & ~X) == ((A & ~GONE) | X)).all()
    assert (now(scene, 0) == ((A & ~GONE) | X)).all()


def test_a_segment_of_another_lattice_is_read_on_this_one(application, make_editor):
    scene = BridgeScene(application, make_editor())
    coarse = placed(steps=(1.6, 1.8, 6.0), origin=placed() @ [0.5, 0.5, 0.5, 1] @ np.eye(4, 3))
    segment = slicer.vtkSegment()
    name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
    blocks = np.zeros((5, 7, 9), np.uint8)
    blocks[1:4, 2:5, 3:7] = 1
    segment.AddRepresentation(name, oriented_image(blocks, coarse))
    scene.segmentation.GetSegmentation().AddSegment(segment, "imported")
    read = scene.bridge.mask(target_of(scene, "imported")).toArray()
    assert (read == np.kron(blocks, np.ones((2, 2, 2)))[:10, :14, :18].astype(bool)).all()


def test_voxels_outside_of_the_grid_are_left_out(application, make_editor):
    scene = BridgeScene(application, make_editor())
    target = scene.target()
    segment = slicer.vtkSegment()
    name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
    around = oriented_image(np.ones((6, 5, 4)), placed(), (-2, 1, 5, 9, 7, 12))
    segment.AddRepresentation(name, around)
    scene.segmentation.GetSegmentation().AddSegment(segment, "beyond")
    read = scene.bridge.mask(replace(target, segmentId="beyond")).toArray()
    assert (read == box((7, 10), (5, 10), (0, 2))).all()


def test_the_box_around_a_label_is_found_among_others():
    labels = np.random.default_rng(5).integers(0, 3, (6, 7, 8)).astype(np.uint8)
    labels[2:4, 1:5, 3:6] = 9
    labels[2, 1, 3] = 0
    corner, part = labelledBox(labels, 9)
    assert (corner, part.shape) == ((2, 1, 3), (2, 4, 3))
    assert (part == (labels[2:4, 1:5, 3:6] == 9)).all()
    assert labelledBox(labels, 7)[1].size == 0


def test_the_tag_goes_through_undo_and_may_hold_any_character(scene):
    target = scene.target()
    assert scene.bridge.tag(target) == ""
    scene.bridge.setTag(target, '{"text": "before"}')
    scene.bridge.write(target, MaskBox.fromArray(X), NOTHING)
    scene.bridge.setTag(target, '{"text": "a|b:\\n\\u00fc", "long": "' + "x" * 200_000 + '"}')
    stored = scene.bridge.tag(target)
    assert "|" not in stored
    assert json.loads(stored)["text"] == "a|b:\n\u00fc"
    scene.editor.undo()
    assert scene.bridge.tag(target) == '{"text": "before"}'
    scene.editor.redo()
    assert scene.bridge.tag(target) == stored


def test_a_change_of_the_tag_alone_is_undone_and_redone(scene):
    target = scene.target()
    for text in ("1", "2", "3"):
        scene.bridge.saveUndoState()
        scene.bridge.setTag(target, text)
    for text in ("2", "1", ""):
        scene.editor.undo()
        assert scene.bridge.tag(target) == text
    for text in ("1", "2", "3"):
        scene.editor.redo()
        assert scene.bridge.tag(target) == text
    assert (now(scene, 0) == A).all()


def test_a_segment_that_is_gone_is_known_to_be(scene):
    target = scene.target()
    assert scene.bridge.exists(target)
    assert scene.bridge.segmentName(target) == "organ"
    scene.segmentation.GetSegmentation().RemoveSegment(scene.segments[0])
    assert not scene.bridge.exists(target)
    assert (scene.bridge.segmentName(target), scene.bridge.tag(target)) == ("", "")
    scene.bridge.setTag(target, "x")


def test_after_the_scene_is_closed_nothing_is_there(scene):
    target = scene.target()
    scene.application.close_scene()
    assert not scene.bridge.exists(target)
    assert not scene.bridge.hasImage(target)
    assert scene.bridge.target() is None
    assert scene.bridge.segmentName(target) == ""
    assert scene.bridge.viewWindow(target) is None
    scene.bridge.release()
