"""Medical Segmentation Decathlon: a folder of `dataset.json`, `imagesTr` and `labelsTr` a task.

Slices are the third axis of its NIfTI files, the first of arrays. AMOS and nnU-Net's own folders
have this layout, too.

Source: medicaldecathlon.com; LIM-Net's tasks are colon, lung and pancreas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.window import LUNG_WINDOW, SOFT_TISSUE_WINDOW
from SlicerLIMNet.io.click_files import read_json
from SlicerLIMNet.io.datasets.cases import Found, Skipped, VolumeCase
from SlicerLIMNet.io.segment_names import read_names

SOFT_TISSUE = (SOFT_TISSUE_WINDOW.low, SOFT_TISSUE_WINDOW.high)
LUNG = (LUNG_WINDOW.low, LUNG_WINDOW.high)

_WINDOWS = {"colon": SOFT_TISSUE, "lung": LUNG, "pancreas": SOFT_TISSUE}
_MODALITIES = {"mri": "MR"}  # DICOM's word


def read_msd(folder: Path) -> Iterator[Found]:
    """Yield the labelled cases of a task, or of all tasks that lie side by side in a folder.

    Raises:
        ConfigError: There is no `dataset.json`, or it lists no cases.
    """
    files = [folder / "dataset.json", *sorted(folder.glob("*/dataset.json"))]
    files = [file for file in files if file.is_file()]
    if not files:
        raise ConfigError(
            f"{folder} is no task of the Decathlon: it holds no dataset.json; name a folder such "
            "as Task06_Lung"
        )
    for file in files:
        yield from _task(file)


def listed_cases(file: Path, key: str) -> list[tuple[Path, Path]]:
    """Return image and labels of the cases that a `dataset.json` lists under a key.

    Raises:
        ConfigError: It cannot be read, or an entry names no files.
    """
    content = description(file)
    try:
        entries = [(entry["image"], entry["label"]) for entry in content.get(key, [])]
    except (TypeError, KeyError) as error:
        raise ConfigError(f"an entry of {key!r} in {file} names no image and label") from error
    return [(_beside(file, image), _beside(file, label)) for image, label in entries]


def label_names(file: Path) -> dict[int, str]:
    """Return the object of each label value in a `dataset.json`, without the background.

    Raises:
        ConfigError: It has no labels.
    """
    if "labels" not in description(file):
        raise ConfigError(f"{file} names no labels")
    return read_names(file)


def description(file: Path) -> Mapping[str, Any]:
    """Return the content of a `dataset.json`.

    Raises:
        ConfigError: It cannot be read or is no list of facts.
    """
    content = read_json(file, "the description")
    if not isinstance(content, dict):
        raise ConfigError(f"{file} is no description of a data set")
    return content


def _task(file: Path) -> Iterator[Found]:
    content, names = description(file), label_names(file)
    channels = content.get("modality") or content.get("channel_names") or {}
    kind = str(next(iter(channels.values()), "")) if isinstance(channels, dict) else ""
    modality = _MODALITIES.get(kind.lower(), kind or None)
    task = str(content.get("name") or file.parent.name).lower()
    window = next((w for word, w in _WINDOWS.items() if word in task), None)
    cases = listed_cases(file, "training")
    if not cases:
        raise ConfigError(f"{file} lists no training cases")
    for image, labels in cases:
        name = f"msd_{image.name.removesuffix('.gz').removesuffix('.nii')}"
        missing = [path.name for path in (image, labels) if not path.is_file()]
        if missing:
            yield Skipped(name, f"{' and '.join(missing)} is not there")
        else:
            yield VolumeCase(name, image, labels, names, modality, window, "axial")


def _beside(file: Path, name: object) -> Path:
    parts = PurePosixPath(str(name)).parts
    if ".." in parts or PurePosixPath(str(name)).is_absolute():
        raise ConfigError(f"the path {name!r:.80} in {file} leaves its folder")
    return file.parent.joinpath(*parts)
