"""The window that a session begins with, found once a volume where every click finds the same."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.window import Window, choose_window, follows_click

_FOUND: WeakKeyDictionary[Volume, Window] = WeakKeyDictionary()


def automatic_window(
    volume: Volume, around_zyx: tuple[int, int, int] | None = None, axis: int = 0
) -> tuple[float, float]:
    """Return the voxel values that become 0 and 1, unless somebody chooses others.

    Calling it early, when a volume is loaded, spares the first click a look at every voxel.

    Args:
        volume: The image.
        around_zyx: Voxel of the first click; None where there is none yet.
        axis: Array axis of the plane that was clicked in.
    """
    if volume.window is not None:
        return volume.window
    if follows_click(volume.array, volume.modality, volume.minimum):
        window = choose_window(volume.array, "CT", around_zyx, axis)
        return (window.low, window.high)
    if volume not in _FOUND:
        _FOUND[volume] = choose_window(volume.array, volume.modality)
    found = _FOUND[volume]
    return (found.low, found.high)
