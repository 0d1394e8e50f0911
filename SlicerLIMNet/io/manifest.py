"""Manifests of labelled volumes and of 2D images, and the data that they name.

A manifest is JSON, `{"format": 1, "volumes": [...]}` or `{"format": 1, "packs": [...]}`; its paths
are relative to its folder and stay in it. A volume is a pair of image files, or a `.npz` of lossy
slices: `slices` (encoded images, one after the other), `offsets`, `labels`, `spacing` (z, y, x in
mm) and `window` (the voxel values that became 0 and 255). A pack is a `.npz` of single images.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError, GeometryError
from SlicerLIMNet.io.click_files import read_json
from SlicerLIMNet.io.labelmaps import read_labelmap
from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.io.volumes import read_volume

Image = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class ManifestVolume:
    """A labelled volume on disk."""

    name: str
    """Unique in its manifest."""
    image: Path
    """The image, or the `.npz` with image and labels."""
    labels: Path
    """The labelmap; the image's own file for a `.npz`."""
    modality: str | None
    """CT, MR, ...; it decides on the intensity window."""
    targets: Mapping[str, int]
    """The label value of each object; empty where nothing is labelled."""


@dataclass(frozen=True)
class ManifestPack:
    """Labelled 2D images in one file."""

    name: str
    """Unique in its manifest."""
    file: Path
    """The `.npz`."""
    kind: str
    """What the images show."""


@dataclass(frozen=True)
class Pack:
    """The images of a pack."""

    images: tuple[Image, ...]
    """(rows, columns), or (rows, columns, 3) in RGB."""
    labels: tuple[npt.NDArray[np.integer], ...]
    """(rows, columns) each: 0 is background, every other value an object."""
    names: tuple[str, ...]
    """Of the source files."""


def read_manifest(path: Path | str) -> list[ManifestVolume]:
    """Return the volumes of a manifest, in its order.

    Raises:
        ConfigError: The file cannot be read or is no manifest, or a path leaves its folder.
    """
    return _read(Path(path), "volumes", _volume)


def read_pack_manifest(path: Path | str) -> list[ManifestPack]:
    """Return the packs of a manifest of 2D images, in its order.

    Raises:
        ConfigError: The file cannot be read or is no manifest, or a path leaves its folder.
    """
    return _read(Path(path), "packs", _pack)


def load_case(entry: ManifestVolume) -> tuple[Volume, Labels]:
    """Return a volume with its labels [z, y, x].

    The lossy slices of a `.npz` are mapped back to the voxel values that they were made from,
    float32, clipped to the window that was stored.

    Raises:
        ConfigError: Labels are on another grid, out of 0..255, or the `.npz` is damaged.
        VolumeError: The image or the labels cannot be read.
    """
    if entry.image.suffix == ".npz":
        return _load_lossy(entry)
    volume = read_volume(entry.image, entry.modality)
    labels, geometry = read_labelmap(entry.labels)
    if not geometry.is_close(volume.geometry):
        raise ConfigError(f"image and labels of {entry.name} lie on different grids")
    if labels.min() < 0 or labels.max() > 255:
        raise ConfigError(f"labels of {entry.name} must be 0 to 255, not up to {labels.max()}")
    return volume, labels.astype(np.uint8)


def read_pack(path: Path | str) -> Pack:
    """Return the images of a pack.

    Raises:
        ConfigError: The file cannot be read or is damaged.
    """
    path = Path(path)
    names = ("images", "offsets", "labels", "label_offsets", "names", "colour")
    arrays = _arrays(path, names)
    is_colour = bool(arrays["colour"])
    flag = cv2.IMREAD_COLOR if is_colour else cv2.IMREAD_GRAYSCALE
    images = _decoded(arrays["images"], arrays["offsets"], flag, path)
    if is_colour:
        images = [np.ascontiguousarray(image[..., ::-1]) for image in images]  # from BGR
    labels = _decoded(arrays["labels"], arrays["label_offsets"], cv2.IMREAD_UNCHANGED, path)
    sources = json.loads(str(arrays["names"]))
    if not len(images) == len(labels) == len(sources):
        raise ConfigError(f"{path} holds {len(images)} images and {len(labels)} label maps")
    if any(i.shape[:2] != m.shape for i, m in zip(images, labels, strict=True)):
        raise ConfigError(f"images and label maps of {path} differ in size")
    return Pack(tuple(images), tuple(labels), tuple(str(source) for source in sources))


def _read(path: Path, key: str, make: Callable[[Any, Path], Entry]) -> list[Entry]:
    content = read_json(path, "the manifest")
    if not isinstance(content, dict) or content.get("format") != 1:
        raise ConfigError(f'{path} is no manifest: it needs "format": 1 and a list of {key}')
    entries = content.get(key)
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"the manifest {path} lists no {key}")
    made = []
    for entry in entries:
        try:
            made.append(make(entry, path.parent))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"one of the {key} of {path} lacks a name, files or targets: "
                f"{json.dumps(entry):.120}"
            ) from error
    names = [str(entry["name"]) for entry in entries]
    if len(set(names)) != len(names):
        raise ConfigError(f"two of the {key} of {path} have the same name")
    return made


def _volume(entry: Any, folder: Path) -> ManifestVolume:
    image = _inside(folder, entry["image"])
    is_one_file = image.suffix == ".npz"
    modality = entry.get("modality")
    return ManifestVolume(
        name=str(entry["name"]),
        image=image,
        labels=image if is_one_file else _inside(folder, entry["labels"]),
        modality=None if modality is None else str(modality),
        targets={str(name): int(value) for name, value in entry["targets"].items()},
    )


def _pack(entry: Any, folder: Path) -> ManifestPack:
    return ManifestPack(
        str(entry["name"]), _inside(folder, entry["file"]), str(entry.get("kind", ""))
    )


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts + PureWindowsPath(name).parts
    if ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise ConfigError(f"the path {name!r:.80} leaves the folder of its manifest")
    return folder / name


def _load_lossy(entry: ManifestVolume) -> tuple[Volume, Labels]:
    arrays = _arrays(entry.image, ("slices", "offsets", "labels", "spacing", "window"))
    slices = _decoded(arrays["slices"], arrays["offsets"], cv2.IMREAD_GRAYSCALE, entry.image)
    labels, window, spacing = arrays["labels"], arrays["window"], arrays["spacing"]
    shapes = {image.shape for image in slices}
    fits = labels.dtype == np.uint8 and labels.ndim == 3 and len(slices) == len(labels)
    if not fits or shapes != {labels.shape[1:]}:
        raise ConfigError(f"slices and labels of {entry.image} differ in number, size or type")
    if window.shape != (2,) or not window[0] < window[1] or not np.isfinite(window).all():
        raise ConfigError(f"the window of {entry.image} must be a low and a high value")
    try:
        geometry = Geometry(labels.shape, tuple(spacing.tolist()))
    except GeometryError as error:
        raise ConfigError(f"the grid of {entry.image} cannot be used: {error}") from error
    low, high = window.tolist()
    voxels = np.stack(slices).astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
    return Volume(voxels, geometry, entry.modality, entry.name), labels


def _arrays(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    try:
        return read_arrays(path, names)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: {error}") from error


def _decoded(
    stream: npt.NDArray[Any], offsets: npt.NDArray[Any], flag: int, path: Path
) -> list[Image]:
    """Return the images of joined encoded streams."""
    edges = offsets.tolist()
    pieces = list(itertools.pairwise(edges))
    if stream.dtype != np.uint8 or any(not 0 <= a < b <= stream.size for a, b in pieces):
        raise ConfigError(f"the offsets of {path} do not fit its images")
    images = [cv2.imdecode(stream[a:b], flag) for a, b in pieces]
    if any(image is None for image in images):
        raise ConfigError(f"an image of {path} does not decode")
    return [np.asarray(image) for image in images if image is not None]
