"""Training data of a few kilobytes, in the format of the real ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SHAPE = (10, 56, 60)
WINDOW = (-250.0, 400.0)
BALL, BAR = 1, 3


def tiny_labels() -> np.ndarray:
    """A ball and a bar: uint8, SHAPE."""
    z, y, x = np.mgrid[tuple(slice(n) for n in SHAPE)]
    labels = np.zeros(SHAPE, np.uint8)
    labels[((z - 5) * 3) ** 2 + (y - 26) ** 2 + (x - 28) ** 2 <= 12**2] = BALL
    labels[:, 44:52, 6:50] = BAR
    return labels


def tiny_voxels(seed: int) -> np.ndarray:
    """Both objects brighter than what is around them: uint8, SHAPE."""
    grey = np.array([60, 150, 0, 220])[tiny_labels()]
    noise = np.random.default_rng(seed).normal(0, 4, SHAPE)
    return np.clip(grey + noise, 0, 255).astype(np.uint8)


def encoded(pictures: Sequence[np.ndarray], ending: str) -> tuple[np.ndarray, np.ndarray]:
    """Picture streams one after the other, and their offsets."""
    quality = [cv2.IMWRITE_WEBP_QUALITY, 95] if ending == ".webp" else []
    streams = [cv2.imencode(ending, picture, quality)[1].ravel() for picture in pictures]
    offsets = np.cumsum([0, *(len(stream) for stream in streams)])
    return np.concatenate(streams), offsets.astype(np.int64)


def write_volume(folder: Path, name: str, modality: str, spacing: Sequence[float]) -> dict:
    """Write a volume and return its entry in the manifest."""
    stream, offsets = encoded(tiny_voxels(len(name)), ".webp")
    names = {"ball": BALL, "bar": BAR}
    (folder / "train").mkdir(exist_ok=True)
    np.savez_compressed(
        folder / "train" / f"{name}.npz",
        slices=stream,
        offsets=offsets,
        labels=tiny_labels(),
        spacing=np.array(spacing),
        window=np.array(WINDOW),
        names=json.dumps({str(value): key for key, value in names.items()}),
    )
    return {"name": name, "image": f"train/{name}.npz", "modality": modality, "targets": names}


def write_manifest(path: Path, key: str, entries: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"format": 1, key: entries}))
    return path


def write_volumes(folder: Path) -> Path:
    """Write three volumes and return their manifest."""
    entries = [
        write_volume(folder, "kbp_001", "CT", (3.0, 1.0, 1.0)),
        write_volume(folder, "other_mr", "MR", (1.0, 1.0, 1.0)),
        write_volume(folder, "kbp_011", "CT", (3.0, 1.0, 1.0)),
    ]
    return write_manifest(folder / "train.json", "volumes", entries)


def write_pack(folder: Path, name: str, pictures: list[np.ndarray], labels: np.ndarray) -> dict:
    """Write a pack of single images, as OpenCV has them, and return its entry."""
    images, offsets = encoded(pictures, ".webp")
    label_stream, label_offsets = encoded([labels] * len(pictures), ".png")
    (folder / "train2d").mkdir(exist_ok=True)
    np.savez_compressed(
        folder / "train2d" / f"{name}.npz",
        images=images,
        offsets=offsets,
        labels=label_stream,
        label_offsets=label_offsets,
        names=json.dumps([f"{name}-{index}.png" for index in range(len(pictures))]),
        colour=np.array(pictures[0].ndim == 3),
    )
    return {"name": name, "file": f"train2d/{name}.npz"}


def write_images(folder: Path) -> Path:
    """Write a pack of grey and one of reddish images, and return their manifest."""
    labels = tiny_labels()[5].astype(np.uint16)
    grey = [tiny_voxels(seed)[5] for seed in (1, 2, 3)]
    reddish = [np.dstack([0 * plane, plane // 2, plane]) for plane in grey[:2]]
    entries = [
        write_pack(folder, "cells", grey, labels),
        write_pack(folder, "skin", reddish, labels),
    ]
    return write_manifest(folder / "train2d.json", "packs", entries)
