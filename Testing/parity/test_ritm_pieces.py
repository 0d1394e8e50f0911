"""Click maps, robot clicks, training candidates, losses and chances against published values."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from SlicerLIMNet.imaging.error_clicks import PixelClick, depth_map, next_click, training_candidates
from SlicerLIMNet.networks.click_maps import disk_maps, tanh_maps
from SlicerLIMNet.training.click_sampling import click_count_probabilities
from SlicerLIMNet.training.losses import binary_cross_entropy, normalized_focal_loss
from Testing.parity.recipe_ritm import FOLDER

ARRAYS = np.load(FOLDER / "ritm_pieces.npz")
PIECES = json.loads((FOLDER / "ritm_pieces.json").read_text())


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("radius", [2, 5])
def test_disks_are_the_published_ones(index, radius):
    points = torch.from_numpy(ARRAYS[f"clickmap{index}_points"])
    np.testing.assert_array_equal(
        disk_maps(points, (48, 64), radius), ARRAYS[f"clickmap{index}_disks_r{radius}"]
    )


@pytest.mark.parametrize("index", range(3))
def test_tanh_maps_are_the_published_ones(index):
    points = torch.from_numpy(ARRAYS[f"clickmap{index}_points"])
    np.testing.assert_allclose(
        tanh_maps(points, (48, 64), 20), ARRAYS[f"clickmap{index}_tanh_r20"], atol=1e-6
    )


@pytest.mark.parametrize("case", PIECES["robot"], ids=lambda case: case["name"])
def test_the_robot_clicks_where_the_published_one_does(case):
    label, predicted = _pair(case["name"])
    click = next_click(label, predicted, [PixelClick(*c) for c in case["clicked"]])
    if case["name"] == "perfect":  # the published rule clicks at (0, 0), ours stops
        assert click is None
    else:
        assert click == (*case["click"], case["positive"])


@pytest.mark.parametrize("case", PIECES["robot"], ids=lambda case: case["name"])
def test_depths_of_errors_are_the_published_ones(case):
    label, predicted = _pair(case["name"])
    for key, error in (("fn_max", (label == 1) & ~predicted), ("fp_max", (label == 0) & predicted)):
        depth = depth_map(error)
        for row, column, _ in case["clicked"]:
            depth[row, column] = 0
        assert depth.max() == pytest.approx(case[key], rel=1e-6)


def test_a_sequence_of_robot_clicks_is_the_published_one():
    sequence = PIECES["robot_sequence"]
    label = ARRAYS["robot_sequence_gt"]
    rows, columns = np.indices(label.shape)
    predicted = np.zeros(label.shape, bool)
    clicks: list[PixelClick] = []
    for _ in sequence["clicks"]:
        click = next_click(label, predicted, clicks)
        assert click is not None
        clicks.append(click)
        squared = (rows - click.row) ** 2 + (columns - click.column) ** 2
        predicted[squared <= sequence["disc_radius_sq"]] = click.positive
    assert [[c.row, c.column, int(c.positive)] for c in clicks] == sequence["clicks"]


@pytest.mark.parametrize("name", PIECES["train_candidates"])
def test_training_draws_from_the_published_pixels(name):
    label, predicted = _pair(name)
    candidates = training_candidates(label, predicted)
    assert candidates is not None
    assert candidates.positive == PIECES["train_candidates"][name]["positive"]
    assert len(candidates.rows_columns) == PIECES["train_candidates"][name]["count_exact"]
    mask = np.zeros(label.shape, bool)
    mask[tuple(candidates.rows_columns.T)] = True
    np.testing.assert_array_equal(mask, ARRAYS[f"robot_{name}_train_candidates_mask5"] > 0)


LOSSES = {
    "nfl_a50_g2": normalized_focal_loss,
    "nfl_a50_g2_grad_through_mult": lambda x, y: normalized_focal_loss(x, y, constant_scale=False),
    "nfl_a25_g2_maxmult4": lambda x, y: normalized_focal_loss(x, y, alpha=0.25, cap=4.0),
    "nfl_soft": normalized_focal_loss,
    "bce": binary_cross_entropy,
}


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_and_their_gradients_are_the_published_ones(kind):
    logits = torch.from_numpy(ARRAYS["loss_logits"]).requires_grad_()
    label = ARRAYS["loss_soft_label" if kind == "nfl_soft" else "loss_label"]
    values = LOSSES[kind](logits, torch.from_numpy(label))
    values.mean().backward()
    np.testing.assert_allclose(values.detach(), ARRAYS[f"loss_{kind}_value"], atol=1e-5)
    np.testing.assert_allclose(logits.grad, ARRAYS[f"loss_{kind}_grad"], atol=1e-7)


def test_numbers_of_initial_clicks_have_the_published_chances():
    np.testing.assert_allclose(click_count_probabilities(1, 24), ARRAYS["pos_count_probs_24"])
    np.testing.assert_allclose(click_count_probabilities(0, 24), ARRAYS["neg_count_probs_24"])


def _pair(name: str) -> tuple[np.ndarray, np.ndarray]:
    return ARRAYS[f"robot_{name}_gt"], ARRAYS[f"robot_{name}_pred"] > 0
