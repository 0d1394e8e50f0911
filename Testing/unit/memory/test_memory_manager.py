from __future__ import annotations

import pytest
import torch
from torch import Tensor

from SlicerLIMNet.memory import manager
from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.manager import MemoryManager, MemorySizes
from SlicerLIMNet.memory.store import MemoryElements, MemoryStore
from SlicerLIMNet.networks.memory_interface import SliceFeatures

GRID = (2, 3)  # six elements a slice
CONFIG = MemoryConfig(
    every=1, min_slices=2, max_slices=4, prototypes=5, long_term_elements=17, top_k=4
)


def made_slice(seed: int, fill: float | None = None) -> tuple[SliceFeatures, Tensor]:
    """Return random features, and a value that is random or of one number."""
    chance = torch.Generator().manual_seed(seed)
    key = torch.randn(1, 4, *GRID, generator=chance)
    shrinkage = 1 + torch.rand(1, 1, *GRID, generator=chance)
    selection = torch.rand(1, 4, *GRID, generator=chance)
    value = torch.randn(1, 1, 3, *GRID, generator=chance)
    if fill is not None:
        value = torch.full_like(value, fill)
    return SliceFeatures(key, shrinkage, selection, ()), value


def made_permanent(*seeds: int) -> MemoryStore:
    store = MemoryStore()
    for seed in seeds:
        store.append(MemoryElements.of_slice(*made_slice(seed)))
    return store


def run(memory: MemoryManager, slices: int) -> list[MemorySizes]:
    sizes = []
    for seed in range(slices):
        features, value = made_slice(seed)
        if memory.sizes != MemorySizes(0, 0, 0):
            memory.read(features)
        memory.add(features, value)
        sizes.append(memory.sizes)
    return sizes


def test_the_stores_never_hold_more_than_they_may():
    sizes = run(MemoryManager(CONFIG, MemoryMode.PAPER), 40)
    assert max(size.working for size in sizes) < CONFIG.max_slices * 6
    assert max(size.long_term for size in sizes) <= CONFIG.long_term_elements
    assert {size.working for size in sizes[4:]} == {12, 18}
    assert max(size.long_term for size in sizes) > CONFIG.long_term_elements - CONFIG.prototypes


def test_without_long_term_memory_working_memory_keeps_every_slice():
    memory = MemoryManager(MemoryConfig(long_term=False), MemoryMode.PAPER)
    assert run(memory, 30)[-1] == MemorySizes(0, 30 * 6, 0)


@pytest.mark.parametrize(
    ("mode", "staying"), [(MemoryMode.PAPER, (0, 3)), (MemoryMode.PERMANENT, (2, 3))]
)
def test_the_first_slice_stays_where_it_is_the_only_reference(mode, staying):
    memory = MemoryManager(CONFIG, mode)
    run(memory, 4)
    expected = torch.cat([MemoryElements.of_slice(*made_slice(seed)).key for seed in staying])
    assert torch.equal(memory.working.elements.key, expected)


def test_permanent_elements_survive_and_are_not_counted():
    permanent = made_permanent(100, 101)
    before = permanent.value.clone(), permanent.vectors.clone()
    memory = MemoryManager(CONFIG, MemoryMode.PERMANENT, permanent)
    run(memory, 40)
    assert memory.sizes.permanent == 12
    assert torch.equal(permanent.value, before[0])
    assert torch.equal(permanent.vectors, before[1])
    assert torch.equal(permanent.usage, torch.zeros(12))


def test_two_directions_look_into_one_permanent_store():
    permanent = made_permanent(100)
    forward = MemoryManager(CONFIG, MemoryMode.PERMANENT, permanent)
    backward = MemoryManager(CONFIG, MemoryMode.PERMANENT, permanent)
    run(forward, 3)
    assert backward.permanent is forward.permanent
    assert backward.sizes == MemorySizes(6, 0, 0)


def test_an_empty_permanent_store_stays_shared():
    permanent = MemoryStore()
    memory = MemoryManager(CONFIG, MemoryMode.PERMANENT, permanent)
    permanent.append(MemoryElements.of_slice(*made_slice(100)))
    assert memory.sizes.permanent == 6


def test_reading_equal_values_gives_them_back_from_all_stores():
    permanent = MemoryStore()
    permanent.append(MemoryElements.of_slice(*made_slice(100, fill=2.5)))
    memory = MemoryManager(CONFIG, MemoryMode.PERMANENT, permanent)
    for seed in range(9):
        memory.add(*made_slice(seed, fill=2.5))
    assert min(memory.sizes.working, memory.sizes.long_term, memory.sizes.permanent) > 0
    answer = memory.read(made_slice(50)[0])
    torch.testing.assert_close(answer, torch.full((1, 3, *GRID), 2.5))


def test_reading_several_stores_is_reading_their_elements_together():
    memory = MemoryManager(CONFIG, MemoryMode.PERMANENT, made_permanent(1, 2))
    for seed in (3, 4):
        memory.add(*made_slice(seed))
    together = MemoryManager(CONFIG, MemoryMode.PERMANENT, made_permanent(3, 4, 1, 2))
    query = made_slice(50)[0]
    torch.testing.assert_close(memory.read(query), together.read(query))


def test_every_read_counts_the_weight_of_all_queries_once():
    memory = MemoryManager(CONFIG, MemoryMode.PAPER)
    memory.add(*made_slice(0))
    for seed in (1, 2, 3):
        memory.read(made_slice(seed)[0])
    torch.testing.assert_close(memory.working.usage.sum(), torch.tensor(6.0))


def test_reads_are_booked_when_the_references_are_replaced():
    memory = MemoryManager(CONFIG, MemoryMode.PERMANENT, made_permanent(100))
    memory.add(*made_slice(0))
    memory.read(made_slice(1)[0])
    counted = memory.working.usage.clone()
    memory.read(made_slice(1)[0])
    memory.permanent = made_permanent(100, 101)
    torch.testing.assert_close(memory.working.usage, counted)
    answer = memory.read(made_slice(2)[0])
    other = MemoryManager(CONFIG, MemoryMode.PERMANENT, made_permanent(100, 101))
    other.add(*made_slice(0))
    torch.testing.assert_close(answer, other.read(made_slice(2)[0]))
    assert torch.equal(memory.permanent.usage, torch.zeros(12))


def test_a_memory_too_large_for_a_table_answers_the_same(monkeypatch):
    def outcome() -> tuple[Tensor, Tensor, Tensor]:
        memory = MemoryManager(CONFIG, MemoryMode.PERMANENT, made_permanent(100, 101))
        run(memory, 12)
        answer = memory.read(made_slice(50)[0])
        return answer, memory.working.usage, memory.long_term.usage

    small = outcome()
    monkeypatch.setattr(manager, "SMALL_PERMANENT", 6)
    for one, other in zip(small, outcome(), strict=True):
        torch.testing.assert_close(one, other)


def test_fewer_elements_than_top_k_are_enough():
    memory = MemoryManager(MemoryConfig(top_k=30), MemoryMode.PAPER)
    memory.add(*made_slice(0))
    assert torch.isfinite(memory.read(made_slice(1)[0])).all()


def test_long_term_capacity_that_is_a_multiple_of_the_prototypes_is_no_fault():
    config = MemoryConfig(every=1, min_slices=2, max_slices=4, prototypes=5, long_term_elements=10)
    sizes = run(MemoryManager(config, MemoryMode.PAPER), 40)
    assert max(size.long_term for size in sizes) == 10


def test_values_keep_the_precision_of_the_network():
    memory = MemoryManager(CONFIG, MemoryMode.PAPER)
    features, value = made_slice(0)
    memory.add(features.to(dtype=torch.bfloat16), value.bfloat16())
    assert memory.working.value.dtype == torch.bfloat16
    assert memory.working.elements.key.dtype == torch.float32
    assert memory.read(features).dtype == torch.bfloat16


@pytest.mark.parametrize("mode", list(MemoryMode))
def test_the_plain_way_of_reading_gives_the_same_answers_and_usage(mode):
    torch.manual_seed(0)
    permanent = made_permanent(1, 2) if mode is MemoryMode.PERMANENT else None
    config = MemoryConfig(max_slices=4, min_slices=2, prototypes=6, top_k=5)
    both = [MemoryManager(config, mode, permanent, sparse) for sparse in (True, False)]
    for t in range(12):
        features, value = made_slice(10 + t)  # of equal elements any may be taken
        for memory in both:
            memory.add(features, value)
        one, other = (memory.read(made_slice(100 + t)[0]) for memory in both)
        assert torch.allclose(one, other, atol=1e-5)
        assert torch.allclose(both[0].working.usage, both[1].working.usage, atol=1e-5)
    assert both[0].sizes == both[1].sizes
    assert both[0].sizes.long_term > 0
