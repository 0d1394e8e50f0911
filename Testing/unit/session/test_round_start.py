"""Where a round starts when the click says that the object is not there."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.session.round_plan import _is_near, _nearest_with_object

FILLED = SparseProbability.from_mask(np.ones((4, 4), bool))
EMPTY = SparseProbability.empty((4, 4))


@pytest.mark.parametrize(
    ("references", "clicked", "start"),
    [
        ({3: FILLED, 8: EMPTY}, 8, 3),
        ({3: FILLED, 8: FILLED}, 8, 8),
        ({3: FILLED, 6: EMPTY, 9: FILLED}, 6, 3),
        ({6: EMPTY}, 6, 6),
    ],
)
def test_a_round_starts_from_the_nearest_reference_that_holds_the_object(
    references, clicked, start
):
    assert _nearest_with_object(clicked, references) == start


def test_only_a_number_of_slices_keeps_the_start_where_it_was_clicked():
    assert _is_near(RoundConfig(range=4))
    assert not _is_near(RoundConfig(range="whole"))
