"""A user's own volumes with their segmentations, as training takes them.

They come as a manifest, as two folders of files with the same names, or as pairs in one folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.manifest import ManifestVolume, load_case, read_manifest
from SlicerLIMNet.training.eight_bits import eight_bits
from SlicerLIMNet.training.pool import Pool, target_of
from SlicerLIMNet.training.pool_files import LabelledVolume

IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
LABEL_ENDINGS = tuple(
    joint + word
    for word in ("labels", "label", "seg", "segmentation", "mask", "gt")
    for joint in ("_", "-", ".")
)
"""What the name of a segmentation adds to that of its volume."""
FOLDERS = (("images", "labels"), ("imagesTr", "labelsTr"), ("images", "masks"))
LEAST_SLICES, LEAST_VOXELS = 3, 60
"""Of an object that can be learned from."""


@dataclass(frozen=True)
class Case:
    """A volume with its objects.

    Shapes: labels [z, y, x]; `targets` has the value of each object by name.
    """

    volume: Volume
    labels: npt.NDArray[np.uint8]
    targets: dict[str, int]


def read_cases(source: Path, only: str | None = None) -> list[Case]:
    """Return the labelled volumes of a folder or manifest.

    Args:
        source: See above.
        only: Regular expression of the names of the volumes to take.

    Raises:
        ConfigError: Nothing is found, a segmentation has no volume, grids differ, or there is no
            object of three slices or more.
        VolumeError: A file cannot be read.
    """
    entries = _entries(source, only)
    cases = [case for case in map(_case, entries) if case.targets]
    if not cases:
        raise ConfigError(
            f"no segmentation in {source} has an object of {LEAST_SLICES} slices or more"
        )
    return cases


def pool_of_cases(cases: Iterable[Case]) -> Pool:
    """Return a pool of nothing but these objects; each name is drawn as often as any other."""
    pool = Pool({}, [], {}, [], {})
    for case in cases:
        volume = labelled(case)
        for name, value in case.targets.items():
            pool.real.setdefault(name, []).append(target_of(volume, value))
            pool.weights[name] = 1.0
    return pool


def labelled(case: Case) -> LabelledVolume:
    """Return a case with its voxels in 8 bits, within a window that loses little."""
    voxels, window = eight_bits(case.volume)
    return LabelledVolume(
        name=case.volume.name,
        group="yours",
        weight=1.0,
        voxels=voxels,
        labels=case.labels.astype(np.uint16),
        targets=tuple(case.targets.values()),
        spacing_zyx_mm=case.volume.geometry.spacing_zyx_mm,
        window=window,
        modality=case.volume.modality or "",
    )


def _entries(source: Path, only: str | None) -> list[ManifestVolume]:
    if source.is_file():
        entries = [entry for entry in read_manifest(source) if entry.targets]
    elif source.is_dir():
        entries = _pairs(source)
    else:
        raise ConfigError(f"{source} is not there; name a folder of volumes and segmentations")
    if only is None:
        return entries
    try:
        chosen = [entry for entry in entries if re.search(only, entry.name)]
    except re.error as error:
        raise ConfigError(f"{only!r} is no pattern of names ({error})") from error
    if not chosen:
        raise ConfigError(f"no volume of {source} has a name like {only!r}")
    return chosen


def _pairs(folder: Path) -> list[ManifestVolume]:
    for images, labels in FOLDERS:
        if (folder / images).is_dir() and (folder / labels).is_dir():
            found = _files(folder / images)
            found |= {re.sub(r"_0000$", "", name): path for name, path in found.items()}
            return _matched(found, _files(folder / labels), folder)
    files = _files(folder)
    labels_of = {
        name.removesuffix(ending): path
        for ending in LABEL_ENDINGS
        for name, path in files.items()
        if name.lower().endswith(ending)
    }
    return _matched(files, labels_of, folder)


def _files(folder: Path) -> dict[str, Path]:
    """Return image files by name without ending."""
    found = {}
    for path in sorted(folder.iterdir()):
        ending = next((e for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), None)
        if ending is not None and path.is_file():
            found[path.name[: -len(ending)]] = path
    return found


def _matched(
    images: dict[str, Path], labels: dict[str, Path], folder: Path
) -> list[ManifestVolume]:
    if not labels:
        raise ConfigError(
            f"{folder} holds no pairs of volume and segmentation; name them like case1.nii.gz and "
            "case1_labels.nii.gz, or put them into folders images and labels under the same names"
        )
    lonely = sorted(labels[name].name for name in set(labels) - set(images))
    if lonely:
        raise ConfigError(f"{folder} has no volume for the segmentation {lonely[0]}")
    return [ManifestVolume(name, images[name], labels[name], None, {}) for name in sorted(labels)]


def _case(entry: ManifestVolume) -> Case:
    volume, labels = load_case(entry)
    targets = dict(entry.targets) or {
        f"label {value}": value for value in np.unique(labels).tolist() if value
    }
    usable = {name: value for name, value in targets.items() if _is_usable(labels == value)}
    return Case(replace(volume, name=entry.name), labels, usable)


def _is_usable(mask: npt.NDArray[np.bool_]) -> bool:
    slices = np.count_nonzero(mask.any(axis=(1, 2)))
    return bool(slices >= LEAST_SLICES and np.count_nonzero(mask) >= LEAST_VOXELS)


def split(cases: Sequence[Case], share: float, seed: int) -> tuple[list[Case], list[Case]]:
    """Return cases to train on and cases to measure on, at least one of each.

    Raises:
        ConfigError: There are fewer than two.
    """
    if len(cases) < 2:
        raise ConfigError("one volume is too few: one is needed to learn from, another to measure")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(cases))
    measured = min(len(cases) - 1, max(1, round(share * len(cases))))
    chosen = set(order[:measured].tolist())
    return (
        [case for number, case in enumerate(cases) if number not in chosen],
        [case for number, case in enumerate(cases) if number in chosen],
    )
