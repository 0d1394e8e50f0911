"""The state of an object."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.rounds import (
    EDITED,
    GIVEN,
    NOWHERE,
    ObjectState,
    Origin,
    PlacedClick,
    PlaneState,
    Prompt,
    Provenance,
    SliceResult,
)

FULL = SparseProbability.from_mask(np.ones((4, 5), bool))


def state_with(*clicks: tuple[int, int], rounds: int = 0, **parts: object) -> ObjectState:
    """Return a state with clicks given as slice and round."""
    placed = tuple(PlacedClick(Click(index, 1, 1), number) for index, number in clicks)
    return ObjectState(Plane(0), PlaneState((9, 4, 5), placed, **parts), rounds=rounds)


@pytest.mark.parametrize(
    ("provenance", "text"),
    [
        (NOWHERE, "none"),
        (GIVEN, "given"),
        (EDITED, "edited"),
        (Provenance(Origin.ROUND, 3), "round 3"),
    ],
)
def test_provenance_reads_well(provenance, text):
    assert str(provenance) == text


def test_a_slice_without_result_is_empty_and_from_nowhere():
    result = PlaneState((9, 4, 5)).result(2)
    assert result.mask.shape == (4, 5)
    assert not result.mask.any()
    assert (result.provenance, result.score) == (NOWHERE, None)


def test_slices_clicked_since_the_last_round_wait_the_last_one_last():
    assert state_with((3, 1), (5, 2), (6, 2), (5, 2), rounds=1).pending == (6, 5)
    assert state_with((3, 1), rounds=1).pending == ()


def test_a_prompt_mask_is_shown_only_while_it_waits():
    parts = {"prompts": {3: Prompt(FULL)}}
    assert state_with((3, 1), **parts).shown(3) == FULL
    assert state_with((3, 1), rounds=1, **parts).shown(3).is_empty


def test_new_results_replace_old_ones_and_leave_the_original_alone():
    before = PlaneState((9, 4, 5)).with_results([SliceResult(2, FULL, GIVEN)])
    after = before.with_results([SliceResult(2, FULL, EDITED), SliceResult(4, FULL)])
    assert before.result(2).provenance == GIVEN
    assert after.result(2).provenance == EDITED
    assert list(after.masks()) == [2, 4]


def test_equal_content_makes_equal_states():
    parts = {"results": {1: SliceResult(1, FULL)}}
    copy = {"results": {1: SliceResult(1, SparseProbability.from_mask(FULL.mask()))}}
    assert state_with((3, 1), **parts) == state_with((3, 1), **copy)
    assert state_with((3, 1), **parts) != state_with((3, 1))
