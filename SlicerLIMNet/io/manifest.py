"""Manifests of labelled volumes and of 2D images, and the data that they name.

A manifest is JSON, `{"format": 1, "volumes": [...], "packs": [...]}` with one list or both; its
paths are relative to its folder and stay in it. A volume has a name, a modality and `targets`
(object to label value), and is stored as one of:

- `image` and `labels`: a pair of image files;
- `image`: a `.npz` of lossy slices: `slices` (encoded images, one after the other), `offsets`,
  `labels`, `spacing` (z, y, x in mm) and `window` (the voxel values that became 0 and 255);
- `frames` and `masks`: lists of files, one a frame, and for masks in RGB `colours` (label value to
  red, green, blue);
- `pack` and `index`: one image of a pack, as a volume of a single slice.

It may have a `window` (the voxel values that the networks see as 0 and 1) and a `slice_axis`, the
array axis of its slices as stored, which becomes the first. A pack is a `.npz` of single images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError, GeometryError
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.io.click_files import read_json
from SlicerLIMNet.io.encoded_images import LossyVolume, Pack, read_lossy_volume, read_pack
from SlicerLIMNet.io.frames import Rgb, read_frame_labels, read_frames
from SlicerLIMNet.io.labelmaps import read_labelmap
from SlicerLIMNet.io.slice_order import slices_first
from SlicerLIMNet.io.volumes import read_volume

__all__ = [
    "ManifestPack",
    "ManifestVolume",
    "Pack",
    "load_case",
    "read_manifest",
    "read_pack",
    "read_pack_manifest",
]

Labels = npt.NDArray[np.uint8]
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class ManifestVolume:
    """A labelled volume on disk."""

    name: str
    """Unique in its manifest."""
    image: Path
    """The image, the `.npz` with image and labels, or the first frame."""
    labels: Path
    """The labelmap; the image's own file for a `.npz`, the first mask for frames."""
    modality: str | None
    """CT, MR, ...; it decides on the intensity window."""
    targets: Mapping[str, int]
    """The label value of each object; empty where nothing is labelled."""
    window: tuple[float, float] | None = None
    """The voxel values that become 0 and 1; None where a session chooses."""
    slice_axis: int = 0
    """Array axis of the slices as stored."""
    frames: tuple[Path, ...] = ()
    """The frames of a sequence, in their order."""
    masks: tuple[Path, ...] = ()
    """Their label maps."""
    colours: Mapping[int, Rgb] = field(default_factory=dict)
    """The colour of each label value in masks that are RGB."""
    index: int | None = None
    """Place of an image in its pack."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the volume is made of."""
        return tuple(dict.fromkeys((self.image, self.labels, *self.frames, *self.masks)))


@dataclass(frozen=True)
class ManifestPack:
    """Labelled 2D images in one file."""

    name: str
    """Unique in its manifest."""
    file: Path
    """The `.npz`."""
    kind: str
    """What the images show."""


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
    """Return a volume with its labels, [z, y, x] with the slices along the first axis.

    The lossy slices of a `.npz` are mapped back to the voxel values that they were made from,
    float32, clipped to the window that was stored.

    Raises:
        ConfigError: Labels are on another grid, out of 0..255, or a file is damaged.
        VolumeError: The image or the labels cannot be read.
    """
    volume, labels = _load_stored(entry)
    if entry.slice_axis == 0 and entry.window is None:
        return volume, labels
    geometry = volume.geometry
    labels, _ = slices_first(labels, geometry, entry.slice_axis)
    array, geometry = slices_first(volume.array, geometry, entry.slice_axis)
    return replace(volume, array=array, geometry=geometry, window=entry.window), labels


def _load_stored(entry: ManifestVolume) -> tuple[Volume, Labels]:
    if entry.index is not None:
        return _load_picture(entry, entry.index)
    if entry.frames:
        volume = read_frames(entry.frames, entry.name)
        labels = read_frame_labels(entry.masks, entry.colours)
        if labels.shape != volume.shape_zyx:
            raise ConfigError(f"frames and masks of {entry.name} differ in number or size")
        return volume, labels
    if entry.image.suffix == ".npz":
        return _restored(read_lossy_volume(entry.image), entry)
    return _load_pair(entry)


def _load_pair(entry: ManifestVolume) -> tuple[Volume, Labels]:
    volume = read_volume(entry.image, entry.modality)
    labels, geometry = read_labelmap(entry.labels)
    if not geometry.is_close(volume.geometry):
        raise ConfigError(f"image and labels of {entry.name} lie on different grids")
    return volume, _as_bytes(labels, entry.name)


def _load_picture(entry: ManifestVolume, index: int) -> tuple[Volume, Labels]:
    pack = read_pack(entry.image)
    if not 0 <= index < len(pack.images):
        raise ConfigError(f"{entry.image} has no image {index}; it holds {len(pack.images)}")
    image, labels = pack.images[index][np.newaxis], pack.labels[index][np.newaxis]
    geometry = Geometry(labels.shape, (1.0, 1.0, 1.0))
    return Volume(image, geometry, entry.modality, entry.name), _as_bytes(labels, entry.name)


def _restored(stored: LossyVolume, entry: ManifestVolume) -> tuple[Volume, Labels]:
    low, high = stored.window
    scale = np.float32((high - low) / 255)
    voxels = stored.voxels.astype(np.float32) * scale + np.float32(low)
    return Volume(voxels, stored.geometry, entry.modality, entry.name), stored.labels


def _as_bytes(labels: npt.NDArray[Any], name: str) -> Labels:
    if labels.min() < 0 or labels.max() > 255:
        raise ConfigError(f"labels of {name} must be 0 to 255, not up to {labels.max()}")
    return labels.astype(np.uint8)


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
        except (KeyError, TypeError, ValueError, AttributeError, GeometryError) as error:
            raise ConfigError(
                f"one of the {key} of {path} lacks a name, files or targets: "
                f"{json.dumps(entry):.120}"
            ) from error
    names = [str(entry["name"]) for entry in entries]
    if len(set(names)) != len(names):
        raise ConfigError(f"two of the {key} of {path} have the same name")
    return made


def _volume(entry: Any, folder: Path) -> ManifestVolume:
    image, labels, frames, masks = _files(entry, folder)
    modality, window = entry.get("modality"), entry.get("window")
    return ManifestVolume(
        name=str(entry["name"]),
        image=image,
        labels=labels,
        modality=None if modality is None else str(modality),
        targets={str(name): int(value) for name, value in entry["targets"].items()},
        window=None if window is None else _window(*window),
        slice_axis=Plane(entry.get("slice_axis", 0)).axis,
        frames=frames,
        masks=masks,
        colours={int(value): _rgb(*c) for value, c in entry.get("colours", {}).items()},
        index=int(entry["index"]) if "pack" in entry else None,
    )


def _files(entry: Any, folder: Path) -> tuple[Path, Path, tuple[Path, ...], tuple[Path, ...]]:
    """Return image, labels, frames and masks of an entry."""
    if "pack" in entry:
        pack = _inside(folder, entry["pack"])
        return pack, pack, (), ()
    if "frames" in entry:
        frames = tuple(_inside(folder, name) for name in entry["frames"])
        masks = tuple(_inside(folder, name) for name in entry["masks"])
        if not frames or len(frames) != len(masks):
            raise ValueError("frames and masks differ in number")
        return frames[0], masks[0], frames, masks
    image = _inside(folder, entry["image"])
    labels = image if image.suffix == ".npz" else _inside(folder, entry["labels"])
    return image, labels, (), ()


def _window(low: float, high: float) -> tuple[float, float]:
    window = Window(low, high)
    return window.low, window.high


def _rgb(red: int, green: int, blue: int) -> Rgb:
    return int(red), int(green), int(blue)


def _pack(entry: Any, folder: Path) -> ManifestPack:
    return ManifestPack(
        str(entry["name"]), _inside(folder, entry["file"]), str(entry.get("kind", ""))
    )


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts + PureWindowsPath(name).parts
    if ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise ConfigError(f"the path {name!r:.80} leaves the folder of its manifest")
    return folder / name
