import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.baselines.coarse import coarse_grid
from SlicerLIMNet.evaluation.baselines.seeds import (
    BACKGROUND,
    NO_SEED,
    OBJECT,
    SeedRules,
    seeded_box,
)

SMALL = SeedRules(disc_radius_pixels=1, box_distances=3, least_reach_voxels=4)
ISOTROPIC = (1.0, 1.0, 1.0)


def test_a_click_is_a_disc_of_three_pixels_on_its_slice():
    box = seeded_box([Click(2, 20, 30)], (5, 41, 61), ISOTROPIC)
    rows, columns = np.ogrid[:41, :61]
    disc = (rows - 20) ** 2 + (columns - 30) ** 2 <= 9
    np.testing.assert_array_equal(box.seeds[2] == OBJECT, disc)
    assert (box.seeds == OBJECT).sum() == disc.sum() == 29


def test_the_box_reaches_its_least_size_and_all_its_faces_are_background():
    box = seeded_box([Click(10, 20, 30)], (40, 40, 60), ISOTROPIC, SMALL)
    assert box.place == (slice(6, 15), slice(16, 25), slice(26, 35))
    faces = np.ones((9, 9, 9), bool)
    faces[1:-1, 1:-1, 1:-1] = False
    np.testing.assert_array_equal(box.seeds == BACKGROUND, faces)
    assert (box.seeds[1:-1, 1:-1, 1:-1] == OBJECT).sum() == 5


def test_the_box_grows_with_the_farthest_positive_click_in_mm():
    clicks = [Click(20, 50, 50), Click(22, 50, 50), Click(0, 0, 0, positive=False)]
    box = seeded_box(clicks, (40, 100, 100), (3.0, 1.0, 1.0), SMALL)
    # 2 slices of 3 mm: the box reaches 18 mm, 6 slices and 18 pixels
    assert box.place == (slice(14, 27), slice(32, 69), slice(32, 69))


def test_a_box_beyond_the_volume_has_faces_at_its_sides_but_not_at_its_ends():
    box = seeded_box([Click(1, 3, 3)], (6, 7, 30), ISOTROPIC, SMALL)
    assert box.place == (slice(0, 6), slice(0, 7), slice(0, 8))
    inner = box.seeds[:, 1:-1, 1:-1]
    assert (inner[0] == NO_SEED).any()  # the box would begin below the first slice
    assert (inner[5] == BACKGROUND).all()  # it ends at slice 5
    assert (box.seeds[:, 0] == BACKGROUND).all()
    assert (box.seeds[:, :, 0] == BACKGROUND).all()


def test_where_discs_meet_the_nearer_click_counts():
    clicks = [Click(3, 10, 10), Click(3, 10, 14, positive=False)]
    box = seeded_box(clicks, (7, 21, 25), ISOTROPIC)
    row = box.seeds[3, 10]
    assert row[7:18].tolist() == [OBJECT] * 5 + [BACKGROUND] * 6  # the middle goes to the later


def test_without_a_positive_click_there_is_no_box():
    assert seeded_box([], (5, 5, 5), ISOTROPIC) is None
    assert seeded_box([Click(1, 2, 3, positive=False)], (5, 5, 5), ISOTROPIC) is None


@pytest.mark.parametrize("wrong", [{"disc_radius_pixels": -1}, {"box_distances": 0.5}])
def test_rules_that_lose_clicks_are_refused(wrong):
    with pytest.raises(ConfigError):
        SeedRules(**wrong)


def test_a_large_box_is_made_coarser_along_its_finest_axes():
    grid = coarse_grid((10, 100, 101), (5.0, 1.0, 1.0), 10_000)
    assert grid.block_zyx == (1, 4, 3)
    assert grid.spacing_zyx_mm((5.0, 1.0, 1.0)) == (5.0, 4.0, 3.0)
    assert coarse_grid((10, 100, 101), (5.0, 1.0, 1.0), 200_000).is_fine
    assert coarse_grid((1, 4, 4), (0.1, 1, 1), 4).block_zyx == (1, 2, 2)


def test_a_straight_ramp_comes_back_from_the_coarse_grid():
    ramp = np.broadcast_to(np.arange(12, dtype=np.float32), (2, 9, 12)) / 12
    grid = coarse_grid(ramp.shape, ISOTROPIC, 30)
    assert not grid.is_fine
    back = grid.to_fine(grid.values(ramp))
    assert back.shape == ramp.shape
    middle = slice(2, -2)
    np.testing.assert_allclose(back[..., middle], ramp[..., middle], atol=1e-6)


def test_a_block_takes_the_seed_that_it_holds_most_of():
    grid = coarse_grid((1, 4, 4), ISOTROPIC, 4)
    seeds = np.zeros((1, 4, 4), np.uint8)
    seeds[0, 0, :2] = (OBJECT, BACKGROUND)
    seeds[0, 2:, :2] = [[OBJECT, BACKGROUND], [BACKGROUND, NO_SEED]]
    seeds[0, 3, 3] = OBJECT
    assert grid.seeds(seeds).tolist() == [[[OBJECT, NO_SEED], [BACKGROUND, OBJECT]]]
