"""Similarity, affinity and readout of the memory, shared by training and inference.

Training uses `similarity`, `full_affinity` and `readout`: the whole matrix, for the gradient.
Inference uses `memory_vectors`, `query_vectors`, `top_k_weights` and `gather_readout`: the same
similarity as one matrix product, of which only the largest elements of every query are weighted.
Letters: N memory elements, Q query positions, Ck / Cv key and value channels, O objects.

Source: XMem (Cheng and Schwing 2022), anisotropic L2 similarity. Differs: the largest similarity of
a query is subtracted before exponentiating; fewer than k elements are allowed; readout gathers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CLAMP = 1e-7  # keeps the logits of aggregated probabilities finite
FIXED_POINT = 2.0**32  # steps in a weight of one


def similarity(
    memory_key: Tensor,
    memory_shrinkage: Tensor | None,
    query_key: Tensor,
    query_selection: Tensor | None,
) -> Tensor:
    """Return -(s / sqrt(Ck)) * sum_c e (k_memory - k_query)^2 for every pair.

    Args:
        memory_key: (B, Ck, N).
        memory_shrinkage: (B, 1, N), the s above; 1 if `None`.
        query_key: (B, Ck, Q).
        query_selection: (B, Ck, Q), the e above. If `None` it is 1, and the square of the query is
            left out (as XMem does).

    Returns:
        (B, N, Q), float32 at least: large squares are subtracted from each other here.
    """
    memory, query = _at_least_float32(memory_key), _at_least_float32(query_key)
    square = memory.square().transpose(1, 2)
    if query_selection is None:
        result = 2.0 * (memory.transpose(1, 2) @ query) - square.sum(dim=2, keepdim=True)
    else:
        selection = _at_least_float32(query_selection)
        weighted = selection * query
        result = 2.0 * (memory.transpose(1, 2) @ weighted) - square @ selection
        result = result - (weighted * query).sum(dim=1, keepdim=True)
    if memory_shrinkage is not None:
        result = result * _at_least_float32(memory_shrinkage).transpose(1, 2)
    return result / math.sqrt(memory_key.shape[1])


def full_affinity(pairwise: Tensor) -> Tensor:
    """Return the softmax over all memory elements: (B, N, Q) to (B, N, Q), columns sum to one."""
    return pairwise.softmax(dim=1)


def top_k_affinity(pairwise: Tensor, top_k: int) -> Tensor:
    """Return the softmax over the k most similar elements of every query, zero elsewhere.

    Args:
        pairwise: (B, N, Q) similarities.
        top_k: k; all elements where there are fewer.

    Returns:
        (B, N, Q), columns sum to one.
    """
    values, index = pairwise.topk(min(top_k, pairwise.shape[1]), dim=1)
    return torch.zeros_like(pairwise).scatter_(1, index, values.softmax(dim=1))


def readout(affinity: Tensor, value: Tensor) -> Tensor:
    """Return the affinity-weighted values: (B, N, Q) and (B, O, Cv, N) to (B, O, Cv, Q)."""
    return value @ affinity.to(value.dtype).unsqueeze(1)


def memory_vectors(key: Tensor, shrinkage: Tensor) -> Tensor:
    """Return what is kept of memory elements so that one product gives their similarities.

    Args:
        key: (N, Ck).
        shrinkage: (N,).

    Returns:
        (N, 2 Ck + 1), float32: (s / sqrt(Ck)) * [-k^2, 2 k, -1].
    """
    key = _at_least_float32(key)
    scale = _at_least_float32(shrinkage).unsqueeze(1) / math.sqrt(key.shape[1])
    return scale * torch.cat([-key.square(), 2.0 * key, key.new_full((len(key), 1), -1.0)], dim=1)


def query_vectors(key: Tensor, selection: Tensor) -> Tensor:
    """Return the other factor of that product.

    Args:
        key: (..., Q, Ck).
        selection: (..., Q, Ck).

    Returns:
        (..., Q, 2 Ck + 1), float32: [e, e k, sum_c e k^2].
    """
    key, selection = _at_least_float32(key), _at_least_float32(selection)
    weighted = selection * key
    return torch.cat([selection, weighted, (weighted * key).sum(dim=-1, keepdim=True)], dim=-1)


def top_k_weights(blocks: Iterable[Tensor], query: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Return the most similar elements of every query, with their softmax weights.

    Args:
        blocks: At least one, (N_i, D) from `memory_vectors`, compared one after the other, so that
            only the similarities of one block exist at a time.
        query: (Q, D) from `query_vectors`.
        top_k: How many elements a query looks at; all where there are fewer.

    Returns:
        Weights (Q, k) that sum to one, in any order, and the indices (Q, k) of their elements,
        counted on from block to block.
    """
    best = query.new_empty(len(query), 0)
    index = torch.empty(len(query), 0, dtype=torch.long, device=query.device)
    start = 0
    for block in blocks:
        found = query @ block.T
        elements = len(block)
        more, more_index = _largest(found, top_k)
        if not start:
            best, index, start = more, more_index, elements
            continue
        best, index = torch.cat([best, more], dim=1), torch.cat([index, more_index + start], dim=1)
        best, kept = _largest(best, top_k)
        index = index.gather(1, kept)
        start += elements
    return best.softmax(dim=1), index


def gather_readout(weights: Tensor, index: Tensor, value: Tensor) -> Tensor:
    """Return the weighted sum of the k values that each query looks at.

    Args:
        weights: (Q, k).
        index: (Q, k), rows of `value`.
        value: (N, C), one row an element.

    Returns:
        (Q, C), in the precision of the values.
    """
    weights = weights.to(value.dtype)
    return functional.embedding_bag(index, value, per_sample_weights=weights, mode="sum")


def usage_of(weights: Tensor, index: Tensor, elements: int) -> Tensor:
    """Return how much weight each of N elements got from all queries together: (N,)."""
    total = new_usage(weights.new_empty(elements))
    add_usage(total, weights, index)
    return usage_total(total)


def new_usage(like: Tensor) -> Tensor:
    """Return where usage is summed, (N,), for the rows of a tensor (N, ...).

    Summed in whole steps, since the order in which a GPU adds must not reach the result.
    """
    return torch.zeros(len(like), dtype=torch.long, device=like.device)


def add_usage(total: Tensor, weights: Tensor, index: Tensor) -> None:
    """Add to a sum (N,) what elements got: weights and indices, (Q, k) each."""
    steps = (weights.float() * FIXED_POINT).round_().long()
    total.index_add_(0, index.flatten(), steps.flatten())


def usage_total(total: Tensor) -> Tensor:
    """Return a sum (N,) as weights, float32."""
    return total.float() / FIXED_POINT


def _largest(similarities: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest numbers of every row, all where there are fewer, and their places.

    On a CPU numpy finds them in half of torch's time.
    """
    elements = similarities.shape[1]
    if elements <= top_k or not similarities.is_cpu:
        return similarities.topk(min(top_k, elements), dim=1)
    order = np.argpartition(similarities.numpy(), elements - top_k, axis=1)
    index = torch.from_numpy(np.ascontiguousarray(order[:, elements - top_k :]))
    return similarities.gather(1, index), index


def aggregate_logits(probability: Tensor) -> Tensor:
    """Return logits over background and objects from independent probabilities.

    Args:
        probability: (B, O, H, W), 0..1, one for each object by itself.

    Returns:
        (B, 1 + O, H, W), background first; their softmax over dimension 1 is the aggregation.

    Source: XMem's soft aggregation. For one object the softmax is p^2 / (p^2 + (1 - p)^2).
    """
    background = (1.0 - probability).prod(dim=1, keepdim=True)
    every = torch.cat([background, probability], dim=1).clamp(CLAMP, 1.0 - CLAMP)
    return torch.log(every / (1.0 - every))


def aggregate(probability: Tensor) -> Tensor:
    """Return the probabilities of background and objects, summing to one: (B, 1 + O, H, W)."""
    return aggregate_logits(probability).softmax(dim=1)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
