from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from SlicerLIMNet.training.made_objects import made_sequence, made_slice
from SlicerLIMNet.training.made_scenes import TARGET, draw_scene
from SlicerLIMNet.training.made_shapes import Band, Blob, Ellipsoid, SmoothField, Tube, random_shape

SIZE = 64


def parts_of(mask: np.ndarray) -> int:
    return cv2.connectedComponents(mask.astype(np.uint8))[0] - 1


@pytest.fixture(scope="module")
def slices():
    rng = np.random.default_rng(1)
    return [made_slice(rng, SIZE) for _ in range(120)]


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(2)
    return [made_sequence(rng, 8, SIZE, reference=index % 8) for index in range(64)]


def test_a_slice_is_an_image_with_one_connected_object(slices):
    for image, mask in slices:
        assert image.shape == mask.shape == (SIZE, SIZE)
        assert image.dtype == np.float32
        assert mask.dtype == bool
        assert 0 <= image.min() <= image.max() <= 1
        assert image.std() > 0.005
        assert parts_of(mask) == 1
        assert 24 <= mask.sum() <= 0.6 * SIZE**2


def test_most_objects_can_be_told_from_what_surrounds_them(slices):
    ratios = []
    for image, mask in slices:
        ring = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7))) > mask
        contrast = abs(np.median(image[mask]) - np.median(image[ring]))
        ratios.append(contrast / image[mask].std())
    assert np.median(ratios) > 1.0
    assert np.quantile(ratios, 0.1) > 0.3


def test_objects_come_in_many_sizes(slices):
    areas = [mask.mean() for _, mask in slices]
    assert np.quantile(areas, 0.1) < 0.02
    assert np.quantile(areas, 0.9) > 0.1


def test_a_sequence_is_a_stack_of_images_and_masks(sequences):
    for images, masks in sequences:
        assert images.shape == masks.shape == (8, SIZE, SIZE)
        assert images.dtype == np.float32
        assert masks.dtype == bool
        assert 0 <= images.min() <= images.max() <= 1


def test_the_object_is_present_on_the_reference_slice(sequences):
    for index, (_, masks) in enumerate(sequences):
        assert masks[index % 8].sum() >= 24


def test_objects_are_born_and_end_and_change_their_number_of_parts(sequences):
    present = np.array([masks.any(axis=(1, 2)) for _, masks in sequences])
    assert 0.1 < 1 - present[:, 0].mean() < 0.5
    assert 0.1 < 1 - present[:, -1].mean() < 0.5
    parts = [{parts_of(mask) for mask in masks if mask.any()} for _, masks in sequences]
    assert sum(len(numbers) > 1 for numbers in parts) >= 4


def test_neighbouring_slices_show_the_same_object(sequences):
    overlaps = []
    for _, masks in sequences:
        for one, other in pairwise(masks):
            if one.any() and other.any():
                overlaps.append((one & other).sum() / (one | other).sum())
    assert np.median(overlaps) > 0.65
    assert np.quantile(overlaps, 0.1) < 0.75


def test_the_same_generator_gives_the_same_images():
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(5):
        for one, other in zip(made_slice(first, 48), made_slice(second, 48), strict=True):
            assert np.array_equal(one, other)
    one, other = made_sequence(first, 3, 48), made_sequence(second, 3, 48)
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_a_sequence_of_one_slice_and_an_odd_size_work():
    images, masks = made_sequence(np.random.default_rng(4), 1, 49)
    assert images.shape == (1, 49, 49)
    assert masks[0].any()
    assert made_slice(np.random.default_rng(4), 32)[1].any()


def test_a_size_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 32"):
        made_slice(np.random.default_rng(0), 31)


@pytest.mark.parametrize(("slices", "reference"), [(4, 4), (4, -1), (0, 0)])
def test_a_reference_outside_the_stack_is_refused(slices, reference):
    with pytest.raises(ValueError, match="give one of the stack"):
        made_sequence(np.random.default_rng(0), slices, SIZE, reference)


def test_a_scene_holds_its_target_once_and_look_alikes_keep_away():
    rng = np.random.default_rng(5)
    scenes = [draw_scene(rng, SIZE, 20.0, 10.0, 4.0) for _ in range(60)]
    similar = 0
    for scene in scenes:
        assert [thing.entry for thing in scene.things].count(TARGET) == 1
        assert scene.counted[TARGET]
        assert not scene.counted[0]
        for thing in scene.things:
            if thing.gap_px > 0:
                similar += 1
                assert scene.look.means[thing.entry] == pytest.approx(
                    scene.look.means[TARGET], abs=0.05
                )
    assert similar > 30


def grid_of(size: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    return columns, rows


def test_an_ellipsoid_is_cut_as_geometry_says():
    ball = Ellipsoid(np.array([20.0, 18.0, 5.0]), np.eye(3) / 100.0, 10.0)
    x, y = grid_of(40)
    assert (ball.level(x, y, 5.0) < 0).sum() == pytest.approx(np.pi * 100, rel=0.03)
    assert (ball.level(x, y, 11.0) < 0).sum() == pytest.approx(np.pi * 64, rel=0.05)
    assert not (ball.level(x, y, 15.1) < 0).any()
    assert ball.level(x, y, 5.0)[18, 35] == pytest.approx(5.0)


def test_a_tube_drifts_forks_and_ends():
    tube = Tube(
        centre=np.array([20.0, 20.0, 0.0]),
        drift=np.array([0.5, 0.0]),
        sway=np.array([0.0, 0.0, 10.0]),
        radius=4.0,
        squeeze=np.array([1.0, 0.0, 1.0]),
        half_length=12.0,
        fork=np.array([2.0, 0.0, 1.5]),
    )
    x, y = grid_of(50)
    assert (tube.level(x, y, 0.0) < 0)[20, 20]
    assert (tube.level(x, y, -10.0) < 0)[20, 15]
    assert parts_of(tube.level(x, y, 1.0) < 0) == 1
    assert parts_of(tube.level(x, y, 10.0) < 0) == 2
    assert not (tube.level(x, y, 16.5) < 0).any()


def test_a_band_is_long_in_its_slice_and_thin_across():
    band = Band(np.array([25.0, 25.0, 0.0]), 0.0, 0.01, 0.0, 3.0, 15.0)
    x, y = grid_of(50)
    inside = band.level(x, y, 0.0) < 0
    assert inside.any(axis=0).sum() == pytest.approx(30, abs=2)
    assert inside[:, 25].sum() == pytest.approx(6, abs=1)
    assert inside[:, 38].nonzero()[0].mean() > inside[:, 25].nonzero()[0].mean()
    assert not (band.level(x, y, 3.5) < 0).any()


def test_a_blob_splits_where_its_balls_are_apart():
    blob = Blob(
        np.array([[15.0, 25.0, 0.0], [35.0, 25.0, 0.0], [25.0, 25.0, 12.0]]), np.full(3, 7.0)
    )
    x, y = grid_of(50)
    assert parts_of(blob.level(x, y, -3.0) < 0) == 2
    assert parts_of(blob.level(x, y, 7.0) < 0) == 1
    assert not (blob.level(x, y, 40.0) < 0).any()


def test_a_smooth_field_changes_slowly_with_height():
    field = SmoothField.draw(np.random.default_rng(6), 5, 20.0)
    here, near, far = field.at(0.0, 40), field.at(2.0, 40), field.at(30.0, 40)
    assert np.corrcoef(here.ravel(), near.ravel())[0, 1] > 0.95
    assert np.corrcoef(here.ravel(), far.ravel())[0, 1] < 0.8


def test_random_shapes_are_of_every_kind_and_near_their_centre():
    rng = np.random.default_rng(7)
    x, y = grid_of(SIZE)
    kinds = set()
    hits = 0
    for _ in range(80):
        shape = random_shape(rng, np.array([32.0, 32.0, 8.0]), 8.0, 16.0, 2.0)
        kinds.add(type(shape))
        level = shape.level(x, y, 8.0)
        assert level.dtype == np.float32
        assert np.isfinite(level).all()
        hits += bool((level[28:37, 28:37] < 0).any())
    assert kinds == {Ellipsoid, Tube, Band, Blob}
    assert hits >= 76
