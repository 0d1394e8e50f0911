"""All training images in memory, and draws from them by anatomy rather than by volume.

A volume of the manifest keeps its stored 8-bit voxels: training draws its own window inside them.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.training.pseudo_objects import kept_superpixels, kept_supervoxels

Image8 = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint16]
Item = TypeVar("Item")

GROUPS: tuple[tuple[str, str, float], ...] = (
    (r"crlm_ct", "CT abdomen", 4.0),
    (r"ts_mr", "MR abdomen", 3.0),
    (r"kbp", "CT head and neck", 3.0),
    (r"msd_hippocampus", "MR hippocampus", 1.5),
    (r"sts_\w+_ct", "CT sarcoma", 1.5),
    (r"sts_\w+_mr", "MR sarcoma", 1.5),
    (r"sts_\w+_pet", "PET sarcoma", 0.7),
    (r"scd", "MR heart", 1.0),
    (r"prostate_us", "US prostate", 1.0),
    (r"prostate_mr", "MR prostate", 0.8),
    (r"tptbox|pam50", "MR spine", 1.2),
    (r"lidc|elastix|slicer_ct", "CT chest", 1.5),
    (r"seg3d", "CT tooth", 0.5),
)
"""Patterns of names, the anatomy that they stand for, and how often it is drawn."""


@dataclass(frozen=True)
class LabelledVolume:
    """One volume of the pool.

    Shapes: voxels and labels are [z, y, x]; values of `targets` name labelled objects.
    """

    name: str
    group: str
    weight: float
    voxels: Image8
    labels: Labels
    targets: tuple[int, ...]
    spacing_zyx_mm: tuple[float, float, float]
    window: tuple[float, float]
    modality: str


@dataclass(frozen=True)
class LabelledImage:
    """One single image: grey (H, W) or red, green, blue (H, W, 3), with (H, W) labels 1..k."""

    group: str
    pixels: Image8
    labels: Labels


@dataclass(frozen=True)
class Target:
    """One object of a volume and the slices on which it lies, for every array axis."""

    volume: LabelledVolume
    value: int
    slices: tuple[npt.NDArray[np.int64], ...]


@dataclass(frozen=True)
class Pool:
    """What training draws from; `held_out` volumes are for validation and never drawn."""

    real: dict[str, list[Target]]
    pseudo: list[Target]
    images: dict[str, list[LabelledImage]]
    superpixels: list[LabelledImage]
    weights: dict[str, float]

    def draw_real(self, rng: np.random.Generator) -> Target:
        """Draw an anatomy by weight, then one of its targets."""
        names = list(self.real)
        weights = np.array([self.weights[name] for name in names])
        name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        return _any_of(self.real[name], rng)

    def draw_pseudo(self, rng: np.random.Generator) -> Target:
        """Draw a supervoxel of some volume."""
        return _any_of(self.pseudo, rng)

    def draw_image(self, rng: np.random.Generator) -> LabelledImage:
        """Draw a pack evenly, then one of its images."""
        return _any_of(self.images[_any_of(list(self.images), rng)], rng)

    def draw_superpixels(self, rng: np.random.Generator) -> LabelledImage:
        """Draw an image whose labels are superpixels."""
        return _any_of(self.superpixels, rng)


def load_pool(
    volumes_manifest: Path,
    images_manifest: Path | None,
    cache: Path,
    *,
    held_out: tuple[str, ...] = (),
    only_held_out: bool = False,
) -> Pool:
    """Read the manifests and make the pseudo-objects, which are cached in a folder.

    Args:
        volumes_manifest: `train.json`: npz volumes.
        images_manifest: `train2d.json`, or None.
        cache: Folder that git ignores; made if missing.
        held_out: Regular expressions of volume names kept from training.
        only_held_out: Load just those instead (for validation); no pseudo-objects, no images.

    Raises:
        ConfigError: A manifest is missing or incomplete, names files that are not there or are
            damaged, or has no labelled volume of those wanted.
    """
    volumes = [
        _read_volume(volumes_manifest.parent, entry)
        for entry in _entries(volumes_manifest, "volumes", ("name", "image", "modality", "targets"))
        if any(re.search(pattern, entry["name"]) for pattern in held_out) == only_held_out
    ]
    real: dict[str, list[Target]] = defaultdict(list)
    for volume in volumes:
        for value in volume.targets:
            real[volume.group].append(_target(volume, value))
    if not real:
        raise ConfigError(
            f"{volumes_manifest} has no labelled volume to draw from; check it and `held_out`."
        )
    weights = {volume.group: volume.weight for volume in volumes}
    if only_held_out:
        return Pool(dict(real), [], {}, [], weights)
    images = _read_images(images_manifest) if images_manifest else {}
    cache.mkdir(parents=True, exist_ok=True)
    pseudo = [target for volume in volumes for target in _pseudo_targets(volume, cache)]
    pixels = _superpixel_images(volumes, images, cache)
    return Pool(dict(real), pseudo, images, pixels, weights)


def _any_of(items: list[Item], rng: np.random.Generator) -> Item:
    return items[int(rng.integers(len(items)))]


def _entries(manifest: Path, key: str, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        entries = list(json.loads(manifest.read_text())[key])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{manifest} is not a training manifest with {key!r} ({error}); give the path of one."
        ) from error
    for entry in entries:
        if not isinstance(entry, dict) or not set(needed) <= set(entry):
            raise ConfigError(
                f"{manifest} has an entry without all of {', '.join(needed)}; complete it."
            )
    return entries


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file becomes a `ConfigError`."""
    try:
        yield
    except (OSError, ValueError, cv2.error) as error:
        raise ConfigError(
            f"{path} is not a readable training file ({error}); get it anew."
        ) from error


def _read_volume(folder: Path, entry: dict[str, Any]) -> LabelledVolume:
    path = folder / entry["image"]
    with _reading(path):
        data = read_arrays(path, ("slices", "offsets", "labels", "spacing", "window"))
        voxels = np.stack(_decode(data["slices"], data["offsets"], cv2.IMREAD_GRAYSCALE))
    labels, spacing, window = data["labels"], data["spacing"], data["window"]
    if labels.shape != voxels.shape:
        raise ConfigError(
            f"{path} has labels of shape {labels.shape} for voxels of {voxels.shape}; get it anew."
        )
    group, weight = _group(entry["name"], entry["modality"])
    return LabelledVolume(
        name=entry["name"],
        group=group,
        weight=weight,
        voxels=voxels,
        labels=labels.astype(np.uint16),
        targets=tuple(entry["targets"].values()),
        spacing_zyx_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        window=(float(window[0]), float(window[1])),
        modality=entry["modality"],
    )


def _group(name: str, modality: str) -> tuple[str, float]:
    for pattern, group, weight in GROUPS:
        if re.match(pattern, name):
            return group, weight
    return modality, 1.0


def _target(volume: LabelledVolume, value: int) -> Target:
    present = volume.labels == value
    if not present.any():
        raise ConfigError(
            f"Volume {volume.name} has no voxel of its target {value!r}; mend its manifest."
        )
    slices = tuple(np.flatnonzero(present.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    return Target(volume, value, slices)


def _read_images(manifest: Path) -> dict[str, list[LabelledImage]]:
    packs: dict[str, list[LabelledImage]] = {}
    for entry in _entries(manifest, "packs", ("name", "file")):
        path = manifest.parent / entry["file"]
        with _reading(path):
            data = read_arrays(path, ("images", "offsets", "labels", "label_offsets", "colour"))
            flag = cv2.IMREAD_COLOR if data["colour"] else cv2.IMREAD_GRAYSCALE
            images = _decode(data["images"], data["offsets"], flag)
            labels = _decode(data["labels"], data["label_offsets"], cv2.IMREAD_UNCHANGED)
            packs[entry["name"]] = [
                LabelledImage(entry["name"], _as_rgb(image), label.astype(np.uint16))
                for image, label in zip(images, labels, strict=True)
            ]
    return packs


def _decode(stream: Image8, offsets: npt.NDArray[np.int64], flag: int) -> list[Any]:
    pictures = [cv2.imdecode(stream[a:b], flag) for a, b in itertools.pairwise(offsets)]
    if any(picture is None for picture in pictures):
        raise ValueError("one of its images cannot be decoded")
    return pictures


def _as_rgb(pixels: Image8) -> Image8:
    """OpenCV decodes blue first; the engine shows the network red first."""
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])


def _pseudo_targets(volume: LabelledVolume, cache: Path) -> list[Target]:
    """Supervoxels of at least five slices, as targets on a copy of the volume's labels."""
    if volume.group in {"MR hippocampus", "PET sarcoma"}:  # too small to hold any
        return []
    labels = kept_supervoxels(volume.voxels, volume.spacing_zyx_mm, cache)
    copy = replace(volume, labels=labels, name=f"{volume.name}+")
    targets = [_target(copy, value) for value in range(1, int(labels.max()) + 1)]
    return [target for target in targets if len(target.slices[0]) >= 5]


def _superpixel_images(
    volumes: list[LabelledVolume], packs: dict[str, list[LabelledImage]], cache: Path
) -> list[LabelledImage]:
    """Felzenszwalb superpixels of some slices of every volume and of every second image."""
    sources: list[tuple[str, Image8]] = []
    for volume in volumes:
        if min(volume.voxels.shape[1:]) < 48:
            continue
        step = max(2, len(volume.voxels) // 12)
        sources += [(volume.group, plane) for plane in volume.voxels[step // 2 :: step]]
    for images in packs.values():
        sources += [(image.group, image.pixels) for image in images[::2]]
    labels = kept_superpixels([pixels for _, pixels in sources], cache)
    return [
        LabelledImage(group, pixels, label)
        for (group, pixels), label in zip(sources, labels, strict=True)
    ]
