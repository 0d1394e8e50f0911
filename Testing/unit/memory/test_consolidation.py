from __future__ import annotations

import pytest
import torch

from SlicerLIMNet.memory.consolidation import make_prototypes, used_enough
from SlicerLIMNet.memory.store import MemoryElements


@pytest.fixture
def candidates() -> MemoryElements:
    chance = torch.Generator().manual_seed(5)
    return MemoryElements(
        torch.randn(20, 4, generator=chance),
        1 + torch.rand(20, generator=chance),
        torch.rand(20, 4, generator=chance),
        torch.randn(20, 3, generator=chance),
    )


def test_prototypes_are_the_elements_used_most_the_older_first_where_equal(candidates):
    usage = torch.zeros(20)
    usage[[4, 11, 17]] = torch.tensor([0.5, 2.0, 0.5])
    found = make_prototypes(candidates, usage, 3)
    assert torch.equal(found.key, candidates.key[[11, 4, 17]])
    assert torch.equal(found.selection, candidates.selection[[11, 4, 17]])


def test_a_prototype_is_a_mean_of_the_candidates(candidates):
    found = make_prototypes(candidates, torch.arange(20.0), 6)
    low, high = candidates.value.amin(dim=0), candidates.value.amax(dim=0)
    assert ((found.value >= low - 1e-6) & (found.value <= high + 1e-6)).all()
    assert float(found.shrinkage.min()) >= float(candidates.shrinkage.min()) - 1e-6


def test_equal_values_stay_as_they_are(candidates):
    equal = MemoryElements(
        candidates.key, candidates.shrinkage, candidates.selection, torch.full((20, 3), 2.5)
    )
    found = make_prototypes(equal, torch.arange(20.0), 6)
    torch.testing.assert_close(found.value, torch.full((6, 3), 2.5))


def test_fewer_candidates_than_prototypes_all_become_prototypes(candidates):
    assert len(make_prototypes(candidates, torch.arange(20.0), 128)) == 20


def test_the_least_used_elements_go():
    usage = torch.tensor([0.3, 0.1, 0.5, 0.2, 0.4])
    assert used_enough(usage, 3).tolist() == [True, False, True, False, True]


def test_elements_tied_with_the_last_that_goes_go_as_well():
    assert used_enough(torch.tensor([1.0, 0.0, 0.0, 2.0]), 3).tolist() == [True, False, False, True]


@pytest.mark.parametrize("wanted", [4, 9])
def test_nothing_goes_without_excess(wanted):
    assert used_enough(torch.zeros(4), wanted).all()
