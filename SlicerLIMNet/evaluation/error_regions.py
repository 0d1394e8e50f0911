"""Where a mask is wrong: the slice to look at, the largest error, its deepest place.

Masks are bool [z, y, x]; slices lie along the first axis.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from SlicerLIMNet.metrics import dice_by_slice

BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.int64]


def largest_slices(truth: BoolArray) -> list[int]:
    """Return the slices that show the object, the largest area first; ties: lowest index first."""
    areas = np.count_nonzero(truth, axis=(1, 2))
    return [int(i) for i in np.argsort(-areas, kind="stable") if areas[i]]


def smallest_area(rows: int, columns: int) -> int:
    """Return the pixels that an object or mask needs on a slice for the slice to be judged."""
    return max(10, round(100 * rows * columns / 512**2))


def worst_slices(truth: BoolArray, predicted: BoolArray) -> list[int]:
    """Return the slices that a user may have to mend, the worst first.

    A slice counts if the object on it reaches `smallest_area`, or if there is none and the mask
    reaches it. Lowest Dice first, then most wrong pixels, then lowest index; what is right is out.
    """
    least = smallest_area(*truth.shape[1:])
    object_area = np.count_nonzero(truth, axis=(1, 2))
    mask_area = np.count_nonzero(predicted, axis=(1, 2))
    wrong = np.count_nonzero(truth ^ predicted, axis=(1, 2))
    judged = (object_area >= least) | ((object_area == 0) & (mask_area >= least))
    order = np.lexsort((-wrong, dice_by_slice(truth, predicted)))  # stable: ties stay in order
    return [int(i) for i in order if judged[i] and wrong[i]]


def largest_error(truth: BoolArray, predicted: BoolArray) -> BoolArray | None:
    """Return the largest connected part of what is wrong, missed and surplus taken together.

    Returns:
        [z, y, x], voxels that touch by face, edge or corner; of equally large parts the one that
        comes first in raster order. None if nothing is wrong.
    """
    parts, count = ndimage.label(truth ^ predicted, structure=np.ones((3, 3, 3)))
    if count == 0:
        return None
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest = np.isin(parts, np.flatnonzero(sizes == sizes.max()))
    first = parts.flat[int(largest.argmax())]
    return np.asarray(parts == first)


def deepest_voxels(region: BoolArray, spacing_zyx_mm: Sequence[float]) -> IndexArray:
    """Return the voxels of a region that lie farthest from its edge.

    Args:
        region: [z, y, x], not empty; what lies beyond the volume is outside.
        spacing_zyx_mm: Distance of neighbouring voxels along z, y, x.

    Returns:
        (N, 3), the indices of all that attain the exact largest distance, in raster order.
    """
    box = ndimage.find_objects(region.astype(np.uint8))[0]
    padded = np.pad(region[box], 1)
    depth = ndimage.distance_transform_edt(padded, sampling=spacing_zyx_mm)
    corner = np.array([part.start for part in box]) - 1
    return np.asarray(np.argwhere(depth == depth.max()) + corner)


def connected_part(error: BoolArray, row: int, column: int) -> BoolArray:
    """Return the part of a slice's error, (rows, columns), that holds a pixel; corners touch."""
    parts, _ = ndimage.label(error, structure=np.ones((3, 3)))
    return np.asarray(parts == parts[row, column])
