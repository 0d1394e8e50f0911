from __future__ import annotations

import pytest
import torch

from SlicerLIMNet.memory.store import MemoryElements, MemoryStore
from SlicerLIMNet.networks.affinity import memory_vectors
from SlicerLIMNet.networks.memory_interface import SliceFeatures


def made_elements(count: int, first: float = 0.0) -> MemoryElements:
    number = first + torch.arange(count, dtype=torch.float32)
    key = number[:, None] + torch.tensor([0.0, 0.5])
    return MemoryElements(key, 1 + number, key / 100, number[:, None].repeat(1, 3))


@pytest.fixture
def store() -> MemoryStore:
    """Return a store of ten elements, appended in three steps."""
    store = MemoryStore()
    for first, count in ((0, 2), (2, 5), (7, 3)):
        store.append(made_elements(count, first))
    return store


def test_elements_stay_as_they_were_while_the_buffers_grow(store):
    expected = made_elements(10)
    assert len(store) == 10
    assert torch.equal(store.elements.key, expected.key)
    assert torch.equal(store.elements.shrinkage, expected.shrinkage)
    assert torch.equal(store.elements.selection, expected.selection)
    assert torch.equal(store.value, expected.value)
    assert torch.equal(store.vectors, memory_vectors(expected.key, expected.shrinkage))


def test_usage_is_affinity_per_read_and_zero_before_the_first(store):
    assert torch.equal(store.usage, torch.zeros(10))
    store.count(torch.full((10,), 0.5))
    store.append(made_elements(1, 10))
    store.count(torch.cat([torch.full((10,), 1.5), torch.tensor([4.0])]))
    torch.testing.assert_close(store.usage, torch.cat([torch.ones(10), torch.tensor([4.0])]))


def test_dropping_keeps_order_and_usage_of_the_others(store):
    store.count(torch.arange(10, dtype=torch.float32))
    kept = torch.tensor([False, True, True] + 6 * [False] + [True])
    store.keep(kept)
    assert store.elements.shrinkage.tolist() == [2, 3, 10]
    torch.testing.assert_close(store.usage, torch.tensor([1.0, 2.0, 9.0]))
    store.append(made_elements(4, 20))
    assert store.elements.shrinkage.tolist() == [2, 3, 10, 21, 22, 23, 24]


def test_a_slice_gives_its_positions_in_raster_order():
    key = torch.arange(12.0).reshape(1, 2, 2, 3)
    features = SliceFeatures(key, 1 + key[:, :1], key / 100, ())
    value = torch.arange(24.0).reshape(1, 2, 2, 2, 3)
    elements = MemoryElements.of_slice(features, value)
    assert elements.key.tolist()[:2] == [[0, 6], [1, 7]]
    assert elements.shrinkage.tolist() == [1, 2, 3, 4, 5, 6]
    assert elements.value.tolist()[1] == [1, 7, 13, 19]
