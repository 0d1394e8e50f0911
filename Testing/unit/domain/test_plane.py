import json

import numpy as np
import pytest

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import (
    ObliquePlane,
    Plane,
    covering_plane,
    default_plane,
    plane_from_json,
    plane_from_name,
    plane_name,
    plane_to_json,
)
from SlicerLIMNet.errors import GeometryError


def grid(spacing=(1, 1, 1), direction=((1, 0, 0), (0, 1, 0), (0, 0, 1))):
    return Geometry((4, 5, 6), spacing, (0, 0, 0), direction)


@pytest.mark.parametrize(("axis", "order"), [(0, "zyx"), (1, "yzx"), (2, "xzy")])
def test_slice_row_and_column_of_each_axis(axis, order):
    assert "".join(Plane(axis).from_zyx(("z", "y", "x"))) == order
    assert Plane(axis).to_zyx(Plane(axis).from_zyx((7, 8, 9))) == (7, 8, 9)


def test_names_follow_the_patient_and_not_the_array():
    sagittal_scan = grid(direction=((0, 0, 1), (1, 0, 0), (0, -1, 0)))  # z runs along x of patient
    assert plane_from_name("axial", grid()) == Plane(0)
    assert plane_from_name("coronal", grid()) == Plane(1)
    assert plane_from_name("sagittal", grid()) == Plane(2)
    assert plane_from_name("sagittal", sagittal_scan) == Plane(0)
    assert plane_from_name("coronal", sagittal_scan) == Plane(2)
    assert plane_from_name("axial", sagittal_scan) == Plane(1)
    assert plane_name(Plane(0), sagittal_scan) == "sagittal"


def test_a_tie_goes_to_the_lowest_axis():
    half = np.sqrt(0.5)
    tilted = grid(direction=((1, 0, 0), (0, half, -half), (0, half, half)))
    assert plane_from_name("axial", tilted) == Plane(0)
    assert plane_from_name("coronal", tilted) == Plane(0)
    assert plane_name(Plane(1), tilted) == "axis 1"


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((1, 1, 1), 0), ((3, 3.0000002, 3), 0), ((1, 1, 2), 2), ((0.5, 0.8, 0.8), 1), ((5, 1, 1), 0)],
)
def test_the_default_plane_has_the_coarsest_spacing(spacing, axis):
    assert default_plane(grid(spacing)) == Plane(axis)


def test_an_oblique_grid_along_the_axes_is_that_of_axis_0():
    plane = ObliquePlane((1, 2, 3), (0, 1, 0), (1, 0, 0), (3, 2, 1), (4, 5, 6))
    assert plane.geometry == Geometry((4, 5, 6), (3, 2, 1), (1, 2, 3))
    assert plane_name(plane, grid()) == "oblique"


def test_a_covering_plane_reaches_every_voxel():
    volume = Geometry((4, 5, 6), (2, 1, 0.5), (7, 8, 9))
    row, column = np.array([0.0, 1.0, 1.0]), np.array([1.0, 0.0, 0.0])
    plane = covering_plane(volume, row, column)
    assert plane.spacing_mm == (0.5, 0.5, 0.5)
    voxels = np.indices(volume.shape_zyx).reshape(3, -1).T
    inside = plane.geometry.lps_to_index_zyx(volume.index_zyx_to_lps(voxels))
    assert (inside > -1e-6).all()
    assert (inside < np.array(plane.shape) - 1 + 1e-6).all()


@pytest.mark.parametrize(
    "plane", [Plane(2), ObliquePlane((0, 1, 2), (0, 0.6, 0.8), (1, 0, 0), (2, 1, 1), (3, 4, 5))]
)
def test_a_plane_comes_back_from_json_unchanged(plane):
    assert plane_from_json(json.loads(json.dumps(plane_to_json(plane)))) == plane


@pytest.mark.parametrize("numbers", [{"axis": 3}, {"axis": True}, {"axis": "z"}, {}, {"shape": 3}])
def test_json_that_is_no_plane_is_refused(numbers):
    with pytest.raises(GeometryError, match="plane"):
        plane_from_json(numbers)


def test_what_makes_no_plane_is_refused():
    with pytest.raises(GeometryError, match="axial, coronal, sagittal"):
        plane_from_name("diagonal", grid())
    with pytest.raises(GeometryError, match="perpendicular"):
        ObliquePlane((0, 0, 0), (0, 1, 0), (0, 1, 0), (1, 1, 1), (2, 2, 2))
    with pytest.raises(GeometryError, match="length 1"):
        ObliquePlane((0, 0, 0), (0, 2, 0), (1, 0, 0), (1, 1, 1), (2, 2, 2))
    with pytest.raises(GeometryError, match="above 0 mm"):
        covering_plane(grid(), (0, 1, 0), (1, 0, 0), (1, 0, 1))
    with pytest.raises(GeometryError, match="no length"):
        covering_plane(grid(), (0, 0, 0), (1, 0, 0))
