from __future__ import annotations

import numpy as np
import pytest
import torch

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.propagation.region import (
    Region,
    RegionConfig,
    choose_region,
    follow,
    object_box,
    resample_between,
)

SHAPE = (200, 240)
CONFIG = RegionConfig(size=96)


def made_mask(top: int, bottom: int, left: int, right: int, shape=SHAPE) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def ball(shape=SHAPE, centre=(100, 120), radius=30) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def test_a_region_lies_around_all_masks_at_the_fill_wanted():
    masks = [made_mask(90, 110, 100, 120), made_mask(80, 100, 110, 140), np.zeros(SHAPE, bool)]
    region = choose_region(masks, SHAPE, CONFIG)
    top, bottom, left, right = region.box
    assert bottom - top == right - left == 80  # 40 pixels at a fill of one half
    assert abs((top + bottom) / 2 - 95) <= CONFIG.grid / 2
    assert abs((left + right) / 2 - 120) <= CONFIG.grid / 2


def test_a_small_object_gets_the_least_side():
    assert choose_region([made_mask(50, 53, 50, 53)], SHAPE, CONFIG).side == CONFIG.least_side


def test_a_region_stays_inside_the_slice_where_it_fits():
    region = choose_region([made_mask(0, 20, 225, 240)], SHAPE, CONFIG)
    assert region.box == (0, 40, 200, 240)


def test_a_large_object_gets_no_more_than_the_slice():
    region = choose_region([made_mask(10, 190, 10, 230)], SHAPE, CONFIG)
    assert region.side == 240
    assert region.inside(SHAPE) == (0, 200, 0, 240)


def test_the_region_in_use_stays_while_it_suits():
    in_use = choose_region([made_mask(90, 130, 100, 140)], SHAPE, CONFIG)
    assert choose_region([made_mask(85, 125, 104, 150)], SHAPE, CONFIG, in_use) == in_use


@pytest.mark.parametrize(
    "mask",
    [
        made_mask(66, 100, 100, 140),  # near its upper edge
        made_mask(75, 140, 90, 150),  # too large for it
        made_mask(108, 112, 118, 122),  # too small for it
    ],
)
def test_the_region_in_use_goes_where_it_does_not_suit(mask):
    in_use = choose_region([made_mask(90, 130, 100, 140)], SHAPE, CONFIG)
    assert choose_region([mask], SHAPE, CONFIG, in_use) != in_use


def test_without_any_mask_the_region_in_use_or_the_whole_slice_is_taken():
    empty = np.zeros(SHAPE, bool)
    in_use = Region((8, 88, 8, 88), 96)
    assert choose_region([empty], SHAPE, CONFIG, in_use) == in_use
    assert choose_region([empty], SHAPE, CONFIG).inside(SHAPE) == (0, 200, 0, 240)


def test_a_region_does_not_move_while_the_object_keeps_from_its_edge():
    region = Region((40, 120, 40, 120), 96)
    assert follow(region, (60, 100, 60, 100), SHAPE, CONFIG) == region
    assert follow(region, None, SHAPE, CONFIG) == region


def test_a_region_moves_with_an_object_at_its_edge_and_keeps_its_side():
    moved = follow(Region((40, 120, 40, 120), 96), (80, 118, 60, 100), SHAPE, CONFIG)
    assert moved.side == 80
    assert abs((moved.box[0] + moved.box[1]) / 2 - 99) <= CONFIG.grid / 2


def test_a_region_grows_with_an_object_that_is_large_for_it():
    grown = follow(Region((40, 120, 40, 120), 96), (50, 119, 42, 115), SHAPE, CONFIG)
    assert grown.side == 120


def test_a_region_never_shrinks():
    region = Region((0, 160, 0, 160), 96)
    assert follow(region, (150, 158, 40, 50), SHAPE, CONFIG).side == 160


def test_an_edge_of_the_slice_is_no_edge_of_the_region():
    region = Region((0, 80, 0, 80), 96)
    assert follow(region, (0, 40, 0, 40), SHAPE, CONFIG) == region


def test_a_region_as_large_as_the_slice_is_not_left():
    region = choose_region([made_mask(10, 190, 10, 230)], SHAPE, CONFIG)
    assert follow(region, (0, 200, 0, 240), SHAPE, CONFIG) == region


def test_specks_do_not_count_for_a_region_and_real_parts_do():
    mask = made_mask(50, 70, 50, 70)
    mask[150:154, 200:204] = True
    assert object_box(mask) == (50, 70, 50, 70)
    mask[150:155, 200:205] = True
    assert object_box(mask) == (50, 155, 50, 205)
    assert object_box(np.zeros(SHAPE, bool)) is None


@pytest.mark.parametrize("side", [48, 72, 96, 160])
def test_a_mask_survives_the_way_to_the_network_and_back(side):
    mask = ball(radius=side // 4)
    region = Region((100 - side // 2, 100 + side // 2, 120 - side // 2, 120 + side // 2), 96)
    seen = region.cut_mask(mask)
    restored, (top, bottom, left, right) = region.restore(seen.astype(np.float32), SHAPE)
    back = np.zeros(SHAPE, bool)
    back[top:bottom, left:right] = restored > 0.5
    dice = 2 * (back & mask).sum() / (back.sum() + mask.sum())
    assert dice > 0.98


def test_a_region_that_sticks_out_shows_zero_there_and_comes_back_inside():
    region = Region((-20, 60, 200, 280), 80)
    seen = region.cut_image(np.ones(SHAPE, np.float32))
    assert seen.shape == (80, 80, 1)
    assert not seen[:20].any()
    assert not seen[:, 40:].any()
    assert seen[20:, :40].all()
    restored, box = region.restore(np.ones((80, 80), np.float32), SHAPE)
    assert box == (0, 60, 200, 240)
    assert restored.shape == (60, 40)


def test_colours_stay_colours():
    image = np.zeros((*SHAPE, 3), np.float32)
    image[..., 1] = 0.5
    seen = Region((40, 120, 40, 120), 48).cut_image(image)
    assert seen[10, 10].tolist() == [0.0, 0.5, 0.0]


def test_a_mask_of_one_pixel_does_not_vanish_by_shrinking():
    mask = made_mask(100, 101, 100, 101)
    assert Region((0, 192, 0, 192), 48).cut_mask(mask).any()
    assert not Region((0, 192, 0, 192), 48).cut_mask(np.zeros(SHAPE, bool)).any()


def test_maps_keep_their_place_when_the_region_changes():
    old, new = Region((40, 104, 40, 104), 64), Region((24, 120, 56, 152), 64)
    mask = ball(centre=(72, 80), radius=12)
    seen = torch.from_numpy(old.cut_mask(mask).astype(np.float32))[None, None]
    moved = resample_between(seen, old, new)[0, 0] > 0.5
    expected = new.cut_mask(mask)
    assert (moved.numpy() != expected).sum() <= 0.08 * expected.sum()
    assert torch.equal(resample_between(seen, old, old) > 0.5, seen > 0.5)


def test_maps_follow_a_region_that_is_seen_larger():
    old, new = Region((40, 104, 40, 104), 64), Region((40, 104, 40, 104), 128)
    mask = ball(centre=(72, 72), radius=16)
    seen = torch.from_numpy(old.cut_mask(mask).astype(np.float32))[None, None]
    moved = resample_between(seen, old, new)
    assert moved.shape == (1, 1, 128, 128)
    assert ((moved[0, 0] > 0.5).numpy() != new.cut_mask(mask)).mean() < 0.02
    assert resample_between(torch.zeros(1, 3, 4, 4), old, new).shape == (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("side", "size"), [(32, 192), (192, 192), (193, 256), (320, 320), (384, 384), (900, 384)]
)
def test_a_region_is_seen_in_its_own_resolution_within_limits(side, size):
    assert RegionConfig(size=384, least_size=192).size_for(side) == size
    assert RegionConfig(size=384).size_for(side) == 384


def test_a_large_object_is_seen_larger_than_a_small_one():
    config = RegionConfig(size=384, least_size=192)
    small = choose_region([ball(radius=10)], SHAPE, config)
    large = choose_region([ball(radius=75)], SHAPE, config)
    assert (small.size, large.size) == (192, 256)
    assert follow(small, (4, 180, 4, 180), SHAPE, config).size > 192


@pytest.mark.parametrize(
    "options", [{"size": 100}, {"fill": 0.8}, {"least_side": 0}, {"growth": 1.0}, {"margin": 0.5}]
)
def test_region_options_out_of_range_are_named(options):
    with pytest.raises(ConfigError, match=f"{next(iter(options))}.*give"):
        RegionConfig(**options)


@pytest.mark.parametrize("least", [0, 100, 208])
def test_a_least_size_that_cannot_be_is_named(least):
    with pytest.raises(ConfigError, match=f"{least}; give multiples of 16"):
        RegionConfig(size=192, least_size=least)
