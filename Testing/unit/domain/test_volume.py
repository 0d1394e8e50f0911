import numpy as np
import pytest

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import VolumeError


def volume(array):
    return Volume(array, Geometry(array.shape[:3], (1, 1, 1)), "CT", "phantom")


@pytest.fixture
def voxels():
    return np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def test_voxels_are_read_only_and_those_of_the_caller_stay_writable(voxels):
    made = volume(voxels)
    with pytest.raises(ValueError, match="read-only"):
        made.array[0, 0, 0] = 1
    voxels[0, 0, 0] = 0
    assert np.shares_memory(made.array, voxels)


def test_the_checksum_is_of_the_voxels_and_not_of_their_place(voxels):
    turned = np.asfortranarray(voxels)
    elsewhere = Volume(voxels, Geometry((2, 3, 4), (5, 5, 5)), None, "other")
    assert volume(voxels).sha256 == volume(turned).sha256 == elsewhere.sha256
    assert volume(voxels).sha256 == volume(voxels.astype(">i2")).sha256
    assert volume(voxels).sha256 != volume(voxels + 1).sha256


def test_colour_and_one_slice_are_volumes(voxels):
    assert volume(np.stack([voxels] * 3, axis=-1)).is_colour
    assert volume(voxels[:1]).shape_zyx == (1, 3, 4)
    assert not volume(voxels).is_colour
    assert volume(voxels).minimum == 0


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((2, 3, 4)), "constant: every voxel is 0"),
        (np.full((2, 3, 4), np.nan), "NaN"),
        (np.where(np.arange(24).reshape(2, 3, 4) == 5, np.inf, 1.0), "infinite"),
        (np.where(np.arange(24).reshape(2, 3, 4) == 5, np.nan, 1.0), "NaN"),
        (np.zeros((2, 3, 4, 2)), "three dimensions"),
        (np.zeros((2, 3, 4, 5, 1)), "three dimensions"),
        (np.ones((2, 3, 4), complex), "complex128"),
        (np.full((2, 3, 4), "a"), "expected integers or real numbers"),
    ],
)
def test_what_cannot_be_segmented_is_refused(array, text):
    with pytest.raises(VolumeError, match=text):
        volume(array)


def test_an_empty_or_flat_array_is_refused():
    grid = Geometry((2, 3, 4), (1, 1, 1))
    with pytest.raises(VolumeError, match="empty"):
        Volume(np.zeros((0, 3, 4)), grid)
    with pytest.raises(VolumeError, match="three dimensions"):
        Volume(np.zeros((3, 4)), grid)
    with pytest.raises(VolumeError, match="on a grid of"):
        Volume(np.zeros((2, 3, 5)), grid)
