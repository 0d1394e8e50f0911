from __future__ import annotations

import torch

from SlicerLIMNet.networks.memory_interface import SliceFeatures


def made_features(batch: int) -> SliceFeatures:
    key = torch.arange(batch * 12, dtype=torch.float32).reshape(batch, 3, 2, 2)
    return SliceFeatures(key, 1 + key[:, :1], key / 100, (key + 1, key[:, :2, :1]))


def test_joining_undoes_taking_apart():
    whole = made_features(3)
    parts = [whole.index_select([i]) for i in range(3)]
    joined = SliceFeatures.cat(parts)
    assert [part.batch for part in parts] == [1, 1, 1]
    assert torch.equal(joined.key, whole.key)
    assert torch.equal(joined.shrinkage, whole.shrinkage)
    assert torch.equal(joined.selection, whole.selection)
    assert all(torch.equal(a, b) for a, b in zip(joined.skips, whole.skips, strict=True))


def test_bytes_count_every_tensor():
    assert made_features(1).bytes == 4 * (12 + 4 + 12 + 12 + 4)


def test_another_precision_reaches_every_tensor():
    low = made_features(2).to(dtype=torch.bfloat16)
    assert {t.dtype for t in (low.key, low.shrinkage, low.selection, *low.skips)} == {
        torch.bfloat16
    }


def test_some_of_the_joined_skips_are_had_without_the_others():
    whole = made_features(2)
    joined = SliceFeatures.cat(whole.each()).skips
    assert len(joined) == 2
    assert torch.equal(joined[-1], whole.skips[1])
    assert [torch.equal(*pair) for pair in zip(joined[1:], whole.skips[1:], strict=True)] == [True]
