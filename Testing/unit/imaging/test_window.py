import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.window import (
    BONE_WINDOW,
    LUNG_WINDOW,
    SOFT_TISSUE_WINDOW,
    Window,
    apply_window,
    choose_window,
    percentiles_above,
)


def ct(value, around=0):
    """A CT of one value, with a 32 pixel square of another one around (2, 50, 50)."""
    voxels = np.full((5, 100, 100), around, np.int16)
    voxels[2, 34:66, 34:66] = value
    return voxels


@pytest.mark.parametrize(
    ("value", "window"),
    [
        (-401, LUNG_WINDOW),
        (-400, SOFT_TISSUE_WINDOW),
        (40, SOFT_TISSUE_WINDOW),
        (250, SOFT_TISSUE_WINDOW),
        (251, BONE_WINDOW),
    ],
)
def test_the_median_around_the_click_chooses_the_window_of_a_ct(value, window):
    assert choose_window(ct(value), "CT", (2, 50, 50)) == window


def test_the_windows_of_a_ct_are_those_of_the_specification():
    assert (SOFT_TISSUE_WINDOW.low, SOFT_TISSUE_WINDOW.high) == (-160, 240)
    assert (LUNG_WINDOW.low, LUNG_WINDOW.high) == (-1000, 400)
    assert (BONE_WINDOW.low, BONE_WINDOW.high) == (-200, 1000)


def test_the_neighbourhood_lies_in_the_slice_of_the_plane_and_has_32_pixels():
    voxels = ct(700)
    voxels[3, 34:66, 34:66] = -900
    assert choose_window(voxels, "CT", (2, 50, 50), axis=0) == BONE_WINDOW
    assert choose_window(voxels, "CT", (3, 50, 50), axis=0) == LUNG_WINDOW
    assert choose_window(voxels, "CT", (2, 50, 50), axis=1) == SOFT_TISSUE_WINDOW
    half = ct(0, around=700)  # the square holds exactly what was put there
    assert choose_window(half, "CT", (2, 50, 50)) == SOFT_TISSUE_WINDOW


@pytest.mark.parametrize("corner", [(0, 0, 0), (4, 99, 99)])
def test_a_click_in_a_corner_has_a_smaller_neighbourhood(corner):
    assert choose_window(ct(0, around=600), "CT", corner) == BONE_WINDOW


def test_a_voxel_below_minus_500_makes_a_ct_where_nobody_says():
    voxels = ct(40)
    assert choose_window(voxels, None, (2, 50, 50)) != SOFT_TISSUE_WINDOW
    voxels[0, 0, 0] = -501
    assert choose_window(voxels, None, (2, 50, 50)) == SOFT_TISSUE_WINDOW
    assert choose_window(voxels, "MR", (2, 50, 50)) != SOFT_TISSUE_WINDOW
    assert choose_window(voxels, "CT") == SOFT_TISSUE_WINDOW


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_other_volumes_take_percentiles_above_their_minimum(dtype):
    voxels = np.random.default_rng(3).gamma(2, 20, (7, 33, 21)).astype(dtype)
    voxels[:, :10] = voxels.min()
    window = choose_window(voxels, "MR", (1, 2, 3))
    expected = np.percentile(voxels[voxels > voxels.min()].astype(np.float64), (0.5, 99.5))
    np.testing.assert_allclose((window.low, window.high), expected, rtol=1e-6)


@pytest.mark.parametrize("percentiles", [(0, 100), (0.5, 99.5), (25, 50), (33.3, 66.6)])
def test_percentiles_agree_with_numpy_for_values_of_both_signs(percentiles):
    voxels = np.random.default_rng(5).normal(0, 1000, (4, 19, 23)).astype(np.float32)
    found = percentiles_above(voxels, -200.0, percentiles)
    np.testing.assert_allclose(found, np.percentile(voxels[voxels > -200], percentiles), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("minimum", [-1000.0, 3.5, 40.0])
def test_short_integers_have_the_percentiles_of_the_same_reals(dtype, minimum):
    limits = np.iinfo(dtype)
    voxels = np.random.default_rng(4).integers(limits.min, limits.max, (5, 17, 19), endpoint=True)
    found = percentiles_above(voxels.astype(dtype), minimum, (0, 0.5, 50, 99.5, 100))
    assert found == percentiles_above(voxels.astype(np.float32), minimum, (0, 0.5, 50, 99.5, 100))


def test_the_smallest_percentile_of_one_voxel_is_that_voxel():
    voxels = np.array([[[0.0, 0.0, -0.0, 7.5]]])
    assert percentiles_above(voxels, 0.0, (0.5, 99.5)) == (7.5, 7.5)


def test_a_volume_of_two_values_gets_a_window_all_the_same():
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[1] = 1
    assert choose_window(voxels) == Window(0, 1)


def test_colour_keeps_its_whole_range():
    voxels = np.random.default_rng(0).integers(10, 90, (2, 4, 5, 3)).astype(np.uint8)
    assert choose_window(voxels, None, (0, 0, 0)) == Window(0, 255)
    assert choose_window(voxels.astype(np.uint16) * 10).high == int(voxels.max()) * 10


def test_values_become_0_to_1_and_are_clipped():
    values = np.array([-2000, -160, 40, 240, 3000], np.int16)
    shown = apply_window(values, SOFT_TISSUE_WINDOW)
    np.testing.assert_allclose(shown, [0, 0, 0.5, 1, 1], atol=1e-6)
    assert shown.dtype == np.float32
    assert values[0] == -2000


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (0, float("nan")), (-float("inf"), 0)])
def test_a_window_needs_a_low_below_a_high(low, high):
    with pytest.raises(ConfigError, match="low below a high"):
        Window(low, high)
