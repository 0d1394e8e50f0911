"""A training pack: all data of a campaign in one file, read into memory and never unpacked.

It is an `.npz` without pickles: a manifest, the arrays of every volume and of every pack of images
as their own files hold them, and, where they fit, the pseudo-objects of both.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from SlicerLIMNet.errors import ConfigError, OutputError
from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.io.write_aside import write_aside
from SlicerLIMNet.training.config import TrainConfig
from SlicerLIMNet.training.pool import name_filter, pool_of
from SlicerLIMNet.training.pool_files import (
    IMAGE_ARRAYS,
    VOLUME_ARRAYS,
    LabelledVolume,
    TrainingData,
    images_of,
    read_manifests,
    volume_named,
    volume_of,
)
from SlicerLIMNet.training.pseudo_objects import Image8, Labels, digest_of
from SlicerLIMNet.training.regions import KeptRegions, Regions

FORMAT = "limnet-training-pack-1"
MOST_BYTES = 50_000_000
"""Of a pack; pseudo-objects that would make it larger are left to be made anew."""
HEADERS = 100
"""Bytes that a member takes besides its data and its name."""
KINDS = ("superpixels", "supervoxels")
REGION_ARRAYS = ("keys", "shapes", "labels")

Arrays = Mapping[str, npt.NDArray[Any]]
Known = dict[bytes, Labels]


def write_training_pack(config: TrainConfig, path: Path, most: int = MOST_BYTES) -> list[str]:
    """Write what a configuration trains and validates on.

    Args:
        config: Names the manifests; what it leaves out is not packed.
        path: The file.
        most: Bytes that it may have.

    Returns:
        What had to be left out for its size: superpixels, supervoxels, or nothing.

    Raises:
        ConfigError: There is no manifest, or one of its files cannot be read.
        OutputError: The images alone are larger than that, or the file cannot be written.
    """
    if config.volumes is None:
        raise ConfigError("a pack is made from manifests: give volumes in place of pack.")
    manifests = Path(config.volumes), Path(config.images) if config.images else None
    regions = _RememberedRegions(KeptRegions(Path(config.cache)))
    wanted = name_filter(config.held_out, config.leave_out)
    pool_of(read_manifests(*manifests, regions, wanted), manifests[0])
    with write_aside(path) as aside, zipfile.ZipFile(aside, "w") as archive:
        content = _add_files(archive, *manifests, name_filter((), config.leave_out))
        if _size(archive) > most:
            raise OutputError(
                f"{path} would hold {_size(archive) / 1e6:.1f} MB, of at most {most / 1e6:.1f}; "
                "name volumes that it can do without under leave_out"
            )
        room = most - len(_packed(json.dumps(content).encode())) - 2 * HEADERS
        fitting = [kind for kind in KINDS if _add_regions(archive, kind, regions.known[kind], room)]
        content = {"format": FORMAT, **content, "regions": fitting}
        _add(archive, "manifest", np.frombuffer(json.dumps(content).encode(), np.uint8))
    return [kind for kind in KINDS if kind not in fitting]


def read_training_pack(
    path: Path, otherwise: Regions, wanted: Callable[[str], bool], *, only_real: bool = False
) -> TrainingData:
    """Return what a pack holds.

    Args:
        path: The file.
        otherwise: Makes the regions that it does not hold.
        wanted: Which volumes to take, by name.
        only_real: Leave images and regions away.

    Raises:
        ConfigError: The file is missing, damaged, or no training pack.
    """
    with _reading(path):
        content = json.loads(read_arrays(path, ("manifest",))["manifest"].tobytes())
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r:.40}, not {FORMAT}")
        volumes = {f"volume-{n}": e for n, e in enumerate(content["volumes"]) if wanted(e["name"])}
        images = {} if only_real else {f"images-{n}": e for n, e in enumerate(content["images"])}
        kinds = [] if only_real else [kind for kind in KINDS if kind in content["regions"]]
        parts = dict.fromkeys(volumes, VOLUME_ARRAYS) | dict.fromkeys(images, IMAGE_ARRAYS)
        found = _read_groups(path, parts | dict.fromkeys(kinds, REGION_ARRAYS))
        known: Known = {}
        for kind in kinds:
            known |= _labels_by_key(found[kind])
        return TrainingData(
            [volume_of(found[key], entry, path) for key, entry in volumes.items()],
            {name: images_of(found[key], name) for key, name in images.items()},
            _PackedRegions(known, otherwise),
        )


class _RememberedRegions:
    """Passes questions on and remembers the answers."""

    def __init__(self, source: Regions) -> None:
        self._source = source
        self.known: dict[str, Known] = {kind: {} for kind in KINDS}

    def supervoxels(self, voxels: Image8, spacing_zyx_mm: tuple[float, float, float]) -> Labels:
        labels = self._source.supervoxels(voxels, spacing_zyx_mm)
        self.known["supervoxels"][_key(voxels)] = labels
        return labels

    def superpixels(self, pictures: Sequence[Image8]) -> list[Labels]:
        found = self._source.superpixels(pictures)
        self.known["superpixels"] |= zip(map(_key, pictures), found, strict=True)
        return found

    def cells(self, voxels: Image8) -> Labels:
        """Few and quickly made: a pack does not hold them."""
        return self._source.cells(voxels)


class _PackedRegions:
    """Regions by what they were made from; what is not there is made anew."""

    def __init__(self, known: Known, otherwise: Regions) -> None:
        self._known = known
        self._otherwise = otherwise

    def supervoxels(self, voxels: Image8, spacing_zyx_mm: tuple[float, float, float]) -> Labels:
        found = self._known.get(_key(voxels))
        return self._otherwise.supervoxels(voxels, spacing_zyx_mm) if found is None else found

    def cells(self, voxels: Image8) -> Labels:
        return self._otherwise.cells(voxels)

    def superpixels(self, pictures: Sequence[Image8]) -> list[Labels]:
        found = [self._known.get(_key(picture)) for picture in pictures]
        missing = [p for p, labels in zip(pictures, found, strict=True) if labels is None]
        made = iter(self._otherwise.superpixels(missing) if missing else [])
        return [next(made) if labels is None else labels for labels in found]


def _key(pixels: Image8) -> bytes:
    return bytes.fromhex(digest_of([pixels]))


def _add_files(
    archive: zipfile.ZipFile,
    volumes_manifest: Path,
    images_manifest: Path | None,
    wanted: Callable[[str], bool],
) -> dict[str, Any]:
    """Add the arrays of the files as they are; return what the manifest of the pack says of it."""
    listed = [entry for entry in _listed(volumes_manifest, "volumes") if "pack" not in entry]
    volumes = [entry for entry in listed if wanted(entry["name"])]
    for number, entry in enumerate(volumes):
        name, path = f"volume-{number}", volumes_manifest.parent / entry["image"]
        if path.suffix == ".npz":
            _copy(archive, name, path, VOLUME_ARRAYS)
        else:
            for part, values in _encoded(volume_named(volumes_manifest, entry["name"])).items():
                _add(archive, f"{name}-{part}", values)
    kept = [
        {
            "name": entry["name"],
            "modality": entry["modality"] or "unknown",
            "targets": entry["targets"],
        }
        for entry in volumes
    ]
    if images_manifest is None:
        return {"volumes": kept, "images": []}
    images = _listed(images_manifest, "packs")
    for number, entry in enumerate(images):
        _copy(archive, f"images-{number}", images_manifest.parent / entry["file"], IMAGE_ARRAYS)
    return {"volumes": kept, "images": [entry["name"] for entry in images]}


def _add_regions(archive: zipfile.ZipFile, kind: str, known: Known, most: int) -> bool:
    """Add regions unless that makes the pack too large; return whether it did not."""
    if not known:
        return True
    flat = np.concatenate([labels.ravel() for labels in known.values()])
    flat = flat.astype(np.uint8) if flat.max() < 256 else flat
    keys = np.stack([np.frombuffer(key, np.uint8) for key in known])
    shapes = np.array([(*labels.shape, 1)[:3] for labels in known.values()], np.int64)
    arrays: list[npt.NDArray[Any]] = [keys, shapes, flat]
    added = sum(len(_packed(values.tobytes())) + 3 * HEADERS for values in arrays)
    if _size(archive) + added > most:
        return False
    for part, values in zip(REGION_ARRAYS, arrays, strict=True):
        _add(archive, f"{kind}-{part}", values)
    return True


def _labels_by_key(arrays: Arrays) -> Known:
    known, first = {}, 0
    for key, shape in zip(arrays["keys"], arrays["shapes"].tolist(), strict=True):
        size = int(np.prod(shape))
        labels = arrays["labels"][first : first + size].reshape(shape).astype(np.uint16)
        known[key.tobytes()] = labels[..., 0] if shape[2] == 1 else labels
        first += size
    return known


def _encoded(volume: LabelledVolume) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays `VOLUME_ARRAYS` of a volume that was read from image files, lossless."""
    streams = [cv2.imencode(".png", plane)[1].ravel() for plane in volume.voxels]
    return {
        "slices": np.concatenate(streams),
        "offsets": np.cumsum([0, *map(len, streams)]),
        "labels": volume.labels,
        "spacing": np.array(volume.spacing_zyx_mm),
        "window": np.array(volume.window),
    }


def _listed(manifest: Path, key: str) -> list[dict[str, Any]]:
    with _reading(manifest):
        return list(json.loads(manifest.read_text("utf-8"))[key])


def _copy(archive: zipfile.ZipFile, name: str, path: Path, parts: Sequence[str]) -> None:
    with _reading(path):
        for part, values in read_arrays(path, parts).items():
            _add(archive, f"{name}-{part}", values)


def _add(archive: zipfile.ZipFile, name: str, values: npt.NDArray[Any]) -> None:
    entry = zipfile.ZipInfo(f"{name}.npy")  # of no date, so that a pack only depends on its data
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as file:
        npy.write_array(file, np.ascontiguousarray(values), allow_pickle=False)


def _packed(data: bytes) -> bytes:
    return zlib.compress(data)


def _size(archive: zipfile.ZipFile) -> int:
    """Return about how large the file will be: a member has two headers with its name."""
    members = archive.infolist()
    return sum(entry.compress_size + 2 * len(entry.filename) + HEADERS for entry in members)


def _read_groups(path: Path, parts: Mapping[str, Sequence[str]]) -> dict[str, Arrays]:
    found = read_arrays(path, [f"{key}-{part}" for key, names in parts.items() for part in names])
    return {key: {part: found[f"{key}-{part}"] for part in names} for key, names in parts.items()}


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be used for training ({error}); make it anew.") from error
