"""Work on a coarser grid where a box is too large, so that every round ends in bounded time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from SlicerLIMNet.evaluation.baselines.seeds import BACKGROUND, OBJECT, Seeds

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CoarseGrid:
    """Blocks of voxels that stand for one voxel each; blocks at the far edges may stick out."""

    block_zyx: tuple[int, int, int]
    """Voxels of a block along each axis."""
    shape_zyx: tuple[int, int, int]
    """Of the fine grid."""

    @property
    def is_fine(self) -> bool:
        """Whether a block is a single voxel."""
        return self.block_zyx == (1, 1, 1)

    def spacing_zyx_mm(self, fine_zyx_mm: Sequence[float]) -> tuple[float, float, float]:
        """Return the distance of neighbouring blocks from that of voxels."""
        z, y, x = (mm * size for mm, size in zip(fine_zyx_mm, self.block_zyx, strict=True))
        return z, y, x

    def values(self, fine: FloatArray) -> FloatArray:
        """Return the mean of every block; what sticks out repeats the edge."""
        return np.asarray(self._blocks(fine, mode="edge").mean(axis=(1, 3, 5)), np.float32)

    def seeds(self, fine: Seeds) -> Seeds:
        """Return the seed that a block holds most of; the object's where they are equal."""
        blocks = self._blocks(fine, mode="constant")
        counts = [(blocks == kind).sum(axis=(1, 3, 5)) for kind in (OBJECT, BACKGROUND)]
        coarse = np.where(counts[0] >= counts[1], OBJECT, BACKGROUND).astype(np.uint8)
        coarse[(counts[0] == 0) & (counts[1] == 0)] = 0
        return coarse

    def to_fine(self, coarse: npt.NDArray[Any]) -> FloatArray:
        """Return probabilities of blocks at every voxel, linear between the blocks' centres."""
        steps = 1 / np.array(self.block_zyx)
        fine = ndimage.affine_transform(
            np.asarray(coarse, np.float32),
            steps,
            offset=0.5 * steps - 0.5,
            output_shape=self.shape_zyx,
            order=1,
            mode="nearest",
        )
        return np.asarray(fine, np.float32)

    def _blocks(self, fine: npt.NDArray[Any], mode: Any) -> npt.NDArray[Any]:
        """Return an array of six axes, of which the second, fourth and sixth lie in a block."""
        sizes = zip(fine.shape, self.block_zyx, strict=True)
        padded = np.pad(fine, [(0, -length % size) for length, size in sizes], mode=mode)
        pairs = zip(padded.shape, self.block_zyx, strict=True)
        return padded.reshape([part for n, size in pairs for part in (n // size, size)])


def coarse_grid(
    shape_zyx: Sequence[int], spacing_zyx_mm: Sequence[float], most_voxels: int
) -> CoarseGrid:
    """Return the finest grid with no more voxels than allowed.

    The axis whose blocks are shortest in mm is made coarser first, so blocks become even.
    """
    z, y, x = (int(length) for length in shape_zyx)
    block = np.ones(3, int)
    while np.prod(-(-np.array((z, y, x)) // block)) > most_voxels:
        lengths = block * np.array(spacing_zyx_mm)
        lengths[block >= (z, y, x)] = np.inf  # a single block is as coarse as it gets
        block[int(lengths.argmin())] += 1
    return CoarseGrid((int(block[0]), int(block[1]), int(block[2])), (z, y, x))
