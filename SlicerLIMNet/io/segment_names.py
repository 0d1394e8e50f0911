"""The names of label values: from the header of a `.seg.nrrd`, or from JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.errors import ConfigError, VolumeError
from SlicerLIMNet.io.click_files import read_json
from SlicerLIMNet.io.itk_images import check_is_readable, complaints


def read_segment_names(path: Path) -> dict[int, str]:
    """Return the segment of each label value of a `.seg.nrrd`.

    Raises:
        VolumeError: The file cannot be read, its segments overlap, or it names none.
    """
    check_is_readable(path)
    with complaints(f"{path.name} cannot be read"):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        header = {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}
    places = [key[: -len("_ID")] for key in header if re.fullmatch(r"Segment\d+_ID", key)]
    if any(header.get(f"{place}_Layer", "0") != "0" for place in places):
        raise VolumeError(
            f"segments of {path.name} overlap; export them from Slicer as separate labelmaps"
        )
    try:
        names = {
            int(header.get(f"{place}_LabelValue", "1")): header.get(f"{place}_Name", place)
            for place in places
        }
    except ValueError as error:
        raise VolumeError(f"the header of {path.name} is damaged: {error}") from error
    if not names:
        raise VolumeError(f"{path.name} names no segments")
    return names


def read_names(path: Path) -> dict[int, str]:
    """Return the names in a JSON file: `{"1": "liver"}`, `{"liver": 1}`, or either as `labels`.

    Raises:
        ConfigError: The file cannot be read or names no label values.
    """
    content = read_json(path, "the names")
    if isinstance(content, Mapping):
        content = content.get("labels", content)
    try:
        pairs = [label_and_name(key, value) for key, value in content.items()]
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f'{path} names no label values; expected {{"1": "liver"}}') from error
    names = {value: name for value, name in pairs if value}
    if not names:
        raise ConfigError(f'{path} names no label values; expected {{"1": "liver"}}')
    return names


def label_and_name(key: str, value: object) -> tuple[int, str]:
    """Return value and name of an entry: some write {"1": "liver"}, others {"liver": 1}.

    Raises:
        ValueError: Neither is a whole number.
    """
    if key.isdigit():
        return int(key), str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value, key
    raise ValueError(f"{key!r:.40} has the label value {value!r:.40}")
