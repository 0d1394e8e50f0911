from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from SlicerLIMNet.networks.affinity import (
    aggregate,
    full_affinity,
    gather_readout,
    memory_vectors,
    query_vectors,
    readout,
    similarity,
    top_k_affinity,
    top_k_weights,
    usage_of,
)


@pytest.fixture
def chance() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.fixture
def elements(chance) -> tuple[Tensor, Tensor]:
    """Return keys (N, Ck) and shrinkages (N,)."""
    return torch.randn(50, 4, generator=chance), 1 + torch.rand(50, generator=chance)


@pytest.fixture
def queries(chance) -> tuple[Tensor, Tensor]:
    """Return keys (Q, Ck) and selections (Q, Ck)."""
    return torch.randn(6, 4, generator=chance), torch.rand(6, 4, generator=chance)


def obvious_similarity(elements, queries) -> Tensor:
    """Return (Q, N), written as the formula is."""
    (keys, shrinkages), (query_keys, selections) = elements, queries
    rows = [
        [
            -(shrinkage / math.sqrt(4)) * (selection * (key - query).square()).sum()
            for key, shrinkage in zip(keys, shrinkages, strict=True)
        ]
        for query, selection in zip(query_keys, selections, strict=True)
    ]
    return torch.tensor(rows)


def test_similarity_is_the_weighted_distance(elements, queries):
    found = similarity(
        elements[0].T[None], elements[1][None, None], queries[0].T[None], queries[1].T[None]
    )
    torch.testing.assert_close(found[0].T, obvious_similarity(elements, queries))


def test_one_product_is_the_weighted_distance(elements, queries):
    found = query_vectors(*queries) @ memory_vectors(*elements).T
    torch.testing.assert_close(found, obvious_similarity(elements, queries))


def test_similarity_is_in_float32_for_lower_precision(elements, queries):
    low = [tensor.bfloat16() for tensor in (*elements, *queries)]
    found = similarity(low[0].T[None], low[1][None, None], low[2].T[None], low[3].T[None])
    assert found.dtype == torch.float32
    assert memory_vectors(low[0], low[1]).dtype == torch.float32
    assert query_vectors(low[2], low[3]).dtype == torch.float32


@pytest.mark.parametrize("top_k", [1, 7, 50, 80])
def test_the_affinities_of_a_query_sum_to_one(elements, queries, top_k):
    pairwise = obvious_similarity(elements, queries).T[None]
    for affinity in (full_affinity(pairwise), top_k_affinity(pairwise, top_k)):
        torch.testing.assert_close(affinity.sum(dim=1), torch.ones(1, 6))
    assert int((top_k_affinity(pairwise, top_k) > 0).sum(dim=1).max()) <= top_k
    weights, _ = top_k_weights([memory_vectors(*elements)], query_vectors(*queries), top_k)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(6))


@pytest.mark.parametrize("block", [1, 3, 49, 50])
def test_blocks_choose_what_the_whole_chooses(elements, queries, block):
    memory, query = memory_vectors(*elements), query_vectors(*queries)
    whole_weights, whole_index = top_k_weights([memory], query, 5)
    weights, index = top_k_weights(memory.split(block), query, 5)
    assert torch.equal(index.sort().values, whole_index.sort().values)
    torch.testing.assert_close(weights.sort().values, whole_weights.sort().values)


def test_the_elements_chosen_are_the_most_similar_ones(elements, queries):
    _, index = top_k_weights([memory_vectors(*elements)], query_vectors(*queries), 5)
    expected = obvious_similarity(elements, queries).topk(5).indices
    assert torch.equal(index.sort().values, expected.sort().values)


def test_queries_of_many_slices_are_those_of_each(queries):
    key, selection = (torch.stack([some, 2 * some]) for some in queries)
    both = query_vectors(key, selection)
    for i in range(2):
        torch.testing.assert_close(both[i], query_vectors(key[i], selection[i]))


def test_gathering_reads_what_the_dense_product_reads(elements, queries, chance):
    values = torch.randn(50, 3, generator=chance)
    pairwise = obvious_similarity(elements, queries).T[None]
    dense = readout(top_k_affinity(pairwise, 5), values.T[None, None])
    weights, index = top_k_weights([memory_vectors(*elements)], query_vectors(*queries), 5)
    torch.testing.assert_close(gather_readout(weights, index, values).T, dense[0, 0])


def test_very_dissimilar_elements_still_give_weights():
    far = memory_vectors(torch.full((3, 4), 100.0), torch.ones(3))
    weights, _ = top_k_weights([far], query_vectors(torch.zeros(1, 4), torch.ones(1, 4)), 2)
    torch.testing.assert_close(weights, torch.full((1, 2), 0.5))


def test_usage_is_the_weight_that_each_element_got():
    weights = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    index = torch.tensor([[0, 2], [2, 3]])
    assert usage_of(weights, index, 5).tolist() == [0.75, 0.0, 0.75, 0.5, 0.0]


def test_usage_does_not_depend_on_the_order_of_queries(chance):
    weights = torch.rand(500, 30, generator=chance).softmax(dim=1)
    index = torch.randint(0, 40, (500, 30), generator=chance)
    order = torch.randperm(500, generator=chance)
    assert torch.equal(usage_of(weights, index, 40), usage_of(weights[order], index[order], 40))


def test_aggregation_of_one_object_sharpens_and_keeps_the_threshold():
    probability = torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0]).view(1, 1, 1, 5)
    found = aggregate(probability)[:, 1:]
    expected = probability**2 / (probability**2 + (1 - probability) ** 2)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_aggregated_probabilities_sum_to_one(chance):
    found = aggregate(torch.rand(2, 3, 4, 5, generator=chance))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(2, 4, 5))
