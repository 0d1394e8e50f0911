"""Zoom-in and whole predictions, click by click, against the published implementation."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.prompting.ritm_predictor import PredictorConfig, RitmPredictor
from SlicerLIMNet.prompting.zoom_in import (
    Crop,
    ZoomConfig,
    ZoomState,
    clicks_in_crop,
    object_crop,
    overlap,
    resized_shape,
)
from Testing.parity.recipe_ritm import FOLDER, recipe_network, rgb, soft_ellipse

PIECES = json.loads((FOLDER / "ritm_pieces.json").read_text())
RUNS = np.load(FOLDER / "ritm_predictor.npz")


@pytest.mark.parametrize("case", PIECES["roi"])
def test_crops_and_clicks_inside_them_are_the_published_ones(case):
    clicks = [PixelClick(r, c, bool(p)) for r, c, p in case["clicks"]]
    config = ZoomConfig(
        target_size=400, expansion=case["expansion_ratio"], minimum_crop=case["min_crop_size"]
    )
    crop = object_crop(_ellipses(case["shape"], case["ellipses"]), clicks, config)
    assert crop == _half_open(case["roi"])
    shown = resized_shape(crop, 400)
    assert list(shown) == case["resized_400"]
    places = [[click.row, click.column] for click in clicks_in_crop(clicks, crop, shown)]
    np.testing.assert_allclose(
        np.reshape(places, (-1, 2)), np.reshape(case["clicks_in_crop"], (-1, 2)), rtol=1e-12
    )
    assert all(crop.holds(click) for click in clicks if click.positive) == case["inside"]


@pytest.mark.parametrize("case", PIECES["bbox_iou"])
def test_the_overlap_of_crops_is_the_published_one(case):
    assert overlap(_half_open(case["a"]), _half_open(case["b"])) == pytest.approx(case["iou"])


CONFIGS = {
    "noflip_nozoom": PredictorConfig(zoom=None, flip=False),
    "flip_nozoom": PredictorConfig(zoom=None),
    "flip_limit": PredictorConfig(zoom=None, longest_side=100),
    "flip_zoom": PredictorConfig(ZoomConfig(96, minimum_crop=40)),
    "flip_zoom_fixed": PredictorConfig(ZoomConfig((96, 96), skip_clicks=-1, minimum_crop=40)),
    "noflip_zoom_noskip": PredictorConfig(
        ZoomConfig(80, skip_clicks=0, minimum_crop=40), flip=False
    ),
}


@pytest.mark.parametrize("run", CONFIGS)
def test_four_predictions_in_a_row_are_the_published_ones(run):
    network = recipe_network("h18s")
    with torch.no_grad():
        network.main_head.bias += float(RUNS["cls_head_bias_add"])
    predictor = RitmPredictor(network, CONFIGS[run])
    image = (np.round(255 * rgb(120, 160, 505)).astype(np.uint8) / 255.0).transpose(1, 2, 0)
    clicks = [PixelClick(float(r), float(c), bool(p)) for r, c, p in RUNS["clicks"]]
    probability, state = None, ZoomState()
    for k in range(4):
        if CONFIGS[run].zoom is not None and k > 0:
            probability = soft_ellipse(120, 160, *RUNS["forced_ellipses"][k - 1])
        probability, state = predictor.predict(image, clicks[: k + 1], probability, state)
        expected = RUNS[f"{run}_roi_{k}"]
        assert state.crop == (None if expected[0] < 0 else _half_open(expected.tolist()))
        np.testing.assert_allclose(probability[::2, ::2], RUNS[f"{run}_prob_{k}"], atol=1e-4)
        total = probability.sum(dtype=np.float64)
        assert total == pytest.approx(RUNS[f"{run}_prob_sum_{k}"], abs=0.05)


def _ellipses(shape: list[int], ellipses: list[list[float]]) -> np.ndarray:
    y, x = np.indices(shape)
    parts = [((y - r) / a) ** 2 + ((x - c) / b) ** 2 <= 1 for r, c, a, b in ellipses]
    return np.logical_or.reduce(parts)


def _half_open(roi: list[int]) -> Crop:
    """A published crop names its last row and column."""
    return Crop(roi[0], roi[1] + 1, roi[2], roi[3] + 1)
