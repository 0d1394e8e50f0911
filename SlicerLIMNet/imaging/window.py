"""The intensity window of a session: which voxel values the networks see as 0..1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError

Voxels = npt.NDArray[Any]

NEIGHBOURHOOD = 32
"""Side in pixels of the square around the first click that tells lung and bone from soft tissue."""

_AIR_HU = -500  # a volume without modality that reaches below is a CT
_LUNG_BELOW_HU, _BONE_ABOVE_HU = -400, 250
_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class Window:
    """The voxel values that become 0 and 1."""

    low: float
    """Becomes 0, as everything below it."""
    high: float
    """Becomes 1, as everything above it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise ConfigError(
                f"a window needs a low below a high, not [{self.low:g}, {self.high:g}]"
            )


SOFT_TISSUE_WINDOW = Window(-160, 240)
LUNG_WINDOW = Window(-1000, 400)
BONE_WINDOW = Window(-200, 1000)


def choose_window(
    voxels: Voxels,
    modality: str | None = None,
    around_zyx: tuple[int, int, int] | None = None,
    axis: int = 0,
) -> Window:
    """Return the window of a session from its first click.

    Args:
        voxels: [z, y, x], or [z, y, x, 3] for RGB, which keeps the whole range of its type.
        modality: As DICOM names it. Where nobody said, a voxel below -500 makes it a CT.
        around_zyx: Voxel of the first click; None where there is none yet.
        axis: Array axis of the plane; the neighbourhood of the click lies in its slice.

    Returns:
        For a CT soft tissue, lung or bone by the median around the click; otherwise the 0.5 and
        99.5 percentiles of the voxels above the minimum.

    Source: LIMNET.md section 1.
    """
    if voxels.ndim == 4:
        return _colour_window(voxels)
    if not (modality and _is_ct(modality, 0.0)):  # a look at every voxel only where it is needed
        minimum = float(voxels.min())
        if not _is_ct(modality, minimum):
            return _percentile_window(voxels, minimum)
    if around_zyx is None:
        return SOFT_TISSUE_WINDOW
    return _ct_window(float(np.median(_neighbourhood(voxels, around_zyx, axis))))


def apply_window(values: Voxels, window: Window) -> npt.NDArray[np.float32]:
    """Return values of any shape as 0..1, clipped."""
    scaled = values.astype(np.float32)
    scaled -= np.float32(window.low)
    scaled /= np.float32(window.high - window.low)
    return np.clip(scaled, 0, 1, out=scaled)


class WindowedSlice:
    """A slice that is windowed where it is looked at, which mostly is a part of it."""

    dtype = np.dtype(np.float32)

    def __init__(self, values: Voxels, window: Window) -> None:
        """Take values (rows, columns) or (rows, columns, 3), and what they show as 0..1."""
        self._values, self._window = values, window
        self.shape, self.ndim = values.shape, values.ndim

    def __getitem__(self, part: Any) -> npt.NDArray[np.float32]:
        """Return some rows and columns, 0..1."""
        return apply_window(self._values[part], self._window)

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Return the whole slice; it is never a view."""
        return self[:].astype(dtype or np.float32, copy=bool(copy))


def follows_click(voxels: Voxels, modality: str | None, minimum: float) -> bool:
    """Whether the window depends on where the first click is: on a CT, see `choose_window`.

    Args:
        voxels: [z, y, x], or [z, y, x, 3] for RGB.
        modality: As DICOM names it; None where nobody said.
        minimum: Of the voxels.
    """
    return voxels.ndim == 3 and _is_ct(modality, minimum)


def _is_ct(modality: str | None, minimum: float) -> bool:
    if modality:
        return modality.strip().upper().startswith("CT")
    return minimum < _AIR_HU


def _ct_window(median_hu: float) -> Window:
    if median_hu < _LUNG_BELOW_HU:
        return LUNG_WINDOW
    return BONE_WINDOW if median_hu > _BONE_ABOVE_HU else SOFT_TISSUE_WINDOW


def _neighbourhood(voxels: Voxels, around_zyx: tuple[int, int, int], axis: int) -> Voxels:
    """Return the square around a voxel in its slice, cut at the edges of the volume."""
    half = NEIGHBOURHOOD // 2
    place = [slice(max(0, index - half), max(1, index + half)) for index in around_zyx]
    place[axis] = slice(around_zyx[axis], around_zyx[axis] + 1)
    return voxels[tuple(place)]


def _colour_window(voxels: Voxels) -> Window:
    if voxels.dtype == np.uint8:
        return Window(0, 255)
    return Window(min(0.0, float(voxels.min())), float(voxels.max()))


def _percentile_window(voxels: Voxels, minimum: float) -> Window:
    low, high = percentiles_above(voxels, minimum, _PERCENTILES)
    # two values only, such as a mask: its percentiles are one and the same
    return Window(low, high) if low < high else Window(minimum, high)


def percentiles_above(
    voxels: Voxels, minimum: float, percentiles: Iterable[float]
) -> tuple[float, ...]:
    """Return percentiles of the voxels above a value, interpolated, in the precision of float32.

    Slice by slice: a volume of any length needs no copy of itself.

    Args:
        voxels: [z, y, x], with at least one voxel above `minimum`.
        minimum: Voxels must lie above it to count.
        percentiles: 0..100.
    """
    is_short = voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2
    counts = _counts_of_values(voxels, minimum) if is_short else _counts_of_keys(voxels, minimum)
    last = int(counts.sum()) - 1
    places = [percent / 100 * last for percent in percentiles]
    ranks = sorted({int(np.floor(p)) for p in places} | {int(np.ceil(p)) for p in places})
    if is_short:
        lowest = int(np.iinfo(voxels.dtype).min)
        values = [float(v) + lowest for v in np.searchsorted(np.cumsum(counts), ranks, "right")]
    else:
        values = _values_of_rank(voxels, minimum, counts, ranks)
    return tuple(float(np.interp(place, ranks, values)) for place in places)


def _counts_of_values(voxels: Voxels, minimum: float) -> npt.NDArray[np.int64]:
    """Return how often each integer of 16 bits occurs above the minimum, from the lowest on."""
    lowest = int(np.iinfo(voxels.dtype).min)
    counts = np.zeros(1 << 16, np.int64)
    for plane in voxels:  # one look is enough here, and five times faster than the search below
        counts += np.bincount(plane.ravel().astype(np.intp) - lowest, minlength=1 << 16)
    counts[: max(0, int(np.floor(minimum)) - lowest + 1)] = 0
    return counts


def _counts_of_keys(voxels: Voxels, minimum: float) -> npt.NDArray[np.int64]:
    """Return how often each upper half of a key occurs above the minimum."""
    counts = np.zeros(1 << 16, np.int64)
    for plane in voxels:
        counts += np.bincount(_keys(plane, minimum) >> 16, minlength=1 << 16)
    return counts


def _values_of_rank(
    voxels: Voxels, minimum: float, coarse: npt.NDArray[np.int64], ranks: list[int]
) -> list[float]:
    """Return order statistics by a radix search: upper half of the keys known, now the lower."""
    ends = np.cumsum(coarse)
    uppers = np.searchsorted(ends, ranks, side="right")
    fine = {int(upper): np.zeros(1 << 16, np.int64) for upper in uppers}
    for plane in voxels:
        keys = _keys(plane, minimum)
        for upper, counts in fine.items():
            chosen = keys[keys >> 16 == upper] & 0xFFFF
            counts += np.bincount(chosen, minlength=1 << 16)
    keys_of_rank = [
        (int(upper) << 16)
        + int(np.searchsorted(np.cumsum(fine[int(upper)]), rank - before, side="right"))
        for rank, upper, before in zip(ranks, uppers, (ends - coarse)[uppers], strict=True)
    ]
    return [_value_of_key(key) for key in keys_of_rank]


def _keys(plane: Voxels, minimum: float) -> npt.NDArray[np.uint32]:
    """Return voxels above the minimum as unsigned integers of the same order."""
    values = plane[plane > minimum].astype(np.float32) + np.float32(0)  # -0.0 becomes 0.0
    bits = values.view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _value_of_key(key: int) -> float:
    bits = key & 0x7FFFFFFF if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array(bits, np.uint32).view(np.float32))
