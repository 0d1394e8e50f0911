"""SimpleITK's region growing from the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.evaluation.baselines.seeds import BACKGROUND, OBJECT, Seeds

FloatArray = npt.NDArray[np.float32]

_SMOOTHING_STEP = 0.0625  # the longest that is stable in three dimensions
_WALL = -1e6  # far below any interval


@dataclass(frozen=True)
class RegionGrowing:
    """`ConnectedThreshold`: what is connected to a seed of the object within an interval.

    The interval is the mean of the object's seeds plus and minus a number of their standard
    deviations; seeds of the background are walls.
    """

    multiplier: float = 2.5
    """Standard deviations each way."""
    least_deviation: float = 0.02
    """As a part of the window: a smooth object has a deviation of nearly none."""
    smoothing_steps: int = 0
    """Of curvature flow, before growing."""
    most_voxels: int = 1 << 21
    """Larger boxes are made coarser."""

    def check_installed(self) -> None:
        """Do nothing: SimpleITK comes with this package."""

    def grow(
        self,
        values: FloatArray,
        seeds: Seeds,
        spacing_zyx_mm: Sequence[float],  # noqa: ARG002 - it counts voxels
    ) -> npt.NDArray[np.bool_]:
        """Return the region; see `Grower.grow`. Intensities are cut off at the window's ends."""
        image = sitk.GetImageFromArray(np.clip(values, 0, 1))
        if self.smoothing_steps and min(values.shape) > 1:
            image = sitk.CurvatureFlow(image, _SMOOTHING_STEP, self.smoothing_steps)
        smooth = sitk.GetArrayFromImage(image)
        inside = smooth[seeds == OBJECT]
        reach = self.multiplier * max(float(inside.std()), self.least_deviation)
        smooth[seeds == BACKGROUND] = _WALL
        starts = [tuple(int(i) for i in place[::-1]) for place in np.argwhere(seeds == OBJECT)]
        middle = float(inside.mean())
        region = sitk.ConnectedThreshold(
            sitk.GetImageFromArray(smooth), starts, middle - reach, middle + reach, 1
        )
        return np.asarray(sitk.GetArrayFromImage(region), bool)
