import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.coco_masks import fill_polygon, read_mask

PIXELS = np.zeros((7, 9), bool)
PIXELS[2:5, 1:4] = True
PIXELS[5, 6:9] = True
PIXELS[0, 0] = True

ELLIPSE = "fc01f1:I4M2N2M4M2O0O2N2O0O2N2O000O2O0O2O00000O2O000000000000000O20N10000000000000001N100\
0001N101N10001N2N101N2N101N3L3N2N3L7FS`0"
"""Of 60 x 80 pixels, centre (30, 40), half axes 20 and 30; packed by COCO's own tool."""


def test_run_lengths_go_down_the_columns():
    counts = [0, 1, 8, 3, 4, 3, 4, 3, 21, 1, 6, 1, 6, 1, 1]
    mask = read_mask({"size": [7, 9], "counts": counts}, 7, 9)
    np.testing.assert_array_equal(mask, PIXELS)


@pytest.mark.parametrize("packed", ["0182L000a0NA000K", b"0182L000a0NA000K"])
def test_packed_run_lengths_are_those_of_cocos_own_tool(packed):
    np.testing.assert_array_equal(read_mask({"size": [7, 9], "counts": packed}, 7, 9), PIXELS)


def test_a_large_packed_mask_has_long_runs_and_falling_ones():
    rows, columns = np.ogrid[:60, :80]
    ellipse = ((rows - 30) / 20) ** 2 + ((columns - 40) / 30) ** 2 <= 1
    np.testing.assert_array_equal(read_mask({"size": [60, 80], "counts": ELLIPSE}, 60, 80), ellipse)


def test_a_polygon_holds_the_pixels_whose_centres_it_holds():
    mask = fill_polygon([2, 1, 8, 1, 8, 5, 2, 5], 8, 10)
    expected = np.zeros((8, 10), bool)
    expected[1:5, 2:8] = True
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(fill_polygon([2, 5, 8, 5, 8, 1, 2, 1], 8, 10), expected)


def test_a_slanted_polygon_agrees_with_a_test_of_every_centre():
    corners = np.array([[2.5, 1.2], [7.7, 2.1], [5.3, 6.4]])
    rows, columns = np.mgrid[:8, :10] + 0.5
    inside = np.ones((8, 10), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0) >= 0
    np.testing.assert_array_equal(fill_polygon(corners.ravel(), 8, 10), inside)


def test_polygons_are_cut_at_the_edges_and_united():
    mask = read_mask([[-5, -5, 3, -5, 3, 3, -5, 3], [8, 6, 20, 6, 20, 20, 8, 20]], 8, 10)
    expected = np.zeros((8, 10), bool)
    expected[:3, :3] = True
    expected[6:, 8:] = True
    np.testing.assert_array_equal(mask, expected)
    overlapping = read_mask([[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]], 8, 10)
    assert overlapping.sum() == 16 + 16 - 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": [7, 8], "counts": [63]},
        {"size": [7, 9], "counts": [62]},
        {"size": [7, 9], "counts": [64, -1]},
        {"size": [7, 9], "counts": "0182L000a0NA000"},
        {"size": [7, 9], "counts": "01 2"},
        {"size": [7, 9], "counts": "o"},
        {"size": [7, 9]},
        [[1, 2, 3]],
        [[1, 2, float("nan"), 4]],
        [1, 2],
        7,
    ],
)
def test_what_is_no_mask_is_refused(wrong):
    with pytest.raises(ConfigError, match="mask"):
        read_mask(wrong, 7, 9)
