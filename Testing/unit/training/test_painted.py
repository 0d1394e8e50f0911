from __future__ import annotations

import cv2
import numpy as np
import pytest

from SlicerLIMNet.training.memory_data import SequenceSampler, SequenceShares
from SlicerLIMNet.training.painted import paint
from SlicerLIMNet.training.pool import load_pool
from SlicerLIMNet.training.prompt_data import PromptSampler, SourceShares
from Testing.unit.training.tiny_data import write_volumes


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Three slices of a bright disc that shrinks, on two halves of grey."""
    rows, columns = np.mgrid[:64, :64]
    masks = np.stack([(rows - 30) ** 2 + (columns - 34) ** 2 < r**2 for r in (16, 14, 12)])
    images = np.where(columns < 30, 0.2, 0.5) + 0.4 * masks
    return images.astype(np.float32), masks


def test_painted_slices_lie_in_the_range_and_follow_their_seed():
    images, masks = scene()
    one, same, other = (paint(images, masks, np.random.default_rng(s)) for s in (1, 1, 2))
    assert one.shape == images.shape
    assert one.dtype == np.float32
    assert 0 <= one.min() < one.max() <= 1
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_object_is_brighter_or_darker_than_what_is_around_it():
    images, masks = scene()
    signs = set()
    for seed in range(30):
        painted = paint(images, masks, np.random.default_rng(seed))
        rim = cv2.dilate(masks[0].astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        gap = painted[0][masks[0]].mean() - painted[0][rim & ~masks[0]].mean()
        assert abs(gap) > 0.01
        signs.add(gap > 0)
    assert signs == {True, False}


def test_slices_share_their_intensities():
    images, masks = scene()
    painted = paint(images, masks, np.random.default_rng(3))
    means = [plane[mask].mean() for plane, mask in zip(painted, masks, strict=True)]
    assert np.ptp(means) < 0.1


def test_a_slice_without_the_object_is_painted_all_the_same():
    images, masks = scene()
    painted = paint(images, np.zeros_like(masks), np.random.default_rng(4))
    assert np.isfinite(painted).all()


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return load_pool(write_volumes(folder), None, folder / "packs")


def test_both_stages_draw_painted_samples_where_they_are_asked_to(pool):
    only = {"real": 0, "images": 0, "pseudo": 0, "made": 0, "painted": 1}
    prompts = PromptSampler(pool, 64, SourceShares(**only, superpixels=0), 5)
    sample = next(iter(prompts))
    assert sample.image.shape == (64, 64, 3)
    sequence = SequenceSampler(pool, 64, SequenceShares(**only), 5).draw(4, False)
    assert sequence.images.shape == (4, 64, 64)
    assert sequence.truths[0].any()


def test_a_share_of_nothing_changes_no_draw(pool):
    plain = {"real": 1, "images": 0, "pseudo": 0.5, "superpixels": 0, "made": 0.5}
    one, other = (
        PromptSampler(pool, 64, SourceShares(**plain, **more), 6) for more in ({}, {"painted": 0})
    )
    for first, second in zip(range(5), range(5), strict=True):
        assert first == second
        np.testing.assert_array_equal(next(iter(one)).image, next(iter(other)).image)
