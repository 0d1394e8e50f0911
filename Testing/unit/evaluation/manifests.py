"""A small manifest on disk, and sessions on it that need no networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its users know

SHAPE = (5, 20, 24)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[1:4, 3:9, 3:9] = 1
LABELS[2:5, 12:18, 12:20] = 7


class GrowingSession:
    """Marks a square round each click, on its slice; without fusion it forgets the older ones."""

    opened = 0

    def __init__(self, volume, config):
        GrowingSession.opened += 1
        self.volume, self.config = volume, config
        self.mask = np.zeros(volume.shape_zyx, bool)

    def add_click(self, click):
        if not self.config.fusion:
            self.mask = np.zeros_like(self.mask)
        row, column = int(click.row), int(click.column)
        self.mask[click.slice_index, row - 2 : row + 3, column - 2 : column + 3] = click.positive

    def run_round(self, cancel):
        cancel.raise_if_cancelled()
        yield from range(SHAPE[0])

    def mask_volume(self):
        return self.mask.copy()


class GrowingMethods:
    """Gives the same sessions whatever the method is called; it can be sent to a process."""

    def __call__(self, method):
        return GrowingSession


def save(array, path, spacing=(3.0, 1.0, 1.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


def write_manifest(folder: Path) -> Path:
    """Write two volumes, one with two targets; paths are relative to the manifest."""
    image = np.random.default_rng(0).integers(-50, 50, SHAPE).astype(np.int16)
    (folder / "dev").mkdir()
    save(image, folder / "dev/a.nii.gz")
    save(LABELS, folder / "dev/a_labels.nii.gz")
    entry = {
        "name": "a",
        "image": "dev/a.nii.gz",
        "labels": "dev/a_labels.nii.gz",
        "modality": "CT",
        "targets": {"liver": 1, "spleen": 7},
    }
    other = {**entry, "name": "b", "modality": "MR", "targets": {"spleen": 7}}
    path = folder / "dev.json"
    path.write_text(json.dumps({"format": 1, "volumes": [entry, other]}))
    return path
