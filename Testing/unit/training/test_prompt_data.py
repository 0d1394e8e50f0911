from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from SlicerLIMNet.training.pool import Pool, load_pool
from SlicerLIMNet.training.prompt_data import (
    LEAST_PIXELS,
    PromptSample,
    PromptSampler,
    SampleRules,
    SourceShares,
)
from Testing.unit.training.tiny_data import write_images, write_volumes

SIZE = 64
NOTHING = SourceShares(real=0, images=0, pseudo=0, superpixels=0, made=0)
SOURCES = ("real", "images", "pseudo", "superpixels", "made")


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Pool:
    folder = tmp_path_factory.mktemp("data")
    return load_pool(write_volumes(folder), write_images(folder), folder / "packs")


def samples_of(pool: Pool, shares: SourceShares, count: int, seed: int = 0) -> list[PromptSample]:
    return list(islice(PromptSampler(pool, SIZE, shares, seed), count))


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_crops_with_an_object(pool, source):
    for sample in samples_of(pool, replace(NOTHING, **{source: 1.0}), 12):
        assert sample.image.shape == (SIZE, SIZE, 3)
        assert sample.truth.shape == sample.previous.shape == (SIZE, SIZE)
        assert sample.image.dtype == sample.previous.dtype == np.float32
        assert 0 <= sample.image.min() <= sample.image.max() <= 1 + 1e-5
        assert 0 <= sample.previous.min() <= sample.previous.max() <= 1
        assert sample.truth.dtype == bool
        assert np.count_nonzero(sample.truth) >= LEAST_PIXELS or sample.previous.any()


@pytest.fixture(scope="module")
def many(pool) -> list[PromptSample]:
    return samples_of(pool, SourceShares(), 150, seed=4)


def test_clicks_lie_on_whole_pixels_of_the_crop(many):
    for sample in many:
        assert len(sample.clicks) <= 10
        for click in sample.clicks:
            assert isinstance(click.row, int)
            assert 0 <= click.row < SIZE
            assert 0 <= click.column < SIZE


def test_first_clicks_say_what_the_truth_says(many):
    first = [sample for sample in many if not sample.previous.any()]
    assert 0.45 < len(first) / len(many) < 0.75
    for sample in first:
        assert any(click.positive for click in sample.clicks)
        assert all(sample.truth[c.row, c.column] == c.positive for c in sample.clicks)
    assert sum(len(sample.clicks) == 1 for sample in first) > 0.6 * len(first)


def test_clicks_on_a_previous_mask_lie_on_its_errors_or_confirm_it(many):
    later = [sample for sample in many if sample.previous.any() and sample.truth.any()]
    for sample in later:
        assert sample.clicks
        for click in sample.clicks:
            assert sample.truth[click.row, click.column] == click.positive
    was_inside = [s.previous[c.row, c.column] > 0.5 for s in later for c in s.clicks]
    positive = [c.positive for s in later for c in s.clicks]
    assert np.mean(np.not_equal(was_inside, positive)) > 0.6
    is_soft = [((s.previous > 0.01) & (s.previous < 0.99)).any() for s in later]
    assert 0.2 < np.mean(is_soft) < 0.7


def test_an_absent_object_has_a_previous_mask_that_went_too_far(many):
    absent = [sample for sample in many if not sample.truth.any()]
    assert 0 < len(absent) < 0.15 * len(many)
    for sample in absent:
        assert sample.previous.any()
        assert not any(click.positive for click in sample.clicks)


def test_objects_come_at_many_scales(many):
    shares = [np.sqrt(sample.truth.mean()) for sample in many if sample.truth.any()]
    assert min(shares) < 0.2
    assert max(shares) > 0.6


def test_a_seed_fixes_the_samples(pool):
    one, again, other = (samples_of(pool, SourceShares(), 6, seed) for seed in (3, 3, 5))
    for sample, same in zip(one, again, strict=True):
        np.testing.assert_array_equal(sample.image, same.image)
        np.testing.assert_array_equal(sample.truth, same.truth)
        np.testing.assert_array_equal(sample.previous, same.previous)
        assert sample.clicks == same.clicks
    assert any((a.image != b.image).any() for a, b in zip(one, other, strict=True))


def test_grey_sources_repeat_their_channel_and_coloured_ones_keep_theirs(pool):
    for sample in samples_of(pool, replace(NOTHING, real=1.0), 4):
        assert (sample.image == sample.image[..., :1]).all()
    only_skin = replace(pool, images={"skin": pool.images["skin"]})
    coloured = samples_of(only_skin, replace(NOTHING, images=1.0), 12)
    assert any((sample.image != sample.image[..., :1]).any() for sample in coloured)
    assert any((sample.image == sample.image[..., :1]).all() for sample in coloured)


def test_sources_without_data_are_not_drawn(pool):
    bare = replace(pool, images={}, superpixels=[], pseudo=[])
    assert len(samples_of(bare, SourceShares(), 20)) == 20


def test_a_pool_without_usable_objects_gives_none(pool):
    blank = [replace(i, labels=np.zeros_like(i.labels)) for i in pool.images["cells"]]
    sampler = PromptSampler(
        replace(pool, images={"cells": blank}), SIZE, replace(NOTHING, images=1.0), seed=0
    )
    assert sampler.draw() is None


def test_thick_slices_are_shown_as_they_were_acquired_only(pool):
    """Along another axis a voxel of 3 mm would be three times as long as it is wide."""
    thick = replace(pool, real={"CT": pool.real["CT head and neck"]}, weights={"CT": 1.0})
    volume = thick.real["CT"][0].volume
    assert volume.spacing_zyx_mm == (3.0, 1.0, 1.0)
    for target in thick.real["CT"]:
        sideways = replace(target, slices=(target.slices[0], np.array([999]), np.array([999])))
        one = replace(thick, real={"CT": [sideways]})
        assert len(samples_of(one, replace(NOTHING, real=1.0), 20)) == 20


@pytest.fixture(scope="module")
def guided(pool) -> list[PromptSample]:
    sampler = PromptSampler(
        pool, SIZE, replace(NOTHING, real=1.0), seed=7, rules=SampleRules(guided=1.0)
    )
    return list(islice(sampler, 60))


def test_guides_are_other_slices_of_the_object(guided):
    with_guides = [sample for sample in guided if sample.guides is not None]
    assert len(with_guides) > 50
    for sample in with_guides:
        assert sample.guides.shape == (SIZE, SIZE, 5)
        assert sample.guides.dtype == np.float32
        assert 0 <= sample.guides.min() <= sample.guides.max() <= 1 + 1e-5
        assert sample.guides[..., 4].min() == sample.guides[..., 4].max() > 0
    shows_any = [sample.guides[..., [1, 3]].any() for sample in with_guides]  # crops may miss it
    assert np.mean(shows_any) > 0.8


def test_a_guide_may_lie_beside_a_slice_where_the_object_has_ended(guided):
    ended = [sample for sample in guided if not sample.truth.any()]
    assert 0 < len(ended) < 0.3 * len(guided)
    for sample in ended:
        assert sample.previous.any()
        assert not any(click.positive for click in sample.clicks)


def test_samples_without_guides_are_drawn_unless_they_are_asked_for(many):
    assert all(sample.guides is None for sample in many)


def test_without_defective_masks_a_sample_starts_from_nothing_or_from_a_whole_object(pool):
    sampler = PromptSampler(pool, SIZE, SourceShares(), seed=3, rules=SampleRules(defective=0))
    drawn = list(islice(sampler, 60))
    assert not any(sample.previous.any() for sample in drawn if sample.truth.any())
