"""Which window of a first click to trust, by what the masks look like that it led to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.imaging.error_clicks import PixelClick, depth_map
from SlicerLIMNet.imaging.resample import extent

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def best_window(answers: Sequence[FloatArray], click: PixelClick) -> int:
    """Return which window's answer to take.

    It is firm, others agree with it, the click lies deep in it, and it is large. The weights were
    fitted on training volumes to the Dice of the answer taken, and rounded.

    Args:
        answers: (H, W) probabilities of the whole slice as seen in each window.
        click: The positive click that the windows lie around.
    """
    masks = [answer > 0.5 for answer in answers]
    agreement = _agreement(masks)
    scores = [
        _firmness(answer)
        + 0.8 * agreed
        + 0.5 * _depth(mask, click)
        + 0.3 * math.log(extent(mask) / max(mask.shape) + 0.01)
        for answer, mask, agreed in zip(answers, masks, agreement, strict=True)
    ]
    return int(np.argmax(scores))


def _firmness(probability: FloatArray) -> float:
    """Return how little a mask depends on the threshold, 0..1."""
    firm, possible = (int(np.count_nonzero(probability > least)) for least in (0.7, 0.3))
    return firm / max(1, possible)


def _agreement(masks: Sequence[BoolArray]) -> list[float]:
    """Return the mean Dice of each mask with all, itself too, 0..1.

    An empty mask is 0: windows that found nothing must not outvote one that did.
    """
    flat = np.stack(masks).reshape(len(masks), -1).astype(np.float32)
    shared = (flat @ flat.T).astype(np.float64)  # pixels in common, exact up to 2**24
    pixels = shared.diagonal()
    return (2 * shared / np.maximum(pixels[:, None] + pixels, 1)).mean(axis=1).tolist()


def _depth(mask: BoolArray, click: PixelClick) -> float:
    """Return how far inside a mask the click lies, 1 where nothing lies deeper; 0 if outside."""
    row = min(max(round(click.row), 0), mask.shape[0] - 1)
    column = min(max(round(click.column), 0), mask.shape[1] - 1)
    if not mask[row, column]:
        return 0.0
    depths = depth_map(mask)
    return float(depths[row, column] / depths.max())
