"""Where the pseudo-objects of images come from: made once, then kept in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from SlicerLIMNet.training.pseudo_objects import (
    Image8,
    Labels,
    kept_cells,
    kept_superpixels,
    kept_supervoxels,
)


class Regions(Protocol):
    """What knows the regions of images."""

    def supervoxels(self, voxels: Image8, spacing_zyx_mm: tuple[float, float, float]) -> Labels:
        """Return the supervoxels of a volume, [z, y, x]."""

    def superpixels(self, pictures: Sequence[Image8]) -> list[Labels]:
        """Return the superpixels of pictures, (H, W) each."""

    def cells(self, voxels: Image8) -> Labels:
        """Return the cells of a volume of electron microscopy, [z, y, x]."""


class KeptRegions:
    """Regions that are made where a folder does not have them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def supervoxels(self, voxels: Image8, spacing_zyx_mm: tuple[float, float, float]) -> Labels:
        """Return the supervoxels of a volume; see `supervoxels`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return kept_supervoxels(voxels, spacing_zyx_mm, self._folder)

    def superpixels(self, pictures: Sequence[Image8]) -> list[Labels]:
        """Return the superpixels of pictures; see `superpixels`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return kept_superpixels(pictures, self._folder)

    def cells(self, voxels: Image8) -> Labels:
        """Return the cells of a volume; see `membrane_cells`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return kept_cells(voxels, self._folder)
