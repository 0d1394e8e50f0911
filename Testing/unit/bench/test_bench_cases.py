import numpy as np
import pytest

from SlicerLIMNet.bench.cases import BenchSize, made_clicks, made_volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.made_volumes import tube_volume


def truth(size):
    first_last = size.first_last
    drift = (size.drift, -size.drift)
    shape = (size.slices, size.pixels, size.pixels)
    return tube_volume(shape, size.pixels / 6, drift, first_last)[1]


def test_the_object_is_a_third_of_the_slice_wide_on_60_percent_of_the_slices():
    size = BenchSize(50, 60)
    found = truth(size)
    filled = found.any(axis=(1, 2))
    assert filled.sum() == 30
    widths = [np.ptp(np.flatnonzero(found[z].any(axis=0))) + 1 for z in np.flatnonzero(filled)]
    assert all(19 <= width <= 21 for width in widths)


@pytest.mark.parametrize("size", [BenchSize(), BenchSize(6, 32), BenchSize(7, 33)])
def test_both_clicks_lie_on_the_object_on_different_slices(size):
    found, (first, later) = truth(size), made_clicks(size)
    assert first.slice_index != later.slice_index
    for click in (first, later):
        assert found[click.slice_index, round(click.row), round(click.column)]


def test_the_volume_is_made_the_same_every_time():
    assert made_volume(BenchSize(6, 32)).sha256 == made_volume(BenchSize(6, 32)).sha256


@pytest.mark.parametrize("numbers", [(4, 64), (10, 8), (0, 0)])
def test_a_volume_without_room_for_an_object_is_refused(numbers):
    with pytest.raises(ConfigError, match="5 slices or more"):
        BenchSize(*numbers)
