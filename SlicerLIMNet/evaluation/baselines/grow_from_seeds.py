"""Slicer's Grow from seeds, by the very class that its Segment Editor runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.baselines.seeds import OBJECT, Seeds

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GrowFromSeeds:
    """`vtkImageGrowCutSegment` of slicer-core: every voxel takes the label of the nearest seed.

    Near is measured along a path by the intensity steps on it.
    """

    distance_penalty: float = 0.0
    """Added per mm of the path, as a part of the window; Slicer calls it seed locality."""
    is_clipped: bool = False
    """Whether intensities are cut off at the window's ends."""
    most_voxels: int = 1 << 19
    """Larger boxes are made coarser."""

    def check_installed(self) -> None:
        """Raise `ConfigError` where slicer-core is not installed."""
        _libraries()

    def grow(
        self, values: FloatArray, seeds: Seeds, spacing_zyx_mm: Sequence[float]
    ) -> npt.NDArray[np.bool_]:
        """Return the voxels nearest to a seed of the object; see `Grower.grow`.

        Raises:
            ConfigError: slicer-core is not installed.
        """
        slicer, vtk_support = _libraries()
        if self.is_clipped:
            values = np.clip(values, 0, 1)
        # the filter leaves the outermost voxels alone: a rim of them is added and taken off
        intensities = _vtk_image(np.pad(values, 1, mode="edge"), spacing_zyx_mm, vtk_support)
        labels = _vtk_image(np.pad(seeds, 1), spacing_zyx_mm, vtk_support)
        grow = slicer.vtkImageGrowCutSegment()
        grow.SetIntensityVolume(intensities)
        grow.SetSeedLabelVolume(labels)
        grow.SetDistancePenalty(self.distance_penalty)
        grow.Update()
        scalars = grow.GetOutput().GetPointData().GetScalars()
        grown = vtk_support.vtk_to_numpy(scalars).reshape([n + 2 for n in seeds.shape])
        return np.asarray(grown[1:-1, 1:-1, 1:-1] == OBJECT)


def _libraries() -> tuple[Any, Any]:
    """Return slicer and VTK's bridge to numpy; imported late, most evaluations need neither.

    Raises:
        ConfigError: They are not installed.
    """
    try:
        import slicer
        from vtk.util import numpy_support

        _ = slicer.vtkImageGrowCutSegment  # Slicer without the Segment Editor's logic
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            "the method grow-from-seeds is Slicer's own and needs its package slicer-core; install "
            "it with: pip install slicer-core, or run the evaluation in Slicer's Python"
        ) from error
    return slicer, numpy_support


def _vtk_image(array: npt.NDArray[Any], spacing_zyx_mm: Sequence[float], vtk_support: Any) -> Any:
    from vtk import vtkImageData

    image = vtkImageData()
    image.SetDimensions(array.shape[::-1])
    image.SetSpacing(tuple(spacing_zyx_mm)[::-1])
    flat = np.ascontiguousarray(array).ravel()
    image.GetPointData().SetScalars(vtk_support.numpy_to_vtk(flat, deep=True))
    return image
