"""What is known of the windows of a first click."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from SlicerLIMNet.domain.guides import NO_GUIDES, Guide, Guides
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.networks.light_prompt import WINDOW_NUMBERS, LightPromptNetwork
from SlicerLIMNet.prompting.light_predictor import LightPredictor, LightPredictorConfig
from SlicerLIMNet.prompting.window_choice import window_numbers

SHAPE = (64, 80)
CLICK = PixelClick(32, 40, True)
BOXES = [(-8, 72, 0, 80), (12, 52, 20, 60)]


def square(half: int) -> np.ndarray:
    answer = np.zeros(SHAPE, np.float32)
    answer[32 - half : 32 + half, 40 - half : 40 + half] = 0.9
    return answer


def guide(half: int) -> Guide:
    return Guide(np.zeros(SHAPE, np.float32), square(half), 0.5)


def test_numbers_tell_size_agreement_and_window():
    numbers = window_numbers([square(16), square(8)], BOXES, CLICK, NO_GUIDES)
    assert numbers.shape == (2, WINDOW_NUMBERS)
    np.testing.assert_allclose(numbers[:, 0], 1)  # both are firm
    np.testing.assert_allclose(numbers[:, 1], (1 + 0.4) / 2)  # their Dice is 0.4
    np.testing.assert_allclose(numbers[:, 3], [math.log(0.41), math.log(0.21)], rtol=1e-5)
    np.testing.assert_allclose(numbers[:, 4], [0, math.log(0.5)], rtol=1e-5)
    assert numbers[:, 6].tolist() == [1, 0]
    assert not numbers[:, 7:13].any()


def test_a_guide_tells_which_size_is_likely():
    answers = [square(16), square(8)]
    numbers = window_numbers(answers, BOXES, CLICK, Guides(guide(8), guide(8)))
    assert numbers[:, 7].tolist() == [1, 1]
    assert numbers[:, 11].tolist() == [0, 1]
    assert numbers[0, 9] == pytest.approx(math.log(1025 / 257))
    assert numbers[1, 9] == 0
    np.testing.assert_allclose(numbers[:, 12], [0.4, 1])
    np.testing.assert_allclose(numbers[:, 8], 0.5 * numbers[:, 9])


def test_an_empty_answer_has_finite_numbers():
    nothing = np.zeros(SHAPE, np.float32)
    assert np.isfinite(window_numbers([nothing, nothing], BOXES, CLICK, NO_GUIDES)).all()


@pytest.mark.parametrize("likes_small", [True, False])
def test_a_network_that_chooses_decides_on_the_window(likes_small):
    torch.manual_seed(1)
    network = LightPromptNetwork(with_choice=True).eval()
    with torch.no_grad():  # by the side of the window alone
        first, _, last = network.choice.layers
        for layer in (first, last):
            layer.weight.zero_()
            layer.bias.zero_()
        first.weight[0, 4], first.bias[0] = (-1.0 if likes_small else 1.0), 10.0
        last.weight[0, 0] = 1
    predictor = LightPredictor(network, LightPredictorConfig(size=64))
    image = np.random.Generator(np.random.PCG64(0)).random(SHAPE, np.float32)
    looks = []
    original = predictor.windows

    def windows(seen, around):
        boxes, answers = original(seen, around)
        marked = [np.full_like(answer, 0.1 + 0.05 * k) for k, answer in enumerate(answers)]
        looks.append(len(boxes))
        return boxes, marked

    predictor.windows = windows
    seen = []
    original_look = predictor._look
    predictor._look = lambda known, box: seen.append(known.previous) or original_look(known, box)
    predictor.predict(image, [CLICK])
    chosen = looks[0] - 1 if likes_small else 0
    assert seen[0].max() == pytest.approx(0.1 + 0.05 * chosen)
