import numpy as np
import pytest

from SlicerLIMNet.domain.geometry import Geometry, flip_lps_ras, nearest_index
from SlicerLIMNet.errors import GeometryError

ANGLE = np.deg2rad(25)
TURN = (
    (np.cos(ANGLE), -np.sin(ANGLE), 0.0),
    (np.sin(ANGLE), np.cos(ANGLE), 0.0),
    (0.0, 0.0, 1.0),
)
DIRECTIONS = {
    "identity": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "flipped": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "left-handed": ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "permuted": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "oblique": TURN,
}


@pytest.fixture(params=DIRECTIONS.values(), ids=DIRECTIONS)
def geometry(request):
    return Geometry((4, 5, 6), (3.0, 0.7, 0.5), (-10.0, 20.0, 5.5), request.param)


def test_the_columns_of_a_direction_are_the_index_axes_x_y_z(geometry):
    direction = np.array(geometry.direction_lps)
    for axis, (column, step_mm) in enumerate([(2, 3.0), (1, 0.7), (0, 0.5)]):
        index = np.eye(3)[axis]
        expected = np.array(geometry.origin_lps) + direction[:, column] * step_mm
        np.testing.assert_allclose(geometry.index_zyx_to_lps(index), expected)
        np.testing.assert_allclose(geometry.axis_direction_lps(axis), direction[:, column])


def test_indices_come_back_from_both_frames(geometry):
    points = np.random.default_rng(0).uniform(-5, 10, (40, 3))
    lps, ras = geometry.index_zyx_to_lps(points), geometry.index_zyx_to_ras(points)
    np.testing.assert_allclose(geometry.lps_to_index_zyx(lps), points, atol=1e-9)
    np.testing.assert_allclose(geometry.ras_to_index_zyx(ras), points, atol=1e-9)
    np.testing.assert_allclose(flip_lps_ras(lps), ras)
    np.testing.assert_array_equal(ras[:, :2], -lps[:, :2])


def test_a_grid_comes_back_from_json_unchanged(geometry):
    assert Geometry.from_json(geometry.to_json()) == geometry


def test_a_volume_of_a_voxel_does_not_depend_on_the_direction(geometry):
    assert geometry.voxel_volume_mm3 == pytest.approx(3.0 * 0.7 * 0.5)


def test_rounding_in_a_file_is_close_and_another_grid_is_not(geometry):
    numbers = geometry.to_json()
    numbers["origin_lps"][0] += 1e-4
    assert geometry.is_close(Geometry.from_json(numbers))
    numbers["origin_lps"][0] += 0.3
    assert not geometry.is_close(Geometry.from_json(numbers))
    assert not geometry.is_close(Geometry.from_json({**geometry.to_json(), "shape_zyx": [4, 5, 7]}))
    wider = {**geometry.to_json(), "spacing_zyx_mm": [3.0, 0.7, 0.52]}
    assert not geometry.is_close(Geometry.from_json(wider))


def test_halves_go_up_also_below_zero():
    points = [-1.6, -1.5, -0.6, -0.5, -0.4, 0.49, 0.5]
    np.testing.assert_array_equal(nearest_index(points), [-2, -1, -1, 0, 0, 0, 1])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shape_zyx": (4, 0, 6)}, "at least one voxel"),
        ({"shape_zyx": (4, 5)}, "three sizes"),
        ({"spacing_zyx_mm": (1, 0, 1)}, "above 0 mm"),
        ({"spacing_zyx_mm": (1, -1, 1)}, "above 0 mm"),
        ({"spacing_zyx_mm": (1, float("nan"), 1)}, "finite"),
        ({"spacing_zyx_mm": (1, 1)}, "three finite numbers"),
        ({"origin_lps": (0, 0, float("inf"))}, "finite"),
        ({"origin_lps": (0, 0, "left")}, "three numbers"),
        ({"direction_lps": ((1, 0, 0), (0, 1, 0))}, "3x3"),
        ({"direction_lps": ((2, 0, 0), (0, 1, 0), (0, 0, 1))}, "length 1"),
        ({"direction_lps": ((1, 1, 0), (0, 0, 0), (0, 0, 1))}, "same way"),
    ],
)
def test_what_makes_no_grid_is_refused(change, text):
    numbers = {"shape_zyx": (4, 5, 6), "spacing_zyx_mm": (1, 1, 1), **change}
    with pytest.raises(GeometryError, match=text):
        Geometry(**numbers)


@pytest.mark.parametrize("numbers", [{}, {"shape_zyx": 3}, {"shape_zyx": ["a", 1, 1]}])
def test_json_that_is_no_grid_is_refused(numbers):
    whole = {**Geometry((1, 2, 3), (1, 1, 1)).to_json(), **numbers} if numbers else {}
    with pytest.raises(GeometryError, match="no grid"):
        Geometry.from_json(whole)
