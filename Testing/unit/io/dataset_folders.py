"""Small copies of public data sets, written in the layout and format of each publisher."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its users know

AXIAL = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
KITS = ((0, 0, 1), (0, 1, 0), (-1, 0, 0))
"""Columns in LPS of a KiTS19 file: its first axis runs downwards, its last to the left."""


def write_nifti(
    path: Path, array: np.ndarray, spacing_xyz: Sequence[float], direction: Any = AXIAL
) -> None:
    """Write an array [k, j, i], so that i is the file's first axis."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(mm) for mm in spacing_xyz])
    image.SetDirection([float(part) for row in direction for part in row])
    image.SetOrigin((10.0, -20.0, 30.0))
    sitk.WriteImage(image, str(path))


def stack(slices: int = 4, rows: int = 6, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return an axial CT whose every slice shows its number, and labels 1 and 2 in slice 1."""
    voxels = np.zeros((slices, rows, columns), np.int16)
    voxels += 100 * np.arange(slices, dtype=np.int16)[:, None, None]
    voxels[:, 0, 0] = -900
    labels = np.zeros(voxels.shape, np.uint8)
    labels[1, 2, 3:6] = 1
    labels[1, 4, 3] = 2
    return voxels, labels


def write_json(path: Path, content: object) -> None:
    """Write JSON with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a grey (8 or 16 bit) or RGB image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def write_palette_png(path: Path, indices: np.ndarray, palette: Sequence[Sequence[int]]) -> None:
    """Write an indexed image, as DAVIS stores its masks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = indices.shape
    lines = b"".join(b"\0" + row.tobytes() for row in indices.astype(np.uint8))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(part for colour in palette for part in colour)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    packed = (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def ramp_image(rows: int = 10, columns: int = 12) -> np.ndarray:
    """Return an RGB image that no flip or exchange of axes or colours leaves as it is."""
    image = np.zeros((rows, columns, 3), np.uint8)
    image[..., 0] = np.arange(rows)[:, None] * 20
    image[..., 1] = np.arange(columns) * 10
    image[..., 2] = 7
    return image
