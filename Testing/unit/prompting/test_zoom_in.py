from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.prompting.zoom_in import (
    Crop,
    ZoomConfig,
    clicks_in_crop,
    deserves_second_look,
    next_crop,
    object_crop,
    overlap,
    resized_shape,
)

CONFIG = ZoomConfig(100, skip_clicks=0, minimum_crop=20)
INSIDE = PixelClick(50, 60, True)


def _probability(*box: int) -> np.ndarray:
    probability = np.zeros((100, 120), np.float32)
    probability[box[0] : box[1], box[2] : box[3]] = 1
    return probability


OBJECT = _probability(40, 60, 50, 70)


def test_without_an_object_there_is_no_zoom():
    assert next_crop(None, np.zeros((100, 120)), [INSIDE], CONFIG) is None


def test_without_an_object_a_negative_skip_resizes_the_whole_image():
    config = ZoomConfig(100, skip_clicks=-1)
    assert next_crop(None, np.zeros((100, 120)), [INSIDE], config) == Crop(0, 100, 0, 120)


def test_up_to_the_skipped_number_of_clicks_there_is_no_zoom():
    config = ZoomConfig(100, skip_clicks=1)
    assert next_crop(None, OBJECT, [INSIDE], config) is None
    assert next_crop(None, OBJECT, [INSIDE, INSIDE], config) is not None


def test_a_crop_is_given_up_when_the_object_is_lost():
    in_use = next_crop(None, OBJECT, [INSIDE], CONFIG)
    assert in_use is not None
    assert next_crop(in_use, np.zeros((100, 120)), [INSIDE], CONFIG) is None


def test_a_crop_is_given_up_when_clicks_are_taken_back():
    config = ZoomConfig(100, skip_clicks=1, minimum_crop=20)
    in_use = next_crop(None, OBJECT, [INSIDE, INSIDE], config)
    assert in_use is not None
    assert next_crop(in_use, OBJECT, [INSIDE], config) is None


def test_a_crop_is_kept_while_the_object_changes_little():
    in_use = next_crop(None, OBJECT, [INSIDE], CONFIG)
    assert next_crop(in_use, _probability(42, 62, 50, 70), [INSIDE], CONFIG) == in_use


def test_a_crop_is_renewed_when_the_object_grows():
    in_use = next_crop(None, OBJECT, [INSIDE], CONFIG)
    renewed = next_crop(in_use, _probability(20, 80, 30, 90), [INSIDE], CONFIG)
    assert renewed == object_crop(_probability(20, 80, 30, 90) > 0, [INSIDE], CONFIG)
    assert renewed != in_use


def test_a_positive_click_outside_renews_the_crop_and_a_negative_one_does_not():
    in_use = next_crop(None, OBJECT, [INSIDE], CONFIG)
    assert in_use is not None
    outside = PixelClick(in_use.row_stop + 1, 60, True)
    renewed = next_crop(in_use, OBJECT, [INSIDE, outside], CONFIG)
    assert renewed is not None
    assert renewed.holds(outside)
    assert next_crop(in_use, OBJECT, [INSIDE, outside._replace(positive=False)], CONFIG) == in_use


def test_the_last_row_and_column_of_a_crop_count_as_outside():
    crop = Crop(10, 20, 30, 40)
    assert crop.holds(PixelClick(10, 30, True))
    assert crop.holds(PixelClick(18.9, 38.9, True))
    assert not crop.holds(PixelClick(19, 35, True))
    assert not crop.holds(PixelClick(15, 39, True))


def test_crops_that_only_touch_do_not_overlap():
    assert overlap(Crop(0, 10, 0, 10), Crop(10, 20, 0, 10)) == 0
    assert overlap(Crop(0, 10, 0, 10), Crop(0, 10, 0, 10)) == 1


def test_a_crop_at_the_edge_shrinks_and_stays_inside():
    crop = object_crop(_probability(0, 10, 110, 120) > 0, (), CONFIG)
    assert crop.row_start == 0
    assert crop.column_stop == 120
    assert crop.rows_cols[0] < 20


def test_a_thin_crop_keeps_at_least_one_pixel_when_resized():
    assert resized_shape(Crop(0, 1, 0, 1000), 100) == (1, 100)


def test_clicks_move_with_the_crop_and_may_leave_it():
    inside, outside = clicks_in_crop(
        [PixelClick(12, 34, True), PixelClick(8, 30, False)], Crop(10, 20, 30, 40), (20, 30)
    )
    assert inside == (4, 12, True)
    assert outside == (-4, 0, False)


def test_a_second_look_is_for_small_objects_seen_without_zoom():
    assert deserves_second_look(None, OBJECT, CONFIG)
    assert not deserves_second_look(Crop(0, 50, 0, 50), OBJECT, CONFIG)
    assert not deserves_second_look(None, np.zeros((100, 120)), CONFIG)
    assert not deserves_second_look(None, _probability(0, 100, 0, 120), CONFIG)
    assert not deserves_second_look(None, OBJECT, ZoomConfig(100, skip_clicks=1))


def test_settings_for_volumes_scale_with_the_slice():
    assert ZoomConfig.medical((512, 512)).minimum_crop == 96
    small = ZoomConfig.medical((128, 256), 256)
    assert (small.minimum_crop, small.skip_clicks, small.target_size) == (48, 0, 256)


@pytest.mark.parametrize(
    "setting",
    [{"target_size": 0}, {"target_size": (64, 0)}, {"expansion": 0}, {"minimum_crop": -1}],
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ConfigError, match="zoom"):
        ZoomConfig(**setting)
