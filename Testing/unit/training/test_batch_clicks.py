"""Corrections of whole batches against those of single slices."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from SlicerLIMNet.imaging.error_clicks import PixelClick, depth_map, training_candidates
from SlicerLIMNet.training.batch_clicks import (
    click_on,
    correction_candidates,
    depth_maps,
    draw_corrections,
)
from SlicerLIMNet.training.click_sampling import click_slots

SLOTS = 3


def blobs(count: int, seed: int) -> np.ndarray:
    """Smooth random probabilities, (count, 24, 30)."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((count, 24, 30)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(plane, (0, 0), 2.5) for plane in noise])
    return 1 / (1 + np.exp(-12 * smooth))


@pytest.fixture
def truth() -> np.ndarray:
    masks = blobs(9, 1) > 0.5
    masks[0], masks[1] = True, False
    return masks


def test_depths_are_those_of_single_masks(truth):
    found = depth_maps(torch.from_numpy(truth)).numpy()
    np.testing.assert_allclose(found, np.stack([depth_map(m) for m in truth]), atol=1e-4)


def test_candidates_are_those_of_single_slices(truth):
    answers = blobs(9, 2)
    answers[2] = truth[2]
    found, positive = correction_candidates(
        torch.from_numpy(truth).float(), torch.from_numpy(answers)
    )
    for item, (label, answer) in enumerate(zip(truth, answers, strict=True)):
        expected = training_candidates(label.astype(np.int8), answer)
        places = np.argwhere(found[item].numpy())
        if expected is None:
            assert len(places) == 0
            continue
        np.testing.assert_array_equal(places, expected.rows_columns)
        assert bool(positive[item]) == expected.positive


def test_every_candidate_is_drawn_and_nothing_else(truth):
    label, answer = torch.from_numpy(truth[3:4]).float(), torch.zeros(1, 24, 30)
    found = correction_candidates(label, answer)[0][0].numpy()
    candidates = {tuple(place) for place in np.argwhere(found).tolist()}
    drawn = {
        tuple(draw_corrections(label, answer, seed)[0][0].tolist())
        for seed in range(40 * len(candidates))
    }
    assert drawn == candidates


def test_a_click_goes_to_the_first_free_slot_of_its_sign(truth):
    label = torch.from_numpy(truth[:4, None]).float()
    first = [PixelClick(1, 2, True), PixelClick(3, 4, False)]
    full = [PixelClick(1, 2, True)] * SLOTS
    points = torch.from_numpy(
        np.stack([click_slots(clicks, SLOTS) for clicks in (first, first, first, full)])
    )
    answers = torch.stack([label[0] * 0, label[1] + 1, label[2], label[3] * 0])
    after = click_on(points, label, answers, seed=5)
    changed = (after != points).any(dim=2)
    assert changed[0].tolist() == [False, True, False, False, False, False]
    assert changed[1].tolist() == [False, False, False, False, True, False]
    assert not changed[2].any()  # nothing is wrong
    assert not changed[3].any()  # no slot is free
    assert torch.equal(click_on(points, label, answers, seed=5), after)
