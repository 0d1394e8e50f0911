from __future__ import annotations

import cv2
import numpy as np
import pytest

from SlicerLIMNet.training import defects

# Mean IoU with the truth for objects of D = 12, 40 and 150 px, as the specification states it.
EXPECTED_IOU = {
    defects.add_shapes: (0.80, 0.84, 0.84),
    defects.dilate_or_erode: (0.59, 0.60, 0.62),
    defects.displace_boundary: (0.79, 0.77, 0.76),
    defects.smooth: (0.87, 0.87, 0.87),
    defects.remove_parts: (0.72, 0.77, 0.79),
    defects.merge_shapes: (0.83, 0.85, 0.87),
}
DIAMETERS = (12, 40, 150)


def random_blob(diameter: float, rng: np.random.Generator) -> np.ndarray:
    """A star-shaped blob of the area of a disc of this diameter, in the middle of its image."""
    waves = np.arange(2, 7)
    heights, phases = rng.normal(0, 0.35, 5) / waves, rng.uniform(0, 2 * np.pi, 5)
    turns = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    radius = 1 + (heights[:, None] * np.cos(waves[:, None] * turns + phases[:, None])).sum(0)
    radius = np.maximum(radius, 0.25)
    radius *= diameter / 2 / np.sqrt(np.mean(radius**2))
    size = int(3 * diameter) + 8
    points = size / 2 + radius[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    image = np.zeros((size, size), np.uint8)
    return cv2.fillPoly(image, [np.rint(points * 16).astype(np.int32)], 1, shift=4) > 0


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


@pytest.fixture(scope="module")
def blobs() -> dict[int, list[np.ndarray]]:
    rng = np.random.default_rng(7)
    return {diameter: [random_blob(diameter, rng) for _ in range(120)] for diameter in DIAMETERS}


@pytest.mark.parametrize("operation", EXPECTED_IOU, ids=lambda operation: operation.__name__)
def test_each_operation_is_as_strong_as_specified_at_every_size(blobs, operation):
    rng = np.random.default_rng(8)
    for diameter, expected in zip(DIAMETERS, EXPECTED_IOU[operation], strict=True):
        scores = [
            iou(blob, defects.defective_mask(blob, rng, [(1.0, operation)]))
            for blob in blobs[diameter]
        ]
        assert np.mean(scores) == pytest.approx(expected, abs=0.05), diameter


@pytest.mark.parametrize("table", [defects.TEXT_ORDER, defects.ADD_MOST])
def test_a_table_holds_six_probabilities_that_sum_to_one(table):
    assert [weight for weight, _ in table].count(0.1) == 3
    assert sum(weight for weight, _ in table) == pytest.approx(1.0)


@pytest.mark.parametrize("table", [defects.TEXT_ORDER, defects.ADD_MOST])
def test_a_defective_mask_differs_but_still_shows_the_object(blobs, table):
    rng = np.random.default_rng(9)
    for blob in blobs[40]:
        before = blob.copy()
        result = defects.defective_mask(blob, rng, table)
        assert result.dtype == bool
        assert result.shape == blob.shape
        assert 0.2 <= iou(blob, result) < 1.0
        assert np.array_equal(blob, before)


def test_the_operations_are_drawn_as_often_as_the_table_says(blobs):
    drawn = [0, 0]

    def first(item, rng):
        drawn[0] += 1
        return defects.erode(item, rng)

    def second(item, rng):
        drawn[1] += 1
        return defects.erode(item, rng)

    rng = np.random.default_rng(10)
    for _ in range(5):
        for blob in blobs[12]:
            defects.defective_mask(blob, rng, [(0.2, first), (0.8, second)])
    assert drawn[0] / sum(drawn) == pytest.approx(0.2, abs=0.04)


def test_the_same_generator_gives_the_same_masks(blobs):
    runs = []
    for _ in range(2):
        rng = np.random.default_rng(11)
        runs.append([defects.defective_mask(blob, rng) for blob in blobs[40][:30]])
    assert np.array_equal(runs[0], runs[1])


def test_the_place_in_the_image_does_not_matter_away_from_its_border(blobs):
    blob = blobs[40][0]
    moved = np.pad(blob, ((90, 40), (55, 70)))
    for seed in range(20):
        result = defects.defective_mask(blob, np.random.default_rng(seed))
        again = defects.defective_mask(moved, np.random.default_rng(seed))
        assert np.array_equal(result, again[90:-40, 55:-70])


@pytest.mark.parametrize("area", [1, 2, 5, 7, 8, 12])
def test_tiny_objects_never_vanish(area):
    mask = np.zeros((24, 24), bool)
    mask[10 : 10 + -(-area // 4), 8:12].flat[:area] = True
    rng = np.random.default_rng(12)
    for _ in range(60):
        result = defects.defective_mask(mask, rng)
        assert iou(mask, result) >= 0.2


def test_objects_under_eight_pixels_are_never_displaced_or_cut():
    def forbidden(item, rng):
        raise AssertionError("drawn for a tiny object")

    mask = np.zeros((16, 16), bool)
    mask[3:5, 3:6] = True
    rng = np.random.default_rng(13)
    for _ in range(30):
        assert defects.defective_mask(mask, rng, [(0.9, forbidden), (0.1, defects.smooth)]).any()
    assert defects.defective_mask(mask, rng, [(1.0, forbidden)]).any()


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(0, 9), slice(0, 30)), (slice(20, 40), slice(35, 50)), (slice(0, 40), slice(20, 22))],
)
def test_objects_at_the_border_of_the_image_work(rows, columns):
    mask = np.zeros((40, 50), bool)
    mask[rows, columns] = True
    for operation in EXPECTED_IOU:
        for seed in range(15):
            table = [(1.0, operation)]
            result = defects.defective_mask(mask, np.random.default_rng(seed), table)
            assert result.shape == mask.shape
            assert iou(mask, result) >= 0.2


def test_a_hole_and_an_island_survive_a_displacement_of_the_boundary():
    mask = np.zeros((120, 160), bool)
    mask[20:90, 20:90] = True
    mask[40:70, 40:70] = False
    mask[40:60, 120:140] = True
    table = [(1.0, defects.displace_boundary)]
    result = defects.defective_mask(mask, np.random.default_rng(14), table)
    assert not result[54:57, 54:57].any()
    assert result[48:52, 128:132].any()


def test_one_of_several_parts_can_be_removed_whole():
    mask = np.zeros((60, 60), bool)
    mask[10:30, 10:30] = mask[40:55, 40:55] = True
    rng = np.random.default_rng(15)
    results = [defects.defective_mask(mask, rng, [(1.0, defects.remove_parts)]) for _ in range(40)]
    assert any(not result[:35].any() and result[40:55, 40:55].all() for result in results)
    assert any(result[10:30, 10:30].all() and not result[35:].any() for result in results)


def test_a_mask_that_no_operation_changes_comes_back_smoothed():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    table = [(1.0, lambda item, rng: item.bits)]
    result = defects.defective_mask(mask, np.random.default_rng(16), table)
    assert 0.95 < iou(mask, result) < 1.0


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="leave out slices without"):
        defects.defective_mask(np.zeros((9, 9), bool), np.random.default_rng(0))


def test_a_volume_is_refused():
    with pytest.raises(ValueError, match="pass one slice"):
        defects.defective_mask(np.ones((3, 9, 9), bool), np.random.default_rng(0))
