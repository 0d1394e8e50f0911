from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SlicerLIMNet.networks.place import PLACE_NUMBERS, SCALES
from SlicerLIMNet.training.largest_slices import LargestSlices
from SlicerLIMNet.training.memory_data import Sequence, SequenceSampler, SequenceShares
from SlicerLIMNet.training.pool import Pool, load_pool
from Testing.unit.training.tiny_data import SHAPE, write_images, write_volumes

SIZE = 64
NOTHING = SequenceShares(real=0, pseudo=0, images=0, made=0)
SOURCES = ("real", "pseudo", "images", "made")


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Pool:
    folder = tmp_path_factory.mktemp("data")
    return load_pool(write_volumes(folder), write_images(folder), folder / "packs")


def sequences_of(
    pool: Pool, shares: SequenceShares, count: int, length: int = 4, second: bool = False
) -> list[Sequence]:
    sampler = SequenceSampler(pool, SIZE, shares, seed=1)
    return [sampler.draw(length, second) for _ in range(count)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("length", [3, 6])
def test_every_source_gives_sequences_that_begin_on_an_object(pool, source, length):
    for sequence in sequences_of(pool, replace(NOTHING, **{source: 1.0}), 6, length):
        assert sequence.images.shape == sequence.truths.shape == (length, SIZE, SIZE)
        assert sequence.images.dtype == np.float32
        assert sequence.truths.dtype == bool
        assert 0 <= sequence.images.min() <= sequence.images.max() <= 1 + 1e-5
        assert sequence.truths[0].any()
        assert list(sequence.prompts) == [0]
        assert sequence.prompts[0].shape == (SIZE, SIZE)


@pytest.mark.parametrize("source", SOURCES)
def test_the_last_slice_may_be_a_reference_too(pool, source):
    for sequence in sequences_of(pool, replace(NOTHING, **{source: 1.0}), 4, 5, second=True):
        assert list(sequence.prompts) == [0, 4]
        assert sequence.prompts[4].shape == (SIZE, SIZE)


def test_references_are_mostly_right_and_never_far_off(pool):
    sequences = sequences_of(pool, SequenceShares(), 80)
    is_right = [(s.prompts[0] == s.truths[0]).all() for s in sequences]
    assert 0.5 < np.mean(is_right) < 0.85
    for sequence in sequences:
        prompt, truth = sequence.prompts[0], sequence.truths[0]
        assert np.count_nonzero(prompt & truth) >= 0.2 * np.count_nonzero(prompt | truth)


def test_the_object_takes_up_a_part_of_its_region_as_in_the_engine(pool):
    extents = []
    for sequence in sequences_of(pool, replace(NOTHING, real=1.0), 60):
        there = np.argwhere(sequence.truths[0])
        extents.append((np.ptp(there, axis=0) + 1).max() / SIZE)
    assert min(extents) > 0.2
    assert 0.35 < np.median(extents) < 0.7


def counting_pool(pool: Pool) -> Pool:
    """One object that stands upright in a volume whose slices are brighter and brighter."""
    target = pool.real["CT head and neck"][1]
    voxels = np.repeat(np.linspace(60, 200, SHAPE[0]).astype(np.uint8), SHAPE[1] * SHAPE[2])
    labels = np.zeros(SHAPE, np.uint16)
    labels[:, 20:40, 20:40] = target.value
    volume = replace(target.volume, voxels=voxels.reshape(SHAPE), labels=labels, modality="other")
    return replace(pool, real={"CT head and neck": [replace(target, volume=volume)]})


def test_a_sequence_goes_up_or_down_through_its_volume(pool):
    directions = []
    shares = replace(NOTHING, real=1.0)
    for sequence in sequences_of(counting_pool(pool), shares, 30):
        middles = sequence.images[:, 24:40, 24:40].mean(axis=(1, 2))
        steps = np.diff(middles)
        moving = steps[np.abs(steps) > 0.02]
        directions.append(np.sign(moving.sum()))
        same = np.count_nonzero(np.sign(moving) == directions[-1])
        assert same >= len(moving) - 1  # slices may differ a little from each other
    assert {-1, 1} <= set(directions)


def test_some_sequences_go_past_the_end_of_their_object(pool):
    ball = {"CT head and neck": [pool.real["CT head and neck"][0]]}
    shares = replace(NOTHING, real=1.0)
    sequences = sequences_of(replace(pool, real=ball), shares, 40, length=6)
    ends = [not sequence.truths[-1].any() for sequence in sequences]
    assert 0.3 < np.mean(ends) < 0.95
    assert all(sequence.truths[0].any() for sequence in sequences)


def test_a_moving_image_keeps_its_object_while_it_moves(pool):
    sequences = sequences_of(pool, replace(NOTHING, images=1.0), 20)
    areas = np.array([sequence.truths.sum(axis=(1, 2)) for sequence in sequences])
    assert 0.8 < np.median(areas[:, 1] / areas[:, 0]) < 1.25
    assert all((s.truths[0] != s.truths[-1]).any() for s in sequences)


def test_a_seed_fixes_the_sequences(pool):
    one, again = (sequences_of(pool, SequenceShares(), 6) for _ in range(2))
    for sequence, same in zip(one, again, strict=True):
        np.testing.assert_array_equal(sequence.images, same.images)
        np.testing.assert_array_equal(sequence.truths, same.truths)
        np.testing.assert_array_equal(sequence.prompts[0], same.prompts[0])


def test_sources_without_data_are_not_drawn(pool):
    bare = replace(pool, images={}, superpixels=[], pseudo=[])
    assert len(sequences_of(bare, SequenceShares(), 12)) == 12


def test_places_are_known_where_slices_have_distances(pool):
    for source in SOURCES:
        has_distances = source in ("real", "pseudo")
        for sequence in sequences_of(pool, replace(NOTHING, **{source: 1.0}), 4, 5):
            assert sequence.places.shape == (5, PLACE_NUMBERS)
            assert sequence.places[1].any() == has_distances


def test_places_tell_how_far_the_references_are_and_whether_the_object_ends(pool):
    third = len(SCALES)
    ends = set()
    for sequence in sequences_of(pool, replace(NOTHING, real=1.0), 40, 5, second=True):
        if not sequence.places.any():
            continue  # it begins where the object is not
        behind, filled, empty = np.split(sequence.places, 3, axis=1)
        assert (np.diff(behind[:, -1]) <= 0).all()
        is_empty = bool(empty.any())
        ends.add(is_empty)
        assert is_empty != bool(filled.any())
        ahead = empty if is_empty else filled
        assert (np.diff(ahead[:, -1]) >= 0).all()
        np.testing.assert_allclose(ahead[-1], np.ones(third))
    assert ends == {True, False}


def test_half_of_the_sequences_with_one_reference_begin_where_users_click(pool):
    sampler = SequenceSampler(pool, SIZE, replace(NOTHING, real=1.0), seed=1)
    target = next(iter(pool.real.values()))[0]
    inside = target.volume.labels == target.value
    assert LargestSlices().of(target, 0) == int(np.argmax(inside.sum(axis=(1, 2))))
    assert sampler._draw_indices(target.slices[0], len(inside), 4, largest=5)[0] == 5
