"""A volume: voxels and where they lie; it cannot be made from what cannot be segmented."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.errors import VolumeError

Voxels = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Volume:
    """An image in the patient; read-only, checked when it is made.

    Raises:
        VolumeError: The voxels are empty, constant, not finite, or not three-dimensional.
    """

    array: Voxels
    """[z, y, x], or [z, y, x, 3] for RGB; numbers as they were stored."""
    geometry: Geometry
    """The grid of these voxels."""
    modality: str | None = None
    """CT, MR, ... as DICOM names them; None where nobody said."""
    name: str = ""
    """For the user: usually the file's name."""
    dicom_files: tuple[str, ...] = ()
    """Files of a DICOM series, in the order of z; empty where the volume comes from elsewhere."""
    window: tuple[float, float] | None = None
    """The voxel values to be shown as 0 and 1, where a data set states them."""

    def __post_init__(self) -> None:
        array = np.asarray(self.array).view()
        _check_shape(array, self.geometry, self.name)
        _check_voxels(array, self.name)
        array.setflags(write=False)
        object.__setattr__(self, "array", array)

    @property
    def is_colour(self) -> bool:
        """Whether the voxels are RGB."""
        return self.array.ndim == 4

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Voxels along z, y and x."""
        return self.geometry.shape_zyx

    @cached_property
    def minimum(self) -> float:
        """The smallest voxel, over all colours."""
        return float(self.array.min())

    @cached_property
    def sha256(self) -> str:
        """Checksum of the voxels, [z, y, x] little-endian as stored; geometry is not part of it."""
        digest = hashlib.sha256()
        little_endian = self.array.dtype.newbyteorder("<")
        for plane in self.array:  # slice by slice: a large volume is not copied
            digest.update(np.ascontiguousarray(plane, little_endian).tobytes())
        return digest.hexdigest()


def _check_shape(array: Voxels, geometry: Geometry, name: str) -> None:
    what = f"volume {name}" if name else "the volume"
    if array.ndim < 3 or array.ndim > 4 or (array.ndim == 4 and array.shape[3] != 3):
        raise VolumeError(
            f"{what} has shape {array.shape}; expected one grey or RGB image in three dimensions"
        )
    if array.size == 0:
        raise VolumeError(f"{what} is empty: its shape is {array.shape}")
    if array.shape[:3] != geometry.shape_zyx:
        raise VolumeError(
            f"{what} has voxels of shape {array.shape[:3]} on a grid of {geometry.shape_zyx}"
        )
    if array.dtype.kind not in "biuf":
        raise VolumeError(f"{what} holds {array.dtype}; expected integers or real numbers")


def _check_voxels(array: Voxels, name: str) -> None:
    what = f"volume {name}" if name else "the volume"
    lowest = np.array([plane.min() for plane in array])
    highest = np.array([plane.max() for plane in array])
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all()):  # a NaN passes through min
        raise VolumeError(f"{what} holds NaN or infinite voxels; replace them by numbers first")
    if lowest.min() == highest.max():
        raise VolumeError(f"{what} is constant: every voxel is {lowest[0]}; nothing can be seen")
