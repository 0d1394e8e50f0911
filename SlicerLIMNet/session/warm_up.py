"""Work that means nothing, for networks that have not run yet."""

from __future__ import annotations

import numpy as np

from SlicerLIMNet.memory.config import MemoryMode
from SlicerLIMNet.propagation.propagator import Propagator
from SlicerLIMNet.propagation.region import RegionConfig, choose_region
from SlicerLIMNet.propagation.schedule import RangeRule
from SlicerLIMNet.session.parts import BoolArray, FloatArray

_SLICES = 9  # both ways have memory slices and others, and whole blocks
_STARTS = ((4,), (2, 6))  # two ways, as in a first round; four and then three, as in later ones


def made_slice(rows_columns: tuple[int, int]) -> tuple[FloatArray, BoolArray]:
    """Return an image of a disk in its middle, a third of it wide, and the disk's mask."""
    rows, columns = np.ogrid[: rows_columns[0], : rows_columns[1]]
    distance = np.hypot(rows - rows_columns[0] // 2, columns - rows_columns[1] // 2)
    disk = distance < min(rows_columns) / 6 + 1
    return disk.astype(np.float32), disk


def follow_disk(
    propagator: Propagator, image: FloatArray, disk: BoolArray, regions: RegionConfig
) -> None:
    """Follow a disk (rows, columns) through a few equal slices, from one of them and from two."""
    rows_columns = (disk.shape[0], disk.shape[1])
    for starts in _STARTS:
        for _ in propagator.propagate(
            lambda _: image,
            dict.fromkeys(starts, disk),
            starts[0],
            _SLICES,
            RangeRule.whole(),
            MemoryMode.PERMANENT,
            choose_region([disk], rows_columns, regions),
            lambda: False,
            from_nearest=True,
        ):
            pass
