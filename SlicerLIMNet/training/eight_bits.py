"""Volumes in 8 bits, as training keeps them in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.volume import Volume

Image8 = npt.NDArray[np.uint8]

CT_RANGE = (-300.0, 500.0)
"""Hounsfield units kept at least, and at most `CT_MOST`: windows are drawn inside what is kept."""
CT_MOST = (-1000.0, 1000.0)

_PERCENTILES = (0.2, 99.8)
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (BT.601)


def eight_bits(volume: Volume) -> tuple[Image8, tuple[float, float]]:
    """Return the voxels of a volume in a window that loses little, and that window.

    Args:
        volume: Its own window is kept, of a CT at least. Colours become grey: propagation is
            trained on grey slices.

    Returns:
        [z, y, x], and the values that became 0 and 255.
    """
    if volume.is_colour:
        grey = volume.array.astype(np.float32) @ _LUMINANCE
        return np.round(grey).astype(np.uint8), (0.0, 255.0)
    voxels = volume.array.astype(np.float32)
    is_ct = (volume.modality or "").upper().startswith("CT")
    low, high = volume.window or (float(v) for v in np.percentile(voxels, _PERCENTILES))
    if is_ct:
        low, high = max(min(low, CT_RANGE[0]), CT_MOST[0]), min(max(high, CT_RANGE[1]), CT_MOST[1])
    high = max(high, low + 1e-6)
    scaled = np.clip((voxels - low) / (high - low), 0, 1) * 255
    return np.round(scaled).astype(np.uint8), (low, high)
