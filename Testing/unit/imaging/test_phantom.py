from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SlicerLIMNet.errors import GeometryError
from SlicerLIMNet.imaging.made_volumes import ball_volume, tube_volume
from SlicerLIMNet.imaging.phantom import torso_phantom
from SlicerLIMNet.imaging.solids import Scene, centre_line, intersection, turned

SMALL = ((24, 48, 60), (40 / 3, 20 / 3, 20 / 3))
MIDDLE = ((40, 80, 100), (8.0, 4.0, 4.0))
DEMO_ORGANS = ("liver", "spleen", "kidney_left", "kidney_right", "aorta")


@pytest.fixture(scope="module")
def torso():
    return torso_phantom(*MIDDLE)


def test_the_phantom_has_every_organ_as_one_piece(torso):
    _, labels, names = torso
    eight_ways = np.ones((3, 3, 3))
    for name in DEMO_ORGANS:
        organ = labels == names[name]
        parts, count = ndimage.label(organ, eight_ways)
        largest = np.bincount(parts.ravel())[1:].max() if count else 0
        assert largest > 0.97 * organ.sum() > 0, name


@pytest.mark.parametrize(
    ("name", "millilitres", "hounsfield"),
    [
        ("liver", (1200, 1800), (95, 110)),
        ("spleen", (90, 250), (105, 125)),
        ("kidney_left", (120, 200), (140, 165)),
        ("kidney_right", (120, 200), (140, 165)),
        ("aorta", (60, 130), (155, 175)),
        ("lungs", (1500, 3000), (-860, -780)),
        ("spine", (350, 650), (200, 450)),
    ],
)
def test_organs_have_the_size_and_the_intensity_of_a_human(torso, name, millilitres, hounsfield):
    image, labels, names = torso
    organ = labels == names[name]
    assert millilitres[0] < organ.sum() * np.prod(MIDDLE[1]) / 1000 < millilitres[1]
    assert hounsfield[0] < np.median(image[organ]) < hounsfield[1]


def test_the_body_lies_on_its_back_with_the_liver_on_the_right(torso):
    image, labels, names = torso
    centres = {name: ndimage.center_of_mass(labels == names[name]) for name in names}
    assert centres["liver"][2] < 50 < centres["spleen"][2]  # columns run to the left
    assert centres["kidney_right"][2] < 50 < centres["kidney_left"][2]
    assert centres["aorta"][1] < centres["spine"][1]  # rows run to the back
    assert centres["lungs"][0] > centres["liver"][0] > centres["kidney_right"][0]  # z to the head
    assert np.median(image[:, 0, :]) < -950


def test_the_phantom_has_noise_that_neighbours_share(torso):
    image, labels, names = torso
    inside = ndimage.binary_erosion(labels == names["liver"], iterations=3)
    assert 10 < image[inside].std() < 25
    rest = image - ndimage.uniform_filter(image.astype(np.float32), 7)
    pairs = inside[:, :, 1:] & inside[:, :, :-1]
    assert np.corrcoef(rest[:, :, 1:][pairs], rest[:, :, :-1][pairs])[0, 1] > 0.15


def test_the_same_seed_gives_the_same_phantom_and_another_one_another():
    image, labels, _ = torso_phantom(*SMALL)
    again, labels_again, _ = torso_phantom(*SMALL)
    other, labels_other, _ = torso_phantom(*SMALL, seed=1)
    assert np.array_equal(image, again)
    assert np.array_equal(labels, labels_again)
    assert (labels != labels_other).mean() > 0.005
    assert (image != other).mean() > 0.5


def test_a_coarse_grid_shows_the_same_body(torso):
    image, labels, names = torso_phantom(*SMALL)
    assert image.shape == labels.shape == SMALL[0]
    assert image.dtype == np.int16
    assert labels.dtype == np.uint8
    coarse, fine = np.prod(SMALL[1]), np.prod(MIDDLE[1])
    for name in DEMO_ORGANS:
        volume = (labels == names[name]).sum() * coarse
        expected = (torso[1] == names[name]).sum() * fine
        assert volume == pytest.approx(expected, rel=0.15), name


@pytest.mark.parametrize("seed", range(2, 8))
def test_every_seed_keeps_the_organs_of_the_demonstration(seed):
    _, labels, names = torso_phantom(*SMALL, seed=seed)
    for name in DEMO_ORGANS:
        assert (labels == names[name]).any(axis=(1, 2)).sum() >= 4, name


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((0, 8, 8), (1.0, 1.0, 1.0)),
        ((8, 8, 8), (1.0, -1.0, 1.0)),
        ((8, 8, 8), (1.0, float("nan"), 1.0)),
        ((8, 8), (1.0, 1.0)),
    ],
)
def test_an_impossible_grid_is_refused(shape, spacing):
    with pytest.raises(GeometryError, match="give"):
        torso_phantom(shape, spacing)


def test_a_grid_may_hold_one_slice_or_no_body_at_all():
    image, labels, _ = torso_phantom((1, 48, 60), SMALL[1])
    assert labels.any()
    assert image.shape == (1, 48, 60)
    assert torso_phantom((4, 4, 4), (0.5, 0.5, 0.5))[0].shape == (4, 4, 4)


def test_a_block_of_a_scene_holds_the_voxels_within_reach():
    scene = Scene((5, 7, 9), (2.0, 1.0, 1.0))
    block = scene.block((1.0, 0.0, 2.0), (1.0, 2.0, 0.5))
    assert block.box == (slice(3, 4), slice(1, 6), slice(4, 7))
    assert block.x.ravel().tolist() == [0.0, 1.0, 2.0]
    assert block.z.ravel().tolist() == [2.0]


def test_paint_covers_intensity_and_label_and_can_keep_the_label():
    scene = Scene((3, 5, 5), (1.0, 1.0, 1.0))
    block = scene.whole()
    ball = block.radius((0, 0, 0), (2.1, 2.1, 1.0)) < 1.0
    scene.paint(block, ball, 50.0, 4)
    scene.paint_tube([(0, 0, 0), (1, 0, 0)], 0.9, 80.0, None)
    assert set(scene.labels[ball]) == {4}
    assert scene.intensity[1, 2, 2] == 80.0
    assert scene.intensity[1, 1, 2] == 50.0
    assert scene.intensity[0, 0, 0] == -1000.0


def test_a_turned_ellipsoid_keeps_its_volume_and_turns_its_long_axis():
    block = Scene((20, 40, 40), (1.0, 1.0, 1.0)).whole()
    flat = block.radius((0, 0, 0), (15, 5, 8)) < 1
    tall = block.radius((0, 0, 0), (15, 5, 8), turned(90.0)) < 1
    assert np.array_equal(tall, flat.transpose(0, 2, 1))


def test_a_centre_line_passes_its_points_in_small_steps():
    line = centre_line([(0, 0, 0), (10, 0, 0), (10, 10, 0)], [2.0, 3.0, 4.0])
    assert line[0].tolist() == [0, 0, 0, 2]
    assert line[-1] == pytest.approx([10, 10, 0, 4])
    assert np.linalg.norm(np.diff(line[:, :3], axis=0), axis=1).max() < 1.2


def test_an_intersection_is_inside_only_where_all_levels_are():
    one, other = np.array([-1.0, -1.0, 1.0]), np.array([-1.0, 1.0, 1.0])
    assert (intersection(one, other) < 0).tolist() == [True, False, False]


def test_a_ball_has_the_volume_that_its_radius_says():
    image, truth = ball_volume((30, 40, 40), 10.0, spacing_zyx_mm=(2.0, 1.0, 1.0))
    assert truth.sum() * 2.0 == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.03)
    assert np.array_equal(image == 100, truth)
    assert set(np.unique(image)) == {0, 100}
    assert truth.any(axis=(1, 2)).sum() == 10


def test_a_ball_lies_where_it_was_put():
    _, truth = ball_volume((9, 9, 9), 0.5, centre_zyx=(2, 3, 4))
    assert np.argwhere(truth).tolist() == [[2, 3, 4]]


def test_a_tube_drifts_and_ends():
    _, truth = tube_volume((9, 30, 30), 4.0, (1.0, -1.0), first_last=(2, 6))
    assert truth.any(axis=(1, 2)).nonzero()[0].tolist() == [2, 3, 4, 5, 6]
    assert ndimage.center_of_mass(truth[6]) == pytest.approx((16.5, 12.5), abs=0.1)


def test_noise_of_made_volumes_is_seeded():
    first, _ = ball_volume(noise=10.0, seed=3)
    again, _ = ball_volume(noise=10.0, seed=3)
    other, truth = ball_volume(noise=10.0, seed=4)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert other[~truth].std() == pytest.approx(10.0, rel=0.05)
