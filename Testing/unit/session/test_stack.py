import tracemalloc

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click, LpsClick
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.plane import ObliquePlane, Plane, covering_plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.resample import cut
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.stack import SliceStack

C, S = np.cos(0.4), np.sin(0.4)
DIRECTIONS = {
    "identity": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "flipped": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "left-handed": ((1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "oblique": ((C, -S, 0), (S, C, 0), (0, 0, 1)),
}
SHAPE = (5, 7, 9)


@pytest.fixture(params=DIRECTIONS.values(), ids=DIRECTIONS)
def volume(request):
    voxels = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    return Volume(voxels, Geometry(SHAPE, (3.0, 0.5, 0.8), (10, -20, 30), request.param))


def upright(volume):
    """The oblique plane that has the voxels of axis 0 where the grid is right-handed."""
    grid = volume.geometry
    return ObliquePlane(
        grid.origin_lps,
        grid.axis_direction_lps(1),
        grid.axis_direction_lps(2),
        grid.spacing_zyx_mm,
        grid.shape_zyx,
    )


AXIS_0 = Plane(0)


def stack_of(volume, plane=AXIS_0):
    return SliceStack(volume, plane, Window(0, 314))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_those_of_the_array_never_flipped(volume, axis):
    stack = stack_of(volume, Plane(axis))
    expected = np.moveaxis(volume.array, axis, 0)
    assert stack.shape == expected.shape
    for index in range(stack.shape[0]):
        shown = stack.image(index)
        assert shown.dtype == np.float32
        np.testing.assert_allclose(shown, expected[index] / 314, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_index_and_patient_position_hit_the_same_voxel(volume, axis):
    stack = stack_of(volume, Plane(axis))
    for zyx in [(0, 0, 0), (4, 6, 8), (2, 5, 1)]:
        click = Click(*Plane(axis).from_zyx(zyx))
        from_patient = stack.click_from_lps(volume.geometry.index_zyx_to_lps(zyx))
        assert from_patient == click
        assert stack.index_zyx(click) == zyx
        assert stack.contains(click)
        value = stack.image(click.slice_index)[int(click.row), int(click.column)]
        assert value * 314 == pytest.approx(volume.array[zyx], abs=1e-3)
        np.testing.assert_allclose(stack.click_to_lps(click), stack.click_to_lps(from_patient))


def test_spacing_follows_slice_row_and_column(volume):
    assert stack_of(volume, Plane(1)).spacing_mm == (0.5, 3.0, 0.8)
    assert stack_of(volume, Plane(2)).spacing_mm == (0.8, 3.0, 0.5)
    assert stack_of(volume, None).plane == Plane(0)


def test_a_position_keeps_its_fraction_of_a_pixel_and_takes_the_nearest_slice(volume):
    point = volume.geometry.index_zyx_to_lps((1.5, 2.25, 3.75))
    assert stack_of(volume).click_from_lps(point, positive=False) == Click(2, 2.25, 3.75, False)
    assert stack_of(volume).resolve(LpsClick(tuple(point))) == Click(2, 2.25, 3.75)
    assert stack_of(volume).resolve(Click(1, 2, 3)) == Click(1, 2, 3)


@pytest.mark.parametrize(
    ("place", "inside"),
    [
        ((0, 0, 0), True),
        ((4, 6.49, 8.49), True),
        ((0, -0.5, -0.5), True),
        ((-1, 0, 0), False),
        ((5, 0, 0), False),
        ((0, -0.51, 0), False),
        ((0, 6.5, 0), False),
        ((0, 0, 8.5), False),
        ((0, 1e30, 0), False),
    ],
)
def test_a_click_beyond_half_a_pixel_from_the_edge_is_outside(volume, place, inside):
    assert stack_of(volume).contains(Click(*place)) is inside


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_masks_return_to_the_grid_exactly(volume, axis):
    probability = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    probability[2] = 0
    stack = stack_of(volume, Plane(axis))
    slices = stack.from_volume(probability)
    assert list(slices) == list(range(stack.shape[0]))
    np.testing.assert_array_equal(stack.to_volume(slices), probability)
    np.testing.assert_array_equal(slices[1].dense_bytes(), np.moveaxis(probability, axis, 0)[1])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_mask_on_the_grid_is_that_of_the_probabilities(volume, axis):
    probability = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    stack = stack_of(volume, Plane(axis))
    slices = stack.from_volume(probability)
    del slices[1]
    np.testing.assert_array_equal(stack.to_mask(slices), stack.to_volume(slices) >= 128)


def test_the_mask_of_an_oblique_plane_is_that_of_the_probabilities(volume):
    geometry = volume.geometry
    rows, slices = (np.array(geometry.axis_direction_lps(axis)) for axis in (1, 0))
    across = rows + 0.3 * slices
    plane = covering_plane(
        geometry,
        across / np.linalg.norm(across),
        geometry.axis_direction_lps(2),
        geometry.spacing_zyx_mm,
    )
    stack = stack_of(volume, plane)
    full = SparseProbability.from_mask(np.ones(stack.shape[1:], bool))
    given = dict.fromkeys(range(1, stack.shape[0] - 1), full)
    assert stack.to_mask(given).any()
    np.testing.assert_array_equal(stack.to_mask(given), stack.to_volume(given) >= 128)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_part_of_a_slice_is_that_part_of_the_whole(volume, axis):
    stack = stack_of(volume, Plane(axis))
    seen = stack.windowed(2)
    whole = stack.image(2)
    assert (seen.shape, seen.ndim, seen.dtype) == (whole.shape, 2, whole.dtype)
    np.testing.assert_array_equal(seen[1:4, 2:5], whole[1:4, 2:5])
    np.testing.assert_array_equal(np.asarray(seen), whole)
    for box in ((1, 4, 2, 6), (-3, 4, -1, 20)):
        np.testing.assert_array_equal(cut(seen, box, (8, 8)), cut(whole, box, (8, 8)))


def test_slices_that_are_not_given_are_empty(volume):
    one = SparseProbability.from_mask(np.ones((7, 9), bool))
    returned = stack_of(volume).to_volume({3: one})
    assert (returned[3] == 255).all()
    assert returned.sum() == 255 * 63
    assert not stack_of(volume).to_volume({}).any()


def test_an_oblique_plane_along_the_voxels_shows_the_voxels(volume):
    if np.linalg.det(volume.geometry.direction_lps) < 0:
        plane = covering_plane(
            volume.geometry,
            volume.geometry.axis_direction_lps(1),
            volume.geometry.axis_direction_lps(2),
            volume.geometry.spacing_zyx_mm,
        )
        order = slice(None, None, -1)  # its slices follow each other the other way
    else:
        plane, order = upright(volume), slice(None)
    stack = stack_of(volume, plane)
    assert stack.shape == SHAPE
    for shown, expected in zip(range(SHAPE[0]), volume.array[order], strict=True):
        np.testing.assert_allclose(stack.image(shown), expected / 314, atol=1e-4)
    probability = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    returned = stack.to_volume(stack.from_volume(probability))
    np.testing.assert_allclose(returned.astype(int), probability, atol=1)


def test_a_ball_survives_the_way_through_an_oblique_plane():
    grid = Geometry((40, 40, 40), (1, 1, 1), (5, 6, 7), DIRECTIONS["oblique"])
    z, y, x = np.indices(grid.shape_zyx)
    ball = (z - 18) ** 2 + (y - 22) ** 2 + (x - 20) ** 2 < 100
    volume = Volume(ball.astype(np.uint8), grid)
    plane = covering_plane(grid, (0, 0.6, 0.8), (1, 0, 0), (1, 1, 1))
    stack = SliceStack(volume, plane, Window(0, 1))
    returned = stack.to_volume(stack.from_volume(ball.astype(np.uint8) * 255)) > 127
    overlap = 2 * (returned & ball).sum() / (returned.sum() + ball.sum())
    assert overlap > 0.97
    centre = stack.click_from_lps(grid.index_zyx_to_lps((18, 22, 20)))
    assert stack.index_zyx(centre) == (18, 22, 20)
    assert stack.contains(centre)
    assert stack.image(centre.slice_index)[round(centre.row), round(centre.column)] > 0.99
    np.testing.assert_allclose(
        stack.click_to_lps(centre), grid.index_zyx_to_lps((18, 22, 20)), atol=0.5
    )


def test_an_oblique_slice_beyond_the_volume_shows_its_minimum_and_takes_no_click(volume):
    grid = volume.geometry
    plane = ObliquePlane(
        tuple(np.array(grid.origin_lps) - 300), (0, 0.6, 0.8), (1, 0, 0), (1, 1, 1), (3, 4, 5)
    )
    stack = stack_of(volume, plane)
    assert not stack.image(0).any()
    assert not stack.contains(Click(0, 0, 0))
    full = {0: SparseProbability.from_mask(np.ones((4, 5), bool))}
    assert not stack.to_volume(full).any()
    assert all(s.is_empty for s in stack.from_volume(np.full(SHAPE, 255, np.uint8)).values())


@pytest.mark.parametrize("plane", [Plane(2), "oblique"])
def test_colour_stays_colour(plane):
    voxels = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    volume = Volume(voxels, Geometry(SHAPE, (1, 1, 1)))
    stack = SliceStack(volume, upright(volume) if plane == "oblique" else plane, Window(0, 255))
    shown = stack.image(3)
    expected = voxels[3] if plane == "oblique" else voxels[:, :, 3]
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, expected / 255, atol=1e-5)


def test_a_volume_of_1200_slices_is_not_copied():
    voxels = np.zeros((1200, 64, 64), np.int16)
    voxels[600, 20:30, 20:30] = 100
    volume = Volume(voxels, Geometry(voxels.shape, (1, 1, 1)), "CT")
    disk = SparseProbability.from_mask(voxels[600] > 0)
    tracemalloc.start()
    stack = SliceStack(volume, Plane(0), Window(-160, 240))
    images = [stack.image(index).mean() for index in range(1200)]
    oblique = covering_plane(volume.geometry, (0, 1, 0), (1, 0, 0), (1, 1, 1))
    SliceStack(volume, oblique, Window(-160, 240)).image(600)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(images) == 1200
    assert peak_bytes < voxels.nbytes / 20
    assert stack.to_volume({600: disk}).sum() == 255 * 100
