from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.imaging.resample import Box
from SlicerLIMNet.prompting.light_predictor import (
    LightPredictor,
    LightPredictorConfig,
    LightState,
)
from SlicerLIMNet.prompting.window_choice import best_window

SIZE = 64
CONFIG = LightPredictorConfig(size=SIZE)


def is_used(points: Tensor) -> Tensor:
    """Which rows (N, K) of points (N, K, 3) hold a click."""
    return points[..., :2].amax(dim=-1) >= 0


class SimilarityNetwork:
    """The object is what is as bright as a positive click; without one, what was there before.

    Negative clicks take away a disk. It remembers what it was shown. What spoils its masks may
    return parts of one, 0..1: just above a half is an unsure mask.
    """

    def __init__(self, spoil: Callable[[Tensor], Tensor] = lambda mask: mask) -> None:
        self.images: list[Tensor] = []
        self.points: list[Tensor] = []
        self._spoil = spoil

    def __call__(self, image: Tensor, points: Tensor) -> Tensor:
        self.images.append(image)
        self.points.append(points)
        masks = [self._mask(*item) for item in zip(image, points, strict=True)]
        return 20 * (2 * torch.stack(masks).float() - 1)[:, None]

    def _mask(self, image: Tensor, points: Tensor) -> Tensor:
        rows, columns = torch.meshgrid(*(torch.arange(n) for n in image.shape[1:]), indexing="ij")
        positive, negative = (part[is_used(part)] for part in points.chunk(2))
        mask = image[3] > 0.5
        if len(positive):
            places = positive[:, :2].round().long()
            around = functional.max_pool2d(image[:1], 3, 1, 1)[0]  # pixels at an edge are darker
            values = [around[row, column] for row, column in places.tolist()]
            similar = [(image[0] - value).abs() < 0.375 * value for value in values]
            mask = torch.stack(similar).any(dim=0)
        for row, column, _ in negative.tolist():
            mask = mask & ((rows - row) ** 2 + (columns - column) ** 2 > 36)
        return self._spoil(mask)


def slice_with(box: Box, shape: tuple[int, int] = (256, 256), value: float = 0.8) -> np.ndarray:
    image = np.full(shape, 0.2, np.float32)
    image[box[0] : box[1], box[2] : box[3]] = value
    return image


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def click_at(row: float, column: float, positive: bool = True) -> PixelClick:
    return PixelClick(row, column, positive)


def predicted(image: np.ndarray, *clicks: PixelClick, **options) -> tuple[np.ndarray, LightState]:
    probability, state = LightPredictor(SimilarityNetwork(), CONFIG).predict(
        image, clicks, **options
    )
    return probability > 0.5, state


def seen_at(image: Tensor, row: float, column: float) -> float:
    """Read a network's input between pixel centres, linearly."""
    return float(ndimage.map_coordinates(image.numpy(), [[row], [column]], order=1)[0])


@pytest.mark.parametrize("box", [(100, 130, 90, 140), (3, 15, 5, 20), (10, 240, 20, 230)])
def test_a_first_click_finds_an_object_of_any_size(box):
    image = slice_with(box)
    mask, state = predicted(image, click_at((box[0] + box[1]) // 2, (box[2] + box[3]) // 2))
    assert overlap(mask, image > 0.5) > 0.9
    assert state.box is not None


def test_probabilities_are_zero_outside_the_box_that_was_looked_at():
    image = slice_with((100, 130, 90, 140))
    known = (image > 0.5).astype(np.float32)
    image[:20, :20] = 0.8  # as bright, far away
    predictor = LightPredictor(SimilarityNetwork(), CONFIG)
    probability, state = predictor.predict(image, [click_at(110, 110)], known)
    assert overlap(probability > 0.5, known > 0.5) > 0.9
    top, bottom, left, right = state.box
    assert bottom - top < 100
    inside = np.zeros(image.shape, bool)
    inside[top:bottom, left:right] = True
    assert (probability[~inside] == 0).all()
    assert probability.shape == image.shape
    assert probability.dtype == np.float32
    assert probability.max() <= 1


@pytest.mark.parametrize(
    ("side", "windows"),
    [(512, 8), (256, 8), (168, 8), (160, 7), (100, 6), (64, 5), (30, 3), (21, 2), (20, 1)],
)
def test_windows_come_closer_from_the_whole_slice_down_to_the_least_side(side, windows):
    network = SimilarityNetwork()
    image = slice_with((side // 3, side // 2, side // 3, side // 2), (side, side))
    LightPredictor(network, CONFIG).predict(image, [click_at(side * 0.4, side * 0.4)])
    assert network.images[0].shape == (windows, 4, SIZE, SIZE)
    assert network.points[0].shape == (windows, 2, 3)


def test_without_closer_windows_the_whole_slice_is_looked_at():
    network = SimilarityNetwork()
    image = slice_with((100, 130, 90, 140))
    config = LightPredictorConfig(size=SIZE, closeness=())
    probability, _ = LightPredictor(network, config).predict(image, [click_at(110, 110)])
    assert len(network.images[0]) == 1
    assert overlap(probability > 0.5, image > 0.5) > 0.9


def test_each_window_shows_the_click_at_its_own_scale():
    network = SimilarityNetwork()
    image = slice_with((120, 136, 120, 136))
    image[128, 128] = 1.0
    LightPredictor(network, CONFIG).predict(image, [click_at(128, 128)])
    areas = [float((window > 0.5).sum()) for window in network.images[0][:, 0]]
    assert [areas[k] for k in (0, 2, 4, 6)] == [16, 64, 256, 1024]  # 1, 2, 4 and 8 times closer
    assert areas == pytest.approx([16 * factor**2 for factor in (1, *CONFIG.closeness)], rel=0.1)


def unsure_flood(mask: Tensor) -> Tensor:
    return torch.full(mask.shape, 0.51)


@pytest.mark.parametrize("failure", [unsure_flood, torch.zeros_like])
def test_windows_in_which_the_network_fails_are_not_taken(failure):
    """It fails where the object is smaller than a sixth of the side."""

    def spoil(mask: Tensor) -> Tensor:
        return failure(mask) if mask.any(dim=0).sum() < SIZE / 6 else mask

    image = slice_with((100, 124, 100, 124))
    predictor = LightPredictor(SimilarityNetwork(spoil), CONFIG)
    probability, state = predictor.predict(image, [click_at(110, 110)])
    assert overlap(probability > 0.5, image > 0.5) > 0.9
    assert state.box[1] - state.box[0] == 36


def answer(box: Box, probability: float = 0.9) -> np.ndarray:
    return np.where(slice_with(box, (64, 64)) > 0.5, probability, 0).astype(np.float32)


NOTHING = np.full((64, 64), 0.4, np.float32)


def test_a_firm_window_beats_a_shaky_one():
    firm, shaky = (answer((10, 30, 10, 30), probability) for probability in (0.9, 0.6))
    assert best_window([firm, shaky], click_at(20, 20)) == 0
    assert best_window([shaky, firm], click_at(20, 20)) == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_window_that_others_agree_with_beats_a_lonely_one(place):
    answers = [answer((10, 30, 10, 30)), answer((11, 31, 10, 30))]
    answers.insert(place, answer((40, 60, 40, 60)))
    assert best_window(answers, click_at(35, 35)) != place


def test_a_large_mask_beats_a_small_one_that_is_trusted_as_much():
    small, large = answer((10, 20, 10, 20)), answer((30, 60, 30, 60))
    assert best_window([small, large], click_at(0, 0)) == 1
    assert best_window([large, small], click_at(0, 0)) == 0


def test_a_mask_that_the_click_lies_deep_in_beats_one_that_it_only_touches():
    around, beside = answer((10, 31, 10, 31)), answer((10, 31, 19, 40))
    assert best_window([around, beside], click_at(20, 20)) == 0
    assert best_window([beside, around], click_at(20, 20)) == 1


@pytest.mark.parametrize("place", [0, 3, 7])
def test_windows_without_a_mask_lose_however_many_agree_on_nothing(place):
    answers = [NOTHING] * 7
    answers.insert(place, answer((10, 11, 10, 11), 0.55))
    assert best_window(answers, click_at(10, 10)) == place


@pytest.mark.parametrize("windows", [1, 8])
def test_one_of_the_windows_is_taken_if_all_are_empty(windows):
    assert best_window([NOTHING] * windows, click_at(5, 5)) in range(windows)
    assert best_window([np.zeros_like(NOTHING)] * windows, click_at(5, 5)) in range(windows)


def test_a_click_on_which_no_window_finds_anything_is_looked_at_closely():
    network = SimilarityNetwork(torch.zeros_like)
    probability, state = LightPredictor(network, CONFIG).predict(
        slice_with((9, 20, 9, 20)), [click_at(100, 50)]
    )
    assert not (probability > 0.5).any()
    assert state.box == (94, 108, 44, 58)
    assert len(network.images) == 2


def test_only_negative_clicks_on_an_empty_slice_give_an_empty_mask():
    network = SimilarityNetwork()
    image = slice_with((100, 130, 90, 140))
    probability, state = LightPredictor(network, CONFIG).predict(
        image, [click_at(110, 110, False)], np.full(image.shape, 0.3, np.float32)
    )
    assert probability.shape == image.shape
    assert not probability.any()
    assert state == LightState()
    assert network.images == []


def test_a_negative_click_corrects_a_previous_mask():
    image = slice_with((100, 140, 90, 130))
    mask, state = predicted(
        image, click_at(120, 110, False), previous=(image > 0.5).astype(np.float32)
    )
    assert not mask[120, 110]
    assert mask[101, 91]
    assert state.box == (90, 150, 80, 140)


def test_a_previous_mask_is_shown_to_the_network_as_it_is():
    network = SimilarityNetwork()
    image = slice_with((100, 164, 100, 164))
    previous = (image > 0.5) * np.float32(0.75)
    config = LightPredictorConfig(size=64, expansion=1.0)
    LightPredictor(network, config).predict(image, [click_at(120, 120)], previous)
    assert (network.images[0][:, 3] == 0.75).all()


def test_the_box_stays_while_it_suits():
    image = slice_with((100, 130, 90, 140))
    first, state = predicted(image, click_at(110, 110))
    smaller = first.copy()
    smaller[125:] = False
    options = {"previous": smaller.astype(np.float32), "state": state}
    _, after = predicted(image, click_at(110, 110), click_at(127, 100), **options)
    assert after == state


def test_a_positive_click_outside_the_box_moves_it():
    image = slice_with((100, 130, 90, 140))
    first, state = predicted(image, click_at(110, 110))
    image[10:20, 10:20] = 0.8
    options = {"previous": first.astype(np.float32), "state": state}
    mask, after = predicted(image, click_at(110, 110), click_at(15, 15), **options)
    assert after != state
    assert after.box[0] <= 10
    assert after.box[2] <= 10
    assert overlap(mask, image > 0.5) > 0.9


def test_a_positive_click_just_outside_moves_a_box_that_still_overlaps_enough():
    image = slice_with((100, 130, 90, 140))
    image[110, 152:154] = 0.8
    known, in_use = (
        (slice_with((100, 130, 90, 140)) > 0.5).astype(np.float32),
        LightState((78, 153, 78, 153)),
    )
    config = LightPredictorConfig(size=SIZE, overlap=0.1)
    predictor = LightPredictor(SimilarityNetwork(), config)
    for column, stays in ((152, True), (153, False)):
        _, after = predictor.predict(image, [click_at(110, column)], known, in_use)
        assert (after == in_use) == stays


def test_a_negative_click_outside_the_box_does_not_move_it():
    image = slice_with((100, 130, 90, 140))
    first, state = predicted(image, click_at(110, 110))
    options = {"previous": first.astype(np.float32), "state": state}
    mask, after = predicted(image, click_at(110, 110), click_at(15, 15, False), **options)
    assert after == state
    assert overlap(mask, first) > 0.9


def test_a_box_that_became_far_too_large_is_laid_anew():
    image = slice_with((100, 130, 100, 130))
    options = {"previous": (image > 0.5).astype(np.float32), "state": LightState((0, 256, 0, 256))}
    _, after = predicted(image, click_at(110, 110), **options)
    assert after.box == (92, 137, 92, 137)


def test_an_object_cut_off_by_the_box_gets_a_second_look_at_a_larger_one():
    image = slice_with((60, 160, 60, 160))
    known = np.zeros(image.shape, np.float32)
    known[90:130, 90:130] = 1
    network = SimilarityNetwork()
    probability, state = LightPredictor(network, CONFIG).predict(image, [click_at(110, 110)], known)
    assert len(network.images) == 2
    assert state.box == (65, 155, 65, 155)
    assert np.count_nonzero(probability > 0.5) == 90 * 90


def test_an_object_at_the_edge_of_the_slice_is_not_cut_off():
    image = slice_with((0, 60, 0, 60), (60, 60))
    network = SimilarityNetwork()
    known = (image > 0.5).astype(np.float32)
    LightPredictor(network, CONFIG).predict(image, [click_at(30, 30)], known)
    assert len(network.images) == 1


def test_a_lost_object_is_searched_in_windows_again():
    network = SimilarityNetwork()
    image = slice_with((100, 130, 90, 140))
    predictor = LightPredictor(network, CONFIG)
    probability, _ = predictor.predict(
        image, [click_at(110, 110)], np.zeros(image.shape, np.float32), LightState((0, 30, 0, 30))
    )
    assert len(network.images[0]) == 8
    assert overlap(probability > 0.5, image > 0.5) > 0.9


@pytest.mark.parametrize("shape", [(256, 256), (61, 97), (512, 130), (20, 23)])
def test_clicks_meet_the_pixel_they_were_made_on(shape):
    """Ramps along rows and columns tell which place of the slice the network sees at a click."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    image = np.stack([rows, columns, np.zeros(shape)], axis=2).astype(np.float32) / max(shape)
    rng = np.random.default_rng(shape[0])
    network = SimilarityNetwork()
    for row, column in rng.uniform(0.3, 0.7, (6, 2)) * shape:
        LightPredictor(network, CONFIG).predict(image, [click_at(row, column)])
        for looked, points in zip(network.images, network.points, strict=True):
            for item, point in zip(looked, points[:, 0], strict=True):
                there = [seen_at(item[k], *point[:2].tolist()) * max(shape) for k in (0, 1)]
                assert there == pytest.approx([row, column], abs=0.15)
        network.images.clear()
        network.points.clear()


def test_all_clicks_reach_the_network_in_as_many_slots_in_every_window():
    network = SimilarityNetwork()
    clicks = [click_at(10, 10), click_at(200, 200, False), click_at(128, 128), click_at(120, 130)]
    LightPredictor(network, CONFIG).predict(slice_with((100, 150, 100, 150)), clicks)
    used = is_used(network.points[0])
    assert network.points[0].shape == (8, 8, 3)
    assert used[:, :4].sum(dim=1).tolist() == [3] + 7 * [2]
    assert used[:, 4:].sum(dim=1).tolist() == [1, 1] + 6 * [0]


@pytest.mark.parametrize("place", [(0, 0), (0, 299), (299, 0), (299, 299), (0, 150), (150, 299)])
def test_a_click_at_the_border_is_a_click_in_every_window(place):
    row, column = place
    box = (max(row - 40, 0), row + 40, max(column - 40, 0), column + 40)
    image = slice_with(box, (300, 300))
    network = SimilarityNetwork()
    probability, _ = LightPredictor(network, CONFIG).predict(image, [click_at(row, column)])
    assert overlap(probability > 0.5, image > 0.5) > 0.9
    for points in network.points:
        assert is_used(points[:, 0]).all()
        assert points[:, 0, :2].min() >= 0
        assert points[:, 0, :2].max() <= SIZE - 1


@pytest.mark.parametrize("shape", [(1, 200), (200, 1), (2, 90)])
def test_slices_one_pixel_high_or_wide_are_segmented(shape):
    rows, columns = shape
    image = slice_with((rows // 3, -(-rows // 2), columns // 3, -(-columns // 2)), shape)
    mask, _ = predicted(image, click_at(0.4 * (rows - 1), 0.45 * (columns - 1)))
    assert mask.shape == shape
    assert overlap(mask, image > 0.5) > 0.8


def test_a_slice_of_one_pixel_gets_a_probability():
    network = SimilarityNetwork()
    predictor = LightPredictor(network, CONFIG)
    probability, _ = predictor.predict(np.full((1, 1), 0.8, np.float32), [click_at(0, 0)])
    assert probability.shape == (1, 1)
    assert probability[0, 0] > 0.25


def test_an_object_on_a_row_of_pixels_is_noticed_when_it_is_cut_off():
    image = slice_with((0, 1, 50, 150), (1, 200))
    known = np.zeros(image.shape, np.float32)
    known[0, 90:120] = 1
    mask, state = predicted(image, click_at(0, 100), previous=known)
    assert state.box[3] - state.box[2] > 45
    assert np.count_nonzero(mask) > 45


def test_colours_stay_apart_and_grey_is_repeated():
    grey = slice_with((100, 130, 90, 140))
    colour = np.stack([grey, 0.5 * grey, 0.25 * grey], axis=2)
    network = SimilarityNetwork()
    predictor = LightPredictor(network, CONFIG)
    mask_of_grey = predictor.predict(grey, [click_at(110, 110)]).probability
    mask_of_colour = predictor.predict(colour, [click_at(110, 110)]).probability
    np.testing.assert_array_equal(mask_of_colour, mask_of_grey)
    for seen_grey, seen in zip(network.images[:2], network.images[2:], strict=True):
        assert torch.equal(seen_grey[:, 0], seen_grey[:, 2])
        torch.testing.assert_close(seen[:, 0], seen_grey[:, 0])
        torch.testing.assert_close(seen[:, 1], 0.5 * seen_grey[:, 0])
        torch.testing.assert_close(seen[:, 2], 0.25 * seen_grey[:, 0])


def test_the_mirror_image_of_the_box_is_looked_at_as_well_but_not_of_windows():
    network = SimilarityNetwork()
    image = slice_with((100, 130, 90, 140))
    LightPredictor(network, CONFIG).predict(image, [click_at(110, 100)])
    windows, box = network.images
    assert len(windows) == 1 + len(CONFIG.closeness)
    straight, mirrored = box.chunk(2)
    assert len(straight) == 1
    assert torch.equal(mirrored, straight.flip(3))
    place, mirrored_place = network.points[1][:, 0]
    assert mirrored_place.tolist() == [place[0], SIZE - 1 - place[1], place[2]]


def test_low_precision_reaches_the_network_but_clicks_stay_exact():
    network = SimilarityNetwork()
    predictor = LightPredictor(network, CONFIG, dtype=torch.bfloat16)
    probability, _ = predictor.predict(slice_with((100, 130, 90, 140)), [click_at(110.3, 110)])
    assert network.images[0].dtype == torch.bfloat16
    assert network.points[0].dtype == torch.float32
    assert network.points[0][0, 0, 0].item() == pytest.approx((110.3 + 0.5) / 4 - 0.5)
    assert probability.dtype == np.float32


def test_the_same_question_gets_the_same_answer_and_changes_nothing_given():
    image = slice_with((100, 130, 90, 140))
    previous = np.zeros(image.shape, np.float32)
    predictor = LightPredictor(SimilarityNetwork(), CONFIG)
    first = predictor.predict(image, [click_at(110, 110)], previous)
    second = predictor.predict(image, [click_at(110, 110)], previous)
    np.testing.assert_array_equal(first.probability, second.probability)
    assert first.state == second.state
    assert not previous.any()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"size": 100}, "multiple of 32"),
        ({"size": 0}, "multiple of 32"),
        ({"closeness": (2, 0.5)}, "closeness"),
        ({"least_side": 1}, "least_side"),
        ({"expansion": 0.9}, "expansion"),
        ({"overlap": 1.5}, "overlap"),
    ],
)
def test_settings_out_of_range_are_refused(options, word):
    with pytest.raises(ConfigError, match=word):
        LightPredictorConfig(**options)
