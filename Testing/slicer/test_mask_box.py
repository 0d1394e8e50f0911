"""Masks in their smallest box: what goes in comes out, and edits can be told slice by slice."""

from __future__ import annotations

import numpy as np
import pytest

from LIMNetSegmentLib.MaskBox import MaskBox

SHAPE = (7, 9, 11)


@pytest.fixture
def mask():
    return np.random.default_rng(5).random(SHAPE) > 0.7


def blob() -> np.ndarray:
    made = np.zeros(SHAPE, bool)
    made[2:5, 3:8, 1:4] = True
    made[3, 4, 2] = False
    return made


@pytest.mark.parametrize(
    "make", [blob, lambda: np.zeros(SHAPE, bool), lambda: np.ones(SHAPE, bool)]
)
def test_a_mask_comes_back_as_it_was(make):
    box = MaskBox.fromArray(make())
    np.testing.assert_array_equal(box.toArray(), make())
    assert box.isEmpty == (not make().any())


def test_the_box_is_the_smallest(mask):
    box = MaskBox.fromArray(blob())
    assert box.corner == (2, 3, 1)
    assert box.size == (3, 5, 3)
    assert len(box.bits) == 6


def test_equal_masks_are_equal_however_they_were_cut(mask):
    wide = MaskBox.fromPart(SHAPE, (1, 2, 0), blob()[1:6, 2:9, 0:6])
    assert wide == MaskBox.fromArray(blob())
    assert wide != MaskBox.fromArray(mask)
    assert MaskBox.fromPart(SHAPE, (4, 4, 4), np.zeros((2, 2, 2), bool)) == MaskBox.empty(SHAPE)


def test_what_is_in_one_and_not_in_the_other(mask):
    here, there = MaskBox.fromArray(mask), MaskBox.fromArray(blob())
    np.testing.assert_array_equal(here.minus(there).toArray(), mask & ~blob())
    np.testing.assert_array_equal(there.minus(here).toArray(), blob() & ~mask)
    assert here.minus(here).isEmpty
    assert MaskBox.empty(SHAPE).minus(here).isEmpty
    assert here.minus(MaskBox.empty(SHAPE)) == here


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_checksums_differ_just_on_the_slices_that_differ(axis):
    edited = blob()
    edited[3, 4, 2] = True
    edited[6, 8, 10] = True
    before, after = (MaskBox.fromArray(m).checksums(axis) for m in (blob(), edited))
    assert len(before) == SHAPE[axis]
    differing = {i for i in range(SHAPE[axis]) if before[i] != after[i]}
    assert differing == {(3, 4, 2)[axis], (6, 8, 10)[axis]}
    assert [bool(s) for s in before] == list(np.moveaxis(blob(), axis, 0).any(axis=(1, 2)))


def test_a_moved_mask_has_other_checksums():
    moved = np.roll(blob(), 1, axis=2)
    before, after = MaskBox.fromArray(blob()).checksums(0), MaskBox.fromArray(moved).checksums(0)
    assert all(a != b for a, b in zip(before[2:5], after[2:5], strict=True))
