"""Whole sequences against the published implementations: XMem, and XMem++ for permanent memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from SlicerLIMNet.memory.config import MemoryConfig, MemoryMode
from SlicerLIMNet.memory.manager import MemoryManager
from SlicerLIMNet.memory.store import MemoryElements, MemoryStore
from SlicerLIMNet.memory.tracker import SequenceTracker, SlicePrompt, aggregated_prompt
from SlicerLIMNet.networks.memory_interface import SliceFeatures
from SlicerLIMNet.networks.memory_network import IMAGENET_MEAN
from Testing.parity.recipe_xmem import HERE, made_image, made_mask, xmem_network

TOLERANCE = 1e-4
WORKING_ONLY = MemoryConfig(long_term=False)
SMALL = MemoryConfig(every=2, min_slices=2, max_slices=4, prototypes=16, long_term_elements=60)
Given = Mapping[int, tuple[int, ...]]  # frame to the objects (1 or 2) whose masks are given there


@dataclass(frozen=True)
class Case:
    """One sequence of a fixture file."""

    name: str
    frames: range
    config: MemoryConfig
    given: Given = field(default_factory=lambda: {0: (1,)})
    thinned: int = 4
    size: tuple[int, int] = (96, 128)
    permanent: tuple[int, ...] = ()

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Left, right, above, below: what is missing to multiples of 16, half of it before."""
        height, width = (-n % 16 for n in self.size)
        return width // 2, width - width // 2, height // 2, height - height // 2


@dataclass(frozen=True)
class Outcome:
    probability: np.ndarray
    sizes: np.ndarray
    hidden: np.ndarray
    memory: MemoryManager


SHORT = [
    Case("a", range(12), WORKING_ONLY, thinned=2),
    Case("mid", range(12), WORKING_ONLY, given={0: (1,), 7: (1,)}),
    Case("pad", range(6), WORKING_ONLY, thinned=2, size=(90, 118)),
    Case("deep3", range(12), MemoryConfig(deep_every=3, long_term=False)),
    Case("fwd", range(4, 12), WORKING_ONLY, given={4: (1,)}),
    Case("bwd", range(4, -1, -1), WORKING_ONLY, given={4: (1,)}),
]
LONG = [
    Case("small", range(44), SMALL),
    Case("default", range(24), MemoryConfig(every=1)),
]
TWO = [
    Case("two", range(12), WORKING_ONLY, given={0: (1, 2)}, thinned=2),
    Case("late", range(12), WORKING_ONLY, given={0: (1,), 4: (2,)}),
    Case(
        "twolong",
        range(12),
        MemoryConfig(every=1, min_slices=2, max_slices=4, prototypes=16),
        given={0: (1, 2)},
    ),
]
EVERY_TWO = MemoryConfig(every=2)
PERMANENT = [
    Case("small", range(28), SMALL, given={}, permanent=(0, 9)),
    Case("fwd", range(8, 12), EVERY_TWO, given={}, permanent=(3, 8)),
    Case("bwd", range(8, -1, -1), EVERY_TWO, given={}, permanent=(3, 8)),
]


@pytest.fixture(scope="module", autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.name)
def test_a_short_sequence_is_the_published_one(case):
    assert_same("short", case, run(case))


@pytest.mark.parametrize("case", LONG, ids=lambda case: case.name)
def test_a_sequence_with_consolidation_is_the_published_one(case):
    outcome = run(case)
    given = assert_same("long", case, outcome)
    long_term = outcome.memory.long_term
    assert_near(outcome.memory.working.usage, given["work_usage"])
    assert_of_size(long_term.elements.key.T[::8], given["long_key"])
    assert_near(long_term.elements.shrinkage, given["long_shrinkage"])
    assert_of_size(long_term.value.T[None, ::16], given["long_value"])
    if given["long_usage"].size:  # the original does not count it in the other sequence
        assert_near(long_term.usage, given["long_usage"])


@pytest.mark.parametrize("case", TWO, ids=lambda case: case.name)
def test_a_sequence_with_two_objects_is_the_published_one(case):
    assert_same("two", case, run(case))


@pytest.mark.parametrize("case", PERMANENT, ids=lambda case: case.name)
def test_a_sequence_with_permanent_memory_is_the_published_one(case):
    assert_same("perm", case, run(case))


def run(case: Case) -> Outcome:
    """Run a sequence as the fixtures were made; objects count from 0 here."""
    mode = MemoryMode.PERMANENT if case.permanent else MemoryMode.PAPER
    references = {t: reference(case, t) for t in case.permanent}
    permanent = MemoryStore()
    for _, features, value in references.values():
        permanent.append(MemoryElements.of_slice(features, value))
    _, like = frame(case, case.frames[0])
    tracker = SequenceTracker(xmem_network(), case.config, mode, like, permanent)
    probabilities, sizes, states = [], [], []
    for t in case.frames:
        is_last = t == case.frames[-1]
        if t in references:
            probability = tracker.step_with_value(
                references[t][1], references[t][0], references[t][2], is_last
            )
        else:
            image, features = frame(case, t)
            probability = tracker.step(lambda i=image: i, features, prompt(case, t), is_last)
        probabilities.append(cropped(case, probability))
        sizes.append(sizes_of(case, tracker.memories[0]))
        states.append(with_absent(case, tracker.hidden[0, :, ::8], 0.0))
    return Outcome(np.stack(probabilities), np.array(sizes), np.stack(states), tracker.memories[0])


def frame(case: Case, t: int) -> tuple[Tensor, SliceFeatures]:
    """Return a frame, padded with what normalisation turns into zero, and its features."""
    image = torch.from_numpy(made_image(t, *case.size)) - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    padded = functional.pad(image, case.padding) + torch.tensor(IMAGENET_MEAN).view(3, 1, 1)
    return padded[None], xmem_network().encode_key(padded[None])


def prompt(case: Case, t: int) -> SlicePrompt | None:
    if t not in case.given:
        return None
    masks = np.stack([made_mask(t, *case.size, which) for which in case.given[t]])
    masks = functional.pad(torch.from_numpy(masks), case.padding)
    return SlicePrompt(masks, tuple(which - 1 for which in case.given[t]))


def reference(case: Case, t: int) -> tuple[SlicePrompt, SliceFeatures, Tensor]:
    mask = SlicePrompt(torch.from_numpy(made_mask(t, *case.size))[None])
    image, features = frame(case, t)
    hidden = torch.zeros(1, 1, 64, *features.key.shape[-2:])
    value, _ = xmem_network().encode_value(
        image, features, aggregated_prompt(mask), hidden, deep=False
    )
    return mask, features, value


def cropped(case: Case, probability: Tensor) -> np.ndarray:
    left, right, above, below = case.padding
    height, width = probability.shape[-2:]
    inner = probability[0, :, above : height - below, left : width - right]
    return with_absent(case, inner, -1.0)


def with_absent(case: Case, objects: Tensor, value: float) -> np.ndarray:
    """Return the array with rows of `value` for objects that have not come yet."""
    total = max((max(which) for which in case.given.values()), default=1)
    missing = objects.new_full((total - len(objects), *objects.shape[1:]), value)
    return torch.cat([objects, missing]).numpy()


def sizes_of(case: Case, memory: MemoryManager) -> list[int]:
    sizes = memory.sizes
    temporary = [sizes.working, sizes.long_term]
    return [sizes.permanent, *temporary] if case.permanent else temporary


def assert_same(file: str, case: Case, found: Outcome) -> dict[str, np.ndarray]:
    """Hold a run against its arrays, and return these."""
    arrays = np.load(HERE / f"xmem_{file}.npz")
    prefix = f"{case.name}_"
    given = {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
    thin = case.thinned
    np.testing.assert_array_equal(found.sizes, given["sizes"])
    np.testing.assert_allclose(
        found.probability[:, :, ::thin, ::thin], given["prob"], atol=TOLERANCE, rtol=0
    )
    np.testing.assert_allclose(found.hidden, given["hidden"], atol=TOLERANCE, rtol=0)
    foreground = (found.probability[:, 0] > 0.5).mean(axis=(1, 2))
    np.testing.assert_allclose(foreground, given["fg_fraction"], atol=TOLERANCE, rtol=0)
    return given


def assert_near(found: Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.numpy(), expected, atol=TOLERANCE, rtol=0)


def assert_of_size(found: Tensor, expected: np.ndarray) -> None:
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found.numpy(), expected, atol=TOLERANCE * largest, rtol=0)
