import numpy as np
import pytest

from SlicerLIMNet.imaging.reslice import GridMap, reach_of_box, reslice, reslice_slice

IDENTITY = GridMap(np.eye(3), np.zeros(3))


@pytest.fixture
def turned():
    angle = np.deg2rad(30)
    c, s = np.cos(angle), np.sin(angle)
    return GridMap(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) * 0.8, np.array([0.5, 2.0, -1.0]))


def slow_linear(voxels, point, fill):
    """Eight neighbours, one after the other; what lies outside is the fill."""
    base = np.floor(point).astype(int)
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        index = base + corner
        weight = np.prod(1 - np.abs(point - index))
        inside = (index >= 0).all() and (index < voxels.shape).all()
        total += weight * (voxels[tuple(index)] if inside else fill)
    return total


def test_resampling_agrees_with_a_slow_loop(turned):
    voxels = np.random.default_rng(1).normal(size=(3, 6, 7)).astype(np.float32)
    result = reslice(voxels, turned, (4, 8, 6), fill=-2.0)
    for index in np.ndindex(4, 8, 6):
        expected = slow_linear(voxels, turned([index])[0], -2.0)
        assert result[index] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float64])
def test_the_same_grid_gives_the_same_voxels(dtype):
    voxels = np.random.default_rng(1).integers(0, 99, (3, 4, 5)).astype(dtype)
    np.testing.assert_array_equal(reslice(voxels, IDENTITY, (3, 4, 5)), voxels)


def test_a_slice_is_that_of_the_whole_grid_in_grey_and_colour(turned):
    voxels = np.random.default_rng(1).integers(0, 99, (3, 6, 7, 3)).astype(np.uint8)
    whole = reslice(voxels[..., 1], turned, (4, 8, 6))
    np.testing.assert_allclose(reslice_slice(voxels[..., 1], turned, 2, (8, 6)), whole[2])
    colour = reslice_slice(voxels, turned, 2, (8, 6))
    assert colour.shape == (8, 6, 3)
    np.testing.assert_allclose(colour[..., 1], whole[2])


def test_a_map_and_its_inverse_undo_each_other(turned):
    points = np.random.default_rng(0).uniform(-5, 5, (20, 3))
    np.testing.assert_allclose(turned.inverse()(turned(points)), points, atol=1e-12)
    moved = turned.from_corner((1, 2, 3))
    np.testing.assert_allclose(moved(points), turned(points + np.array([1, 2, 3])), atol=1e-12)
    np.testing.assert_allclose(turned.to_corner((1, 2, 3))(points), turned(points) - [1, 2, 3])


def test_the_reach_of_a_box_holds_all_that_resampling_can_fill(turned):
    box = np.zeros((9, 9, 9), np.float32)
    box[4:6, 3:5, 5:8] = 1
    to_box = turned.inverse()
    filled = np.argwhere(reslice(box, to_box, (12, 12, 12)) > 0)
    first, end = reach_of_box(turned, (4, 3, 5), (6, 5, 8), (12, 12, 12))
    assert (filled >= first).all()
    assert (filled < end).all()


def test_the_reach_of_a_box_outside_is_empty():
    first, end = reach_of_box(IDENTITY, (20, 0, 0), (22, 2, 2), (5, 5, 5))
    assert first[0] == end[0]
