from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.training.pseudo_objects import (
    LARGEST_SHARE,
    LEAST_PIXELS,
    kept_superpixels,
    kept_supervoxels,
    membrane_cells,
    superpixels,
    supervoxels,
)
from Testing.unit.training.tiny_data import BALL, tiny_labels, tiny_voxels


@pytest.mark.parametrize("colour", [False, True])
def test_superpixels_are_numbered_regions_of_usable_size(colour):
    pixels = tiny_voxels(0)[5]
    found = superpixels(np.dstack([pixels] * 3) if colour else pixels, seed=3)
    sizes = np.bincount(found.ravel())[1:]
    assert found.shape == pixels.shape
    assert found.dtype == np.uint16
    assert len(sizes) >= 1
    assert sizes.min() >= LEAST_PIXELS
    assert sizes.max() <= LARGEST_SHARE * pixels.size


def test_a_bright_disk_is_a_superpixel():
    found = superpixels(tiny_voxels(0)[5], seed=3)
    ball = tiny_labels()[5] == BALL
    number = np.bincount(found[ball]).argmax()
    assert np.count_nonzero((found == number) & ball) > 0.7 * np.count_nonzero(ball)


def test_supervoxels_find_a_ball_of_even_intensity():
    found = supervoxels(tiny_voxels(0), (3.0, 1.0, 1.0), seed=0)
    ball = tiny_labels() == BALL
    overlaps = [
        np.count_nonzero((found == value) & ball) / np.count_nonzero((found == value) | ball)
        for value in range(1, int(found.max()) + 1)
    ]
    assert max(overlaps) > 0.6


def test_an_image_of_one_value_has_no_objects():
    assert not supervoxels(np.full((8, 20, 20), 9, np.uint8), (1, 1, 1), seed=0).any()
    assert not superpixels(np.full((40, 40), 9, np.uint8), seed=0).any()


def test_a_seed_fixes_the_regions():
    voxels = tiny_voxels(0)
    one, other = (supervoxels(voxels, (1, 1, 1), seed=5) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert (supervoxels(voxels, (1, 1, 1), seed=6) != one).any()


def test_kept_objects_are_read_back_as_they_were_made(tmp_path):
    voxels = tiny_voxels(0)
    made = kept_supervoxels(voxels, (3.0, 1.0, 1.0), tmp_path)
    pictures = [voxels[2], np.dstack([voxels[4]] * 3)]
    regions = kept_superpixels(pictures, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_array_equal(kept_supervoxels(voxels, (3.0, 1.0, 1.0), tmp_path), made)
    for one, other in zip(kept_superpixels(pictures, tmp_path), regions, strict=True):
        np.testing.assert_array_equal(one, other)


def test_cells_are_what_dark_membranes_enclose():
    """Four bright cells between dark walls, one with a dark organelle inside."""
    voxels = np.full((16, 64, 64), 170, np.uint8)
    for wall in (0, 31, 32, 63):
        voxels[:, wall, :] = voxels[:, :, wall] = 40
    voxels[4:12, 12:20, 12:20] = 60
    cells = membrane_cells(voxels)
    middles = [int(cells[8, row, column]) for row in (16, 48) for column in (16, 48)]
    assert len(set(middles) - {0}) == 4
    assert int(cells[8, 24, 24]) == middles[0]  # beside the organelle
    assert cells[:, 31:33, :].max() == 0
    assert cells.max() == 4
