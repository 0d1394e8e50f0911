"""Training volumes and images as their files hold them.

Volumes are kept in 8 bits, as lossy ones are stored: training draws its own window inside them.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError, VolumeError
from SlicerLIMNet.io.manifest import ManifestVolume, load_case, read_manifest
from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.training.eight_bits import eight_bits
from SlicerLIMNet.training.regions import Regions

Image8 = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint16]

VOLUME_ARRAYS = ("slices", "offsets", "labels", "spacing", "window")
"""What the file of a volume holds."""
IMAGE_ARRAYS = ("images", "offsets", "labels", "label_offsets", "colour")
"""What the file of a pack of single images holds."""

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
class TrainingData:
    """What a pool is made of."""

    volumes: list[LabelledVolume]
    """Labelled or not."""
    images: dict[str, list[LabelledImage]]
    """Single images by pack."""
    regions: Regions
    """Where pseudo-objects come from."""


def read_manifests(
    volumes_manifest: Path,
    images_manifest: Path | None,
    regions: Regions,
    wanted: Callable[[str], bool],
) -> TrainingData:
    """Read the files of manifests.

    Raises:
        ConfigError: See `load_pool`.
    """
    volumes = list(_read_volumes(volumes_manifest, wanted))
    images = _read_images(images_manifest) if images_manifest else {}
    return TrainingData(volumes, images, regions)


def volume_named(manifest: Path, name: str) -> LabelledVolume:
    """Return one volume of a manifest.

    Raises:
        ConfigError: See `load_pool`.
    """
    return next(_read_volumes(manifest, lambda other: other == name))


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


def _read_volumes(manifest: Path, wanted: Callable[[str], bool]) -> Iterator[LabelledVolume]:
    """Yield volumes: lossy ones as they are stored, others in 8 bits; single images are no volumes.

    Raises:
        ConfigError: See `load_pool`.
    """
    entries = _entries(manifest, "volumes", ("name", "modality", "targets"))
    chosen = [entry for entry in entries if wanted(entry["name"]) and "pack" not in entry]
    lossy = [str(entry.get("image")).endswith(".npz") for entry in chosen]
    others = {} if all(lossy) else {case.name: case for case in read_manifest(manifest)}
    for entry, is_lossy in zip(chosen, lossy, strict=True):
        if is_lossy:
            yield _read_volume(manifest.parent, entry)
        else:
            yield _read_case(others[str(entry["name"])])


def _read_case(entry: ManifestVolume) -> LabelledVolume:
    try:
        volume, labels = load_case(entry)
    except VolumeError as error:
        raise ConfigError(f"{entry.image} is no volume to train on: {error}") from error
    voxels, window = eight_bits(volume)
    modality = entry.modality or "unknown"
    group, weight = _group(entry.name, modality)
    return LabelledVolume(
        name=entry.name,
        group=group,
        weight=weight,
        voxels=voxels,
        labels=labels.astype(np.uint16),
        targets=tuple(entry.targets.values()),
        spacing_zyx_mm=volume.geometry.spacing_zyx_mm,
        window=window,
        modality=modality,
    )


def _read_volume(folder: Path, entry: dict[str, Any]) -> LabelledVolume:
    path = folder / entry["image"]
    with _reading(path):
        return volume_of(read_arrays(path, VOLUME_ARRAYS), entry, path)


def volume_of(data: Mapping[str, Any], entry: dict[str, Any], path: Path) -> LabelledVolume:
    """Return a volume from its arrays `VOLUME_ARRAYS` and its entry in the manifest.

    Raises:
        ConfigError: Labels and voxels do not fit.
        ValueError: A slice cannot be decoded.
    """
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


def _read_images(manifest: Path) -> dict[str, list[LabelledImage]]:
    packs: dict[str, list[LabelledImage]] = {}
    for entry in _entries(manifest, "packs", ("name", "file")):
        path = manifest.parent / entry["file"]
        with _reading(path):
            packs[entry["name"]] = images_of(read_arrays(path, IMAGE_ARRAYS), entry["name"])
    return packs


def images_of(data: Mapping[str, Any], group: str) -> list[LabelledImage]:
    """Return the images of a pack from its arrays `IMAGE_ARRAYS`.

    Raises:
        ValueError: One cannot be decoded, or there are not as many images as labels.
    """
    flag = cv2.IMREAD_COLOR if data["colour"] else cv2.IMREAD_GRAYSCALE
    images = _decode(data["images"], data["offsets"], flag)
    labels = _decode(data["labels"], data["label_offsets"], cv2.IMREAD_UNCHANGED)
    return [
        LabelledImage(group, _as_rgb(image), label.astype(np.uint16))
        for image, label in zip(images, labels, strict=True)
    ]


def _decode(stream: Image8, offsets: npt.NDArray[np.int64], flag: int) -> list[Any]:
    pictures = [cv2.imdecode(stream[a:b], flag) for a, b in itertools.pairwise(offsets)]
    if any(picture is None for picture in pictures):
        raise ValueError("one of its images cannot be decoded")
    return pictures


def _as_rgb(pixels: Image8) -> Image8:
    """OpenCV decodes blue first; the engine shows the network red first."""
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
