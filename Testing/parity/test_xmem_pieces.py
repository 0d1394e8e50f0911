"""Affinity, readout, consolidation, aggregation and losses against the published implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from SlicerLIMNet.memory.consolidation import make_prototypes
from SlicerLIMNet.memory.store import MemoryElements
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
from SlicerLIMNet.training.memory_losses import (
    bootstrap_share,
    bootstrapped_cross_entropy,
    soft_dice_loss,
)
from Testing.parity.recipe_xmem import HERE


@pytest.fixture(scope="module")
def given() -> dict[str, Tensor]:
    return {
        name: torch.from_numpy(array) for name, array in np.load(HERE / "xmem_readout.npz").items()
    }


def assert_near(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "shrinkage", "selection"),
    [("sim", "in_ms", "in_qe"), ("sim_noselection", "in_ms", ""), ("sim_noshrinkage", "", "in_qe")],
)
def test_similarity_is_the_published_one_with_and_without_its_parts(
    given, name, shrinkage, selection
):
    found = similarity(given["in_mk"], given.get(shrinkage), given["in_qk"], given.get(selection))
    assert_near(found, given[name])


def test_one_product_gives_the_same_similarity(given):
    memory = memory_vectors(given["in_mk"][0].T, given["in_ms"][0, 0])
    query = query_vectors(given["in_qk"][0].T, given["in_qe"][0].T)
    assert_near(memory @ query.T, given["sim"][0])


def test_affinities_are_the_published_ones(given):
    assert_near(full_affinity(given["sim"]), given["affinity_full"])
    assert_near(top_k_affinity(given["sim"], 30), given["affinity_top30"])


@pytest.mark.parametrize("kind", ["full", "top30"])
def test_readout_is_the_published_one(given, kind):
    found = readout(given[f"affinity_{kind}"], given["in_mv"].unsqueeze(0))
    assert_near(found[0], given[f"readout_{kind}"])


@pytest.mark.parametrize("block", [7, 30, 96])
def test_gathering_block_by_block_gives_the_published_readout_and_usage(given, block):
    memory = memory_vectors(given["in_mk"][0].T, given["in_ms"][0, 0])
    query = query_vectors(given["in_qk"][0].T, given["in_qe"][0].T)
    weights, index = top_k_weights(memory.split(block), query, 30)
    found = gather_readout(weights, index, given["in_mv"].flatten(0, 1).T.contiguous())
    assert_near(found.T.reshape(2, 16, 24), given["readout_top30"])
    assert_near(usage_of(weights, index, 96), given["usage"][0])


def test_prototypes_are_the_published_ones(given):
    candidates = MemoryElements(
        given["in_mk"][0].T,
        given["in_ms"][0, 0],
        given["in_ce"][0].T,
        given["in_mv"].flatten(0, 1).T,
    )
    found = make_prototypes(candidates, given["cons_usage"][0, 0], 8)
    assert_near(found.key.T, given["cons_key"][0])
    assert_near(found.shrinkage, given["cons_shrinkage"][0, 0])
    assert_near(found.value.T.reshape(2, 16, 8), given["cons_value"])


@pytest.mark.parametrize("objects", [1, 2])
def test_aggregation_is_the_published_one(given, objects):
    found = aggregate(given[f"agg{objects}_in"].unsqueeze(0))
    assert_near(found[0], given[f"agg{objects}"], 1e-6)


def test_cross_entropy_counts_the_published_pixels_at_every_iteration(given):
    for iteration, (loss, share) in zip(given["loss_it"].tolist(), given["loss_ce"], strict=True):
        found = bootstrap_share(iteration)
        assert found == pytest.approx(float(share), abs=1e-6)
        found_loss = bootstrapped_cross_entropy(given["loss_logits"], given["loss_gt"], found)
        assert float(found_loss) == pytest.approx(float(loss), abs=1e-5)


def test_dice_loss_is_the_published_one(given):
    probability = given["loss_logits"].softmax(dim=1)[:, 1:]
    assert_near(soft_dice_loss(probability, given["loss_gt"]), given["loss_dice"])
