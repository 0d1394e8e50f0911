"""What becomes of a memory that is full: prototypes of working memory, eviction from long-term."""

from __future__ import annotations

import torch
from torch import Tensor

from SlicerLIMNet.memory.store import MemoryElements
from SlicerLIMNet.networks.affinity import full_affinity, similarity


def make_prototypes(candidates: MemoryElements, usage: Tensor, count: int) -> MemoryElements:
    """Return the elements used most, each standing for the candidates that resemble it.

    Their keys are copies; values and shrinkages are means over all candidates, weighted with the
    affinity of the candidates to the prototype.

    Args:
        candidates: The elements that leave working memory.
        usage: (N,), theirs.
        count: Prototypes wanted; all candidates where there are fewer.

    Returns:
        In descending usage; of equal ones the older first.

    Source: XMem, section 3.3 (memory potentiation).
    """
    order = usage.sort(descending=True, stable=True).indices[:count]
    chosen = candidates.select(order)
    pairwise = similarity(
        candidates.key.T.unsqueeze(0),
        candidates.shrinkage.view(1, 1, -1),
        chosen.key.T.unsqueeze(0),
        chosen.selection.T.unsqueeze(0),
    )
    affinity = full_affinity(pairwise)[0].T  # (prototypes, candidates)
    value = (affinity @ candidates.value.float()).to(candidates.value.dtype)
    return MemoryElements(chosen.key, affinity @ candidates.shrinkage, chosen.selection, value)


def used_enough(usage: Tensor, wanted: int) -> Tensor:
    """Return which elements stay when the least used ones go, as a bool mask (N,).

    Args:
        usage: (N,).
        wanted: How many stay at most; elements tied with the last one that goes, go with it.

    Returns:
        All true where there are no more than wanted.

    Source: XMem. Differs: an excess of zero elements is no error.
    """
    excess = len(usage) - wanted
    if excess <= 0:
        return torch.ones_like(usage, dtype=torch.bool)
    return usage > usage.sort().values[excess - 1]
