from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.training.click_sampling import (
    ClickSamplingConfig,
    click_slots,
    draw_correction,
    draw_defect_clicks,
    draw_initial_clicks,
    write_correction,
)

OBJECT = np.zeros((64, 80), bool)
OBJECT[20:40, 30:60] = True
NOTHING = np.zeros_like(OBJECT)


def _many_initial(parts, others, config=None, draws=200):
    rng = np.random.default_rng(5)
    return [draw_initial_clicks(parts, others, rng, config) for _ in range(draws)]


def _at(mask, click):
    return mask[int(click.row), int(click.column)]


def test_the_same_generator_draws_the_same_clicks():
    assert _many_initial([OBJECT], None, draws=3) == _many_initial([OBJECT], None, draws=3)


def test_positive_clicks_lie_on_the_object_and_negative_ones_off_it():
    for clicks in _many_initial([OBJECT], None):
        assert all(_at(OBJECT, click) == click.positive for click in clicks)
        assert 1 <= sum(click.positive for click in clicks) <= 24
        assert sum(not click.positive for click in clicks) <= 24


def test_positive_clicks_keep_away_from_the_edge_but_for_the_given_chance():
    inner = np.zeros_like(OBJECT)
    inner[23:37, 33:57] = True
    kept = _many_initial([OBJECT], None, ClickSamplingConfig(erosion_chance=1.0))
    assert all(_at(inner, c) for clicks in kept for c in clicks if c.positive)
    free = _many_initial([OBJECT], None, ClickSamplingConfig(erosion_chance=0.0))
    assert not all(_at(inner, c) for clicks in free for c in clicks if c.positive)


def test_a_small_object_is_not_eroded_away():
    small = np.zeros_like(OBJECT)
    small[5:8, 5:8] = True
    assert all(any(c.positive for c in clicks) for clicks in _many_initial([small], None, draws=20))


def test_an_empty_object_gets_negative_clicks_only():
    drawn = [click for clicks in _many_initial([NOTHING], None) for click in clicks]
    assert drawn
    assert not any(click.positive for click in drawn)


def test_an_object_that_fills_the_image_gets_positive_clicks_only():
    full = np.ones_like(OBJECT)
    assert all(c.positive for clicks in _many_initial([full], None, draws=30) for c in clicks)


def test_each_of_two_merged_objects_gets_a_click_first():
    other = np.zeros_like(OBJECT)
    other[50:62, 5:25] = True
    for clicks in _many_initial([OBJECT, other], None, draws=50):
        assert _at(OBJECT, clicks[0])
        assert _at(other, clicks[1])
        assert sum(click.positive for click in clicks) <= 24


def test_negative_clicks_can_be_sent_to_other_objects_or_to_the_edge():
    others = np.zeros_like(OBJECT)
    others[0:8, 0:8] = True
    elsewhere = ClickSamplingConfig(negative_chances=(0.0, 1.0, 0.0))
    for clicks in _many_initial([OBJECT], others, elsewhere, draws=30):
        assert all(_at(others, click) for click in clicks if not click.positive)
    band = np.zeros_like(OBJECT)
    band[17:43, 27:63] = True  # ceil(0.1 sqrt(600)) = 3 pixels around the object
    close = ClickSamplingConfig(negative_chances=(0.0, 0.0, 1.0))
    for clicks in _many_initial([OBJECT], others, close, draws=30):
        assert all(_at(band & ~OBJECT, click) for click in clicks if not click.positive)


def test_a_correction_lies_deep_in_the_larger_error():
    rng = np.random.default_rng(0)
    for _ in range(30):
        click = draw_correction(OBJECT, NOTHING.astype(np.float32), rng)
        assert click is not None
        assert click.positive
        assert 25 <= click.row < 35
        click = draw_correction(NOTHING, OBJECT, rng)
        assert click is not None
        assert not click.positive


def test_a_right_mask_gets_no_correction():
    rng = np.random.default_rng(0)
    assert draw_correction(OBJECT, OBJECT, rng) is None
    assert draw_defect_clicks(OBJECT, OBJECT, rng) == []


def test_ignored_pixels_are_no_error():
    label = np.where(OBJECT, -1, 0)
    assert draw_correction(label, OBJECT, np.random.default_rng(0)) is None


def test_clicks_on_a_defect_keep_apart_and_stop_by_chance():
    rng = np.random.default_rng(0)
    drawn = [draw_defect_clicks(OBJECT, NOTHING, rng) for _ in range(200)]
    counts = [len(clicks) for clicks in drawn]
    assert set(counts) >= {1, 2}
    assert max(counts) <= 5
    assert np.mean([count == 1 for count in counts]) == pytest.approx(0.5, abs=0.12)
    for clicks in drawn:
        places = np.array([click[:2] for click in clicks])
        apart = ((places[:, None] - places[None]) ** 2).sum(axis=2)
        assert (apart[~np.eye(len(places), dtype=bool)] > 25).all()


def test_clicks_fill_their_slots_from_the_front_and_corrections_from_the_back():
    rows = click_slots([PixelClick(1, 2, True), PixelClick(3, 4, False)], slots=3)
    write_correction(rows, PixelClick(5, 6, True), step=1)
    write_correction(rows, PixelClick(7, 8, False), step=2)
    write_correction(rows, None, step=3)
    unused = [-1, -1, -1]
    assert rows.tolist() == [[1, 2, 100], unused, [5, 6, 1], [3, 4, 100], [7, 8, 2], unused]
