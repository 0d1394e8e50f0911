"""From what a reader found to a manifest; what cannot serve is named with its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import plane_from_name
from SlicerLIMNet.domain.progress import CancelToken, Progress
from SlicerLIMNet.errors import ConfigError, GeometryError, VolumeError
from SlicerLIMNet.io.datasets.cases import Found, PictureCase, SequenceCase, Skipped, VolumeCase
from SlicerLIMNet.io.encoded_images import write_pack
from SlicerLIMNet.io.frames import read_frames, read_label_map
from SlicerLIMNet.io.itk_images import read_grid
from SlicerLIMNet.io.labelmaps import read_labelmap
from SlicerLIMNet.io.volumes import read_volume
from SlicerLIMNet.io.write_aside import write_aside

ProgressReport = Callable[[Progress], None]

IMAGES_A_PACK = 200
MOST_LABELS = 255
"""Of a volume: its labels are bytes."""


class _UnusableError(Exception):
    """Why a case cannot serve, as one clause."""


@dataclass
class Survey:
    """What a manifest was made of."""

    volumes: list[dict[str, Any]] = field(default_factory=list)
    """Its entries, in the order of the reader."""
    packs: list[dict[str, Any]] = field(default_factory=list)
    """Likewise."""
    skipped: list[Skipped] = field(default_factory=list)
    """What is not in it, and why."""

    @property
    def targets(self) -> int:
        """Objects of all volumes."""
        return sum(len(entry["targets"]) for entry in self.volumes)


def check_place(folder: Path, manifest: Path) -> None:
    """Do nothing where a manifest can name files of a folder by relative paths.

    Raises:
        ConfigError: The folder is not there, or lies elsewhere.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    if not folder.resolve().is_relative_to(manifest.parent.resolve()):
        raise ConfigError(
            f"a manifest names files below its own folder only; write it into {folder} or a folder "
            "above it"
        )


def write_manifest(
    found: Iterable[Found],
    manifest: Path,
    limit: int | None = None,
    report: ProgressReport = lambda _: None,
    cancel: CancelToken | None = None,
) -> Survey:
    """Look at every case and write those that can serve; single images go into packs beside it.

    Labels are read, and of images the headers.

    Args:
        found: From a reader, whose folder passed `check_place`, with absolute paths.
        manifest: The file to write.
        limit: Only so many cases, from the first.
        report: Told after every case.
        cancel: A wish to stop.

    Raises:
        ConfigError: Nothing can serve; the first reason is named.
        OutputError: A file could not be written; an older one is as it was.
        Cancelled: Somebody asked the work to stop; no manifest is written.
    """
    everything = [*found]
    survey = Survey(skipped=[case for case in everything if isinstance(case, Skipped)])
    cases = [case for case in everything if not isinstance(case, Skipped)][:limit]
    pictures: list[tuple[PictureCase, npt.NDArray[Any], Mapping[int, str]]] = []
    folder = manifest.parent.resolve()
    for done, case in enumerate(cases, start=1):
        if cancel is not None:
            cancel.raise_if_cancelled()
        try:
            if isinstance(case, PictureCase):
                pictures.append((case, *_drawn(case)))
                if len(pictures) == IMAGES_A_PACK:
                    _add_pack(survey, pictures, manifest)
            elif isinstance(case, SequenceCase):
                survey.volumes.append(_sequence(case, folder))
            else:
                survey.volumes.append(_volume(case, folder))
        except (_UnusableError, VolumeError, ConfigError) as error:
            survey.skipped.append(Skipped(case.name, str(error)))
        report(Progress(done, len(cases), case.name))
    if pictures:
        _add_pack(survey, pictures, manifest)
    _check_some(survey, manifest)
    kinds = {"volumes": survey.volumes, "packs": survey.packs}
    content = {"format": 1, **{kind: entries for kind, entries in kinds.items() if entries}}
    with write_aside(manifest) as aside:
        aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return survey


def _volume(case: VolumeCase, folder: Path) -> dict[str, Any]:
    labels, grid = read_labelmap(case.labels)
    image_grid = read_volume(case.image).geometry if case.image.is_dir() else read_grid(case.image)
    if not grid.is_close(image_grid):
        raise _UnusableError(f"its image lies on another grid: {_difference(image_grid, grid)}")
    entry: dict[str, Any] = {
        "name": case.name,
        "image": _relative(case.image, folder),
        "labels": _relative(case.labels, folder),
        "modality": case.modality,
        "targets": _targets(np.unique(labels), case.names, case.object_name),
        "size_zyx": list(grid.shape_zyx),
        "spacing_zyx": [round(mm, 4) for mm in grid.spacing_zyx_mm],
    }
    if case.window is not None:
        entry["window"] = list(case.window)
    try:
        axis = plane_from_name(case.slices, grid).axis if case.slices else 0
    except GeometryError as error:
        raise ConfigError(str(error)) from error
    return entry | ({"slice_axis": axis} if axis else {})


def _sequence(case: SequenceCase, folder: Path) -> dict[str, Any]:
    present: set[int] = set()
    sizes = set()
    for mask in case.masks:
        values = read_label_map(mask, case.colours)
        present |= set(np.unique(values).tolist())
        sizes.add(values.shape)
    frame = read_frames(case.frames[:1]).shape_zyx[1:]
    if sizes != {frame}:
        raise _UnusableError(f"its frames have the size {frame}, its masks {sorted(sizes)}")
    entry: dict[str, Any] = {
        "name": case.name,
        "frames": [_relative(path, folder) for path in case.frames],
        "masks": [_relative(path, folder) for path in case.masks],
        "modality": "RGB",
        "targets": _targets(np.array(sorted(present)), case.names, "object"),
    }
    if case.colours:
        entry["colours"] = {str(value): list(rgb) for value, rgb in case.colours.items()}
    return entry


def _drawn(case: PictureCase) -> tuple[npt.NDArray[Any], Mapping[int, str]]:
    """Return label map and names of a picture that fits them."""
    labels, names = case.draw()
    size = read_frames([case.image]).shape_zyx[1:]
    if size != labels.shape:
        raise _UnusableError(f"its size is {size}, that of its labels {labels.shape}")
    if not names:
        raise _UnusableError("its labels are empty")
    return labels, names


def _add_pack(
    survey: Survey,
    pictures: list[tuple[PictureCase, npt.NDArray[Any], Mapping[int, str]]],
    manifest: Path,
) -> None:
    """Write a pack of pictures, list it and each picture in it, and empty the list."""
    path = manifest.parent / f"{manifest.stem}-{len(survey.packs):04d}.npz"
    streams = [case.image.read_bytes() for case, _, _ in pictures]
    names = [case.name for case, _, _ in pictures]
    write_pack(path, streams, [labels for _, labels, _ in pictures], names)
    survey.packs.append({"name": path.stem, "file": path.name, "kind": "natural"})
    for index, (case, labels, objects) in enumerate(pictures):
        if labels.max() > MOST_LABELS:
            reason = f"it has {labels.max()} objects: it serves for training, not as a volume"
            survey.skipped.append(Skipped(case.name, reason))
            continue
        survey.volumes.append(
            {
                "name": case.name,
                "pack": path.name,
                "index": index,
                "modality": "RGB",
                "targets": {name: value for value, name in objects.items()},
            }
        )
    pictures.clear()


def _targets(
    values: npt.NDArray[Any], names: Mapping[int, str] | None, object_name: str
) -> dict[str, int]:
    """Return the label value of each object that occurs."""
    present = [int(value) for value in values if value]
    if not present:
        raise _UnusableError("its labels are empty")
    if min(present) < 0 or max(present) > MOST_LABELS:
        raise _UnusableError(
            f"its label values go from {min(present)} to {max(present)}, not 0 to 255"
        )
    if names is None:
        alone = len(present) == 1
        return {object_name if alone else f"label {value}": value for value in present}
    named = {value: names[value] for value in present if value in names}
    if not named:
        raise _UnusableError(f"none of its label values {_some(present)} has a name")
    uses = Counter(named.values())
    return {n if uses[n] == 1 else f"{n} {value}": value for value, n in named.items()}


def _some(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")


def _difference(image: Geometry, labels: Geometry) -> str:
    if image.shape_zyx != labels.shape_zyx:
        return f"{image.shape_zyx} voxels against {labels.shape_zyx}"
    if not np.allclose(image.spacing_zyx_mm, labels.spacing_zyx_mm, rtol=1e-3):
        return f"a spacing of {image.spacing_zyx_mm} mm against {labels.spacing_zyx_mm}"
    return "origin or direction differ"


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _check_some(survey: Survey, manifest: Path) -> None:
    if survey.volumes or survey.packs:
        return
    first = survey.skipped[0] if survey.skipped else Skipped("the folder", "it holds no cases")
    raise ConfigError(
        f"nothing is left for {manifest.name}; {first.name}: {first.reason}"
        + (f" ({len(survey.skipped)} are skipped)" if len(survey.skipped) > 1 else "")
    )
