"""All training images in memory, and draws from them by anatomy rather than by volume.

What files hold is read by `pool_files.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.training.pool_files import (
    Image8,
    LabelledImage,
    LabelledVolume,
    TrainingData,
    read_manifests,
)
from SlicerLIMNet.training.regions import KeptRegions, Regions

Item = TypeVar("Item")

MICROSCOPY, CELLS = "EM", "EM cells"
"""Group of electron microscopy without labels, and of the cells that are found in it."""
CELLS_WEIGHT = 1.5


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
    leave_out: tuple[str, ...] = (),
    only_held_out: bool = False,
) -> Pool:
    """Read the manifests and make the pseudo-objects, which are cached in a folder.

    Args:
        volumes_manifest: Such as `train.json`; any manifest of `limnet manifest`.
        images_manifest: `train2d.json`, or None.
        cache: Folder that git ignores; made if missing.
        held_out: Regular expressions of volume names kept from training.
        leave_out: Of those that are not even read.
        only_held_out: Load just what is held out (for validation); no pseudo-objects, no images.

    Raises:
        ConfigError: A manifest is missing or incomplete, names files that are not there or are
            damaged, or has no labelled volume of those wanted.
    """
    wanted = name_filter(held_out, leave_out, only_held_out=only_held_out)
    manifest = None if only_held_out else images_manifest
    data = read_manifests(volumes_manifest, manifest, KeptRegions(cache), wanted)
    return pool_of(data, volumes_manifest, only_real=only_held_out)


def name_filter(
    held_out: tuple[str, ...], leave_out: tuple[str, ...], *, only_held_out: bool = False
) -> Callable[[str], bool]:
    """Return which volumes are wanted, by name."""

    def is_wanted(name: str) -> bool:
        is_held_out = any(re.search(pattern, name) for pattern in held_out)
        is_left_out = any(re.search(pattern, name) for pattern in leave_out)
        return is_held_out == only_held_out and not is_left_out

    return is_wanted


def pool_of(data: TrainingData, source: Path, *, only_real: bool = False) -> Pool:
    """Return the pool of labelled volumes, images, and the pseudo-objects of both.

    Args:
        data: What was read.
        source: The file that it was read from, to be named.
        only_real: Leave pseudo-objects and images away.

    Raises:
        ConfigError: No volume has a label.
    """
    real: dict[str, list[Target]] = defaultdict(list)
    for volume in data.volumes:
        for value in volume.targets:
            real[volume.group].append(target_of(volume, value))
    if not real:
        raise ConfigError(f"{source} has no labelled volume to draw from; check it and `held_out`.")
    weights = {volume.group: volume.weight for volume in data.volumes}
    if only_real:
        return Pool(dict(real), [], {}, [], weights)
    pseudo = [target for volume in data.volumes for target in _pseudo_targets(volume, data.regions)]
    for volume in data.volumes:
        if volume.group == MICROSCOPY and not volume.targets:
            real[CELLS] += _cell_targets(volume, data.regions)
            weights[CELLS] = CELLS_WEIGHT
    pixels = _superpixel_images(data.volumes, data.images, data.regions)
    return Pool(dict(real), pseudo, data.images, pixels, weights)


def _any_of(items: list[Item], rng: np.random.Generator) -> Item:
    return items[int(rng.integers(len(items)))]


def target_of(volume: LabelledVolume, value: int) -> Target:
    """Return an object of a volume.

    Raises:
        ConfigError: No voxel has its value.
    """
    present = volume.labels == value
    if not present.any():
        raise ConfigError(
            f"Volume {volume.name} has no voxel of its target {value!r}; mend its manifest."
        )
    slices = tuple(np.flatnonzero(present.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    return Target(volume, value, slices)


def _pseudo_targets(volume: LabelledVolume, regions: Regions) -> list[Target]:
    """Supervoxels of at least five slices, as targets on a copy of the volume's labels."""
    if volume.group in {"MR hippocampus", "PET sarcoma"}:  # too small to hold any
        return []
    labels = regions.supervoxels(volume.voxels, volume.spacing_zyx_mm)
    copy = replace(volume, labels=labels, name=f"{volume.name}+")
    targets = [target_of(copy, value) for value in range(1, int(labels.max()) + 1)]
    return [target for target in targets if len(target.slices[0]) >= 5]


def _cell_targets(volume: LabelledVolume, regions: Regions) -> list[Target]:
    """Cells that lie on at least eight slices; they look as if somebody had labelled them."""
    labels = regions.cells(volume.voxels)
    copy = replace(volume, labels=labels, group=CELLS, name=f"{volume.name}-cells")
    targets = [target_of(copy, value) for value in range(1, int(labels.max()) + 1)]
    return [target for target in targets if len(target.slices[0]) >= 8]


def _superpixel_images(
    volumes: list[LabelledVolume], packs: dict[str, list[LabelledImage]], regions: Regions
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
    labels = regions.superpixels([pixels for _, pixels in sources])
    return [
        LabelledImage(group, pixels, label)
        for (group, pixels), label in zip(sources, labels, strict=True)
    ]
