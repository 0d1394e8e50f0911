from __future__ import annotations

import pytest
import torch

from SlicerLIMNet.networks.memory_interface import SliceFeatures
from SlicerLIMNet.propagation.feature_cache import MIB, FeatureCache
from SlicerLIMNet.propagation.region import Region

HERE = Region((0, 64, 0, 64), 64)
THERE = Region((8, 72, 0, 64), 64)


def made_features(number: float = 0.0) -> SliceFeatures:
    """Return features of one KiB."""
    key = torch.full((1, 8, 4, 2), number)
    return SliceFeatures(key, key[:, :1], key, (torch.zeros(120),))


@pytest.fixture
def cache() -> FeatureCache:
    """Return a cache with room for five slices."""
    assert made_features().bytes == 1024
    return FeatureCache(5 * 1024 / MIB)


def one(index: int) -> range:
    return range(index, index + 1)


def kept(cache: FeatureCache, region: Region = HERE) -> list[int]:
    return [index for index in range(40) if cache.get(one(index), region) is not None]


def test_what_was_put_is_found_for_its_slice_and_region_only(cache):
    features = made_features(3.0)
    cache.put(one(4), HERE, features)
    assert cache.get(one(4), HERE) is features
    assert cache.get(one(4), THERE) is None
    assert cache.get(one(5), HERE) is None
    assert (cache.hits, cache.misses) == (1, 2)


def test_the_budget_holds_and_the_farthest_slices_go(cache):
    cache.set_focus(20)
    for index in (20, 22, 18, 24, 16, 26, 14):
        cache.put(one(index), HERE, made_features())
        assert cache.bytes <= 5 * 1024
    assert kept(cache) == [16, 18, 20, 22, 24]


def test_after_the_focus_moved_other_slices_are_the_farthest(cache):
    cache.set_focus(20)
    for index in (18, 19, 20, 21, 22):
        cache.put(one(index), HERE, made_features())
    cache.set_focus(24)
    cache.put(one(24), HERE, made_features())
    assert kept(cache) == [19, 20, 21, 22, 24]


def test_another_region_goes_before_any_slice_of_the_one_in_use(cache):
    cache.put(one(0), THERE, made_features())
    for index in range(30, 35):
        cache.put(one(index), HERE, made_features())
    assert kept(cache, THERE) == []
    assert len(cache) == 5


def test_putting_a_slice_again_replaces_it(cache):
    cache.put(one(1), HERE, made_features(1.0))
    cache.put(one(1), HERE, made_features(2.0))
    assert cache.bytes == 1024
    assert float(cache.get(one(1), HERE).key.max()) == 2.0


def test_features_larger_than_the_budget_are_not_kept():
    cache = FeatureCache(0)
    cache.put(one(1), HERE, made_features())
    assert (len(cache), cache.bytes) == (0, 0)


def test_clearing_forgets_everything(cache):
    cache.put(one(1), HERE, made_features())
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_a_block_is_another_entry_than_its_first_slice(cache):
    cache.put(range(4, 8), HERE, made_features(1.0))
    assert cache.get(one(4), HERE) is None
    cache.put(one(4), HERE, made_features(2.0))
    assert float(cache.get(range(4, 8), HERE).key.max()) == 1.0
