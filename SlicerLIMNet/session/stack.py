"""A volume as the slices of one plane: images to segment, clicks to voxels, masks to the grid."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import AnyClick, Click
from SlicerLIMNet.domain.geometry import Geometry, Points, Triple, nearest_index
from SlicerLIMNet.domain.masks import FOREGROUND, SparseProbability, bounding_box, quantise
from SlicerLIMNet.domain.plane import AnyPlane, ObliquePlane, Plane, default_plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.reslice import GridMap, reach_of_box, reslice, reslice_slice
from SlicerLIMNet.imaging.window import Window, WindowedSlice

Bytes = npt.NDArray[np.uint8]
Index = tuple[int, int, int]

_CLICK_DECIMALS = 3  # of a pixel: a position in mm, rounded in a file, finds its voxel's centre


class SliceStack:
    """The slices of a plane of a volume; windowed one at a time, so a long volume is not copied."""

    def __init__(self, volume: Volume, plane: AnyPlane | None, window: Window) -> None:
        """Take a volume, a plane (the default one for None) and what its images show as 0..1."""
        self.volume = volume
        self.plane = plane if plane is not None else default_plane(volume.geometry)
        self.window = window
        self.shape = _plane_shape(self.plane, volume.geometry)
        """Number of slices, rows and columns."""

    @property
    def spacing_mm(self) -> Triple:
        """Distance of neighbouring slices, rows and columns."""
        if isinstance(self.plane, Plane):
            return self.plane.from_zyx(self.volume.geometry.spacing_zyx_mm)
        return self.plane.spacing_mm

    @property
    def slice_step(self) -> float:
        """Distance of neighbouring slices in pixels of a slice."""
        slices, rows, columns = self.spacing_mm
        return 2 * slices / (rows + columns)

    def image(self, index: int) -> npt.NDArray[np.float32]:
        """Return a slice: (rows, columns), or (rows, columns, 3) for RGB; 0..1."""
        return self.windowed(index)[:]

    def windowed(self, index: int) -> WindowedSlice:
        """Return the same slice for whoever looks at a part of it only."""
        if isinstance(self.plane, Plane):
            return WindowedSlice(self._along(self.volume.array)[index], self.window)
        values = reslice_slice(
            self.volume.array, self._to_voxels, index, self.shape[1:], self.volume.minimum
        )
        return WindowedSlice(values, self.window)

    def contains(self, click: Click) -> bool:
        """Whether a click lies on a pixel of the slices, and on a voxel of the volume."""
        place = nearest_index((click.slice_index, click.row, click.column))
        if not _inside(place, self.shape):
            return False
        return _inside(np.array(self.index_zyx(click)), self.volume.shape_zyx)

    def index_zyx(self, click: Click) -> Index:
        """Return the voxel that a click hits; it may lie outside where `contains` says no."""
        place = (click.slice_index, click.row, click.column)
        if isinstance(self.plane, Plane):
            voxel = nearest_index(self.plane.to_zyx(place))
        else:
            voxel = nearest_index(self._to_voxels([place])[0])
        z, y, x = (int(index) for index in voxel)
        return (z, y, x)

    def click_from_lps(self, point_lps: npt.ArrayLike, positive: bool = True) -> Click:
        """Return the click nearest to a position in mm; `contains` tells whether it is in."""
        place = self._from_lps(np.asarray(point_lps, np.float64))
        row, column = np.round(place[1:], _CLICK_DECIMALS).tolist()
        return Click(int(nearest_index(np.round(place[0], _CLICK_DECIMALS))), row, column, positive)

    def click_to_lps(self, click: Click) -> Triple:
        """Return the position in mm of a click."""
        place = (click.slice_index, click.row, click.column)
        if isinstance(self.plane, Plane):
            point = self.volume.geometry.index_zyx_to_lps(self.plane.to_zyx(place))
        else:
            point = self.plane.geometry.index_zyx_to_lps(place)
        x, y, z = point.tolist()
        return (x, y, z)

    def resolve(self, click: AnyClick) -> Click:
        """Return any click as one on a slice of this plane."""
        if isinstance(click, Click):
            return click
        return self.click_from_lps(click.point_lps, click.positive)

    def to_volume(self, slices: Mapping[int, SparseProbability]) -> Bytes:
        """Return slices as probabilities of the volume's voxels.

        Exact for the array axes; linearly resampled for an oblique plane.

        Args:
            slices: By slice index; a slice that is not there counts as empty.

        Returns:
            [z, y, x], 0..255; the mask is what lies above 127.
        """
        if isinstance(self.plane, ObliquePlane):
            return self._to_voxel_grid(slices)
        probability = np.zeros(self.volume.shape_zyx, np.uint8)
        along = self._along(probability)
        for index, stored in slices.items():
            row0, row1, column0, column1 = stored.box
            along[index, row0:row1, column0:column1] = stored.values
        return probability

    def to_mask(self, slices: Mapping[int, SparseProbability]) -> npt.NDArray[np.bool_]:
        """Return the mask of `to_volume`, [z, y, x], without its probabilities where it can."""
        if isinstance(self.plane, ObliquePlane):
            return self._to_voxel_grid(slices) >= FOREGROUND
        mask = np.zeros(self.volume.shape_zyx, bool)
        along = self._along(mask)
        for index, stored in slices.items():
            row0, row1, column0, column1 = stored.box
            along[index, row0:row1, column0:column1] = stored.values >= FOREGROUND
        return mask

    def from_volume(self, probability: Bytes) -> dict[int, SparseProbability]:
        """Return every slice of probabilities [z, y, x], 0..255, of the volume's voxels."""
        if isinstance(self.plane, ObliquePlane):
            return self._from_voxel_grid(probability)
        along = self._along(probability)
        return {i: SparseProbability.from_bytes(along[i]) for i in range(self.shape[0])}

    def _along(self, voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a view (slice, row, column, ...) of voxels [z, y, x, ...]."""
        assert isinstance(self.plane, Plane)
        return np.moveaxis(voxels, self.plane.axis, 0)

    def _from_lps(self, point_lps: Points) -> Points:
        if isinstance(self.plane, Plane):
            z, y, x = self.volume.geometry.lps_to_index_zyx(point_lps)
            return np.array(self.plane.from_zyx((z, y, x)))
        return self.plane.geometry.lps_to_index_zyx(point_lps)

    @cached_property
    def _to_voxels(self) -> GridMap:
        """From (slice, row, column) of the oblique plane to [z, y, x]."""
        assert isinstance(self.plane, ObliquePlane)
        corners = np.concatenate([np.zeros((1, 3)), np.eye(3)])
        voxels = self.volume.geometry.lps_to_index_zyx(
            self.plane.geometry.index_zyx_to_lps(corners)
        )
        return GridMap((voxels[1:] - voxels[0]).T, voxels[0])

    def _to_voxel_grid(self, slices: Mapping[int, SparseProbability]) -> Bytes:
        """Resample only the voxels that the box around all slices can reach."""
        probability = np.zeros(self.volume.shape_zyx, np.uint8)
        filled = {index: stored for index, stored in slices.items() if not stored.is_empty}
        if not filled:
            return probability
        low, high = _box_of(filled)
        stack = np.stack([_cut(filled.get(i), low, high) for i in range(low[0], high[0])])
        first, end = reach_of_box(self._to_voxels, low, high, self.volume.shape_zyx)
        to_stack = self._to_voxels.inverse().to_corner(low)
        for z in range(first[0], end[0]):  # slice by slice: floats of one slice only
            size = (1, end[1] - first[1], end[2] - first[2])
            values = reslice(stack, to_stack.from_corner((z, first[1], first[2])), size)[0]
            probability[z, first[1] : end[1], first[2] : end[2]] = quantise(values / 255)
        return probability

    def _from_voxel_grid(self, probability: Bytes) -> dict[int, SparseProbability]:
        slices = {i: SparseProbability.empty(self.shape[1:]) for i in range(self.shape[0])}
        filled = np.flatnonzero(probability.any(axis=(1, 2)))
        if filled.size == 0:
            return slices
        row0, row1, column0, column1 = bounding_box(probability.max(axis=0))
        low, high = (int(filled[0]), row0, column0), (int(filled[-1]) + 1, row1, column1)
        first, end = reach_of_box(self._to_voxels.inverse(), low, high, self.shape)
        for index in range(first[0], end[0]):
            values = reslice_slice(probability, self._to_voxels, index, self.shape[1:])
            slices[index] = SparseProbability.from_dense(values / 255)
        return slices


def _plane_shape(plane: AnyPlane, geometry: Geometry) -> Index:
    if isinstance(plane, Plane):
        return plane.from_zyx(geometry.shape_zyx)
    return plane.shape


def _inside(place: npt.NDArray[np.int64], shape: Index) -> bool:
    return bool((place >= 0).all() and (place < shape).all())


def _box_of(slices: Mapping[int, SparseProbability]) -> tuple[Index, Index]:
    """Return first and end index (half-open) of the box around all that slices hold."""
    boxes = np.array([stored.box for stored in slices.values()])
    low = (min(slices), int(boxes[:, 0].min()), int(boxes[:, 2].min()))
    return low, (max(slices) + 1, int(boxes[:, 1].max()), int(boxes[:, 3].max()))


def _cut(stored: SparseProbability | None, low: Index, high: Index) -> Bytes:
    """Return one slice inside a box that holds all of it."""
    cut = np.zeros((high[1] - low[1], high[2] - low[2]), np.uint8)
    if stored is not None:
        row0, row1, column0, column1 = stored.box
        cut[row0 - low[1] : row1 - low[1], column0 - low[2] : column1 - low[2]] = stored.values
    return cut
