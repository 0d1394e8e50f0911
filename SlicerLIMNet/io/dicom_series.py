"""The series of a DICOM folder: which there are, whether they make a volume, and the volume.

ITK joins whatever files it is given and evens out their distances; so positions, sizes and
orientations are checked here first.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.domain.geometry import Points
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import VolumeError
from SlicerLIMNet.io.itk_images import complaints, to_array

_log = logging.getLogger(__name__)

_NOT_IMAGES = ("SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "SR", "PR", "KO", "REG", "DOC", "FID")
_UNEVEN_WARNING, _UNEVEN_ERROR = 0.01, 0.1  # of the slice distance
_SAME_PLACE_MM = 1e-3
_LARGEST_DRIFT = 0.5  # of a pixel: beyond it, a tilted gantry
_LARGEST_PACKED_FILE = 1 << 31
_RAW_SYNTAXES = (b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2")


@dataclass(frozen=True)
class Series:
    """A series of images in a folder."""

    uid: str
    """Its SeriesInstanceUID."""
    description: str
    """Its SeriesDescription; may be empty."""
    modality: str
    """CT, MR, ..."""
    slices: int
    """How many slices, or frames of its one file."""
    number: str
    """Its SeriesNumber; may be empty."""
    files: tuple[str, ...]
    """Its files, along the normal of the slices."""


@dataclass(frozen=True)
class _SliceHeader:
    """What a file says about its slice."""

    file: str
    rows_columns: tuple[int, int]
    position_lps: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]


def list_series(folder: Path | str) -> list[Series]:
    """Return the image series of a folder, by series number and then UID.

    Raises:
        VolumeError: The folder holds no DICOM images, or a DICOM file that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise VolumeError(f"there is no folder {folder}")
    listed: set[str] = set()
    found = []
    with complaints(f"the DICOM files in {folder} cannot be listed"):
        for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
            files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
            listed.update(Path(file).name for file in files)
            found.append(_series(uid, files))
    _check_nothing_is_left_out(folder, listed)
    images = [series for series in found if series.modality not in _NOT_IMAGES]
    if not images:
        raise VolumeError(f"the folder {folder} holds no DICOM images")
    return sorted(images, key=lambda s: (not s.number, s.number.zfill(12), s.uid))


def read_series(folder: Path, series: int | str | None, modality: str | None) -> Volume:
    """Return the volume of a series; see `read_volume`.

    Raises:
        VolumeError: There is no such series, several to choose from, or one that is no volume.
    """
    chosen = _choose(list_series(folder), series, folder)
    name = chosen.description or folder.name
    with complaints(f"the series {name!r} in {folder} cannot be read"):
        _check_is_volume(chosen, name)
        if len(chosen.files) == 1:
            image = sitk.ReadImage(chosen.files[0])
        else:
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames(chosen.files)
            image = reader.Execute()
    voxels, geometry = to_array(image)
    return Volume(voxels, geometry, modality or chosen.modality or None, name, chosen.files)


def _series(uid: str, files: Sequence[str]) -> Series:
    header = _open(files[0])
    frames = header.GetSize()[2] if len(files) == 1 and header.GetDimension() > 2 else len(files)
    return Series(
        uid,
        _text(header, "0008|103e"),
        _text(header, "0008|0060"),
        frames,
        _text(header, "0020|0011"),
        tuple(files),
    )


def _choose(listed: list[Series], wanted: int | str | None, folder: Path) -> Series:
    if wanted is None and len(listed) == 1:
        return listed[0]
    matching = [s for i, s in enumerate(listed, 1) if str(wanted).strip() in (str(i), s.uid)]
    if matching:
        return matching[0]
    several = "several series" if len(listed) > 1 else "one series"
    fault = f"no series {wanted}" if wanted is not None else several
    raise VolumeError(
        f"{folder} holds {fault}; choose one by its number in this list or its UID:\n"
        + "\n".join(_line(i, series) for i, series in enumerate(listed, 1))
    )


def _line(place: int, series: Series) -> str:
    description = series.description or "without description"
    number = f"series {series.number}, " if series.number else ""
    return (
        f"  {place}: {number}{description}, {series.modality}, {series.slices} slices, {series.uid}"
    )


def _check_nothing_is_left_out(folder: Path, listed: set[str]) -> None:
    """GDCM skips files that it cannot parse, such as one cut short; a slice would be missing."""
    for path in sorted(folder.iterdir()):
        if path.name in listed or path.name.upper() == "DICOMDIR" or not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(132)[128:] == b"DICM":
                raise VolumeError(
                    f"the DICOM file {path.name} in {folder} cannot be read; fetch it again, or "
                    "remove it if it does not belong to the images"
                )


def _check_is_volume(series: Series, name: str) -> None:
    headers = [_slice_header(file) for file in series.files]
    if len(headers) == 1:
        return
    if any(len(header.position_lps) != 3 or len(header.orientation) != 6 for header in headers):
        raise VolumeError(f"slices of the series {name!r} carry no position in the patient")
    first = headers[0]
    for header in headers[1:]:
        same_size = header.rows_columns == first.rows_columns
        places = (*header.orientation, *header.pixel_spacing_mm)
        expected = (*first.orientation, *first.pixel_spacing_mm)
        if not same_size or not np.allclose(places, expected, atol=1e-3):
            raise VolumeError(
                f"the slices of the series {name!r} differ in size, spacing or orientation "
                f"({Path(header.file).name}); expected one stack of parallel slices"
            )
    _check_positions(headers, name)


def _check_positions(headers: list[_SliceHeader], name: str) -> None:
    row, column = np.reshape(headers[0].orientation, (2, 3))
    normal = np.cross(row, column)
    positions = np.array([header.position_lps for header in headers])
    steps_mm = np.diff(np.sort(positions @ normal))
    typical_mm = float(np.median(steps_mm))
    if steps_mm.min() < _SAME_PLACE_MM:
        raise VolumeError(
            f"the series {name!r} holds several images at the same place (time points, echoes?); "
            "expected one image a slice"
        )
    _check_distances(steps_mm, typical_mm, name)
    _check_drift(positions, normal, min(headers[0].pixel_spacing_mm, default=1.0), name)


def _check_distances(steps_mm: Points, typical_mm: float, name: str) -> None:
    uneven = np.abs(steps_mm / typical_mm - 1)
    worst = int(uneven.argmax())
    text = (
        f"the slices of the series {name!r} are unevenly spaced: {steps_mm[worst]:.3f} mm after "
        f"slice {worst + 1}, elsewhere {typical_mm:.3f} mm"
    )
    if uneven[worst] > _UNEVEN_ERROR:
        raise VolumeError(f"{text}; a slice may be missing: complete or resample the series")
    if uneven[worst] > _UNEVEN_WARNING:
        _log.warning("%s; their mean distance is used", text)


def _check_drift(positions: Points, normal: Points, pixel_mm: float, name: str) -> None:
    offsets = positions - positions[0]
    drift_mm = float(np.linalg.norm(offsets - np.outer(offsets @ normal, normal), axis=1).max())
    if drift_mm > _LARGEST_DRIFT * pixel_mm:
        raise VolumeError(
            f"the slices of the series {name!r} are shifted sideways by up to {drift_mm:.2f} mm "
            "(tilted gantry); resample the series to a straight stack first"
        )


def _slice_header(file: str) -> _SliceHeader:
    header = _open(file)
    rows, columns = _whole(header, "0028|0010", 0), _whole(header, "0028|0011", 0)
    bits = _whole(header, "0028|0100", 8) * _whole(header, "0028|0002", 1)
    promised = rows * columns * bits * _whole(header, "0028|0008", 1) // 8
    size = Path(file).stat().st_size
    if promised > (size if _is_raw(file) else max(size * 1024, _LARGEST_PACKED_FILE)):
        raise VolumeError(
            f"{Path(file).name} is cut short: its header promises {promised} bytes of pixels and "
            f"the file has {size}"
        )
    return _SliceHeader(
        file,
        (rows, columns),
        _numbers(header, "0020|0032"),
        _numbers(header, "0020|0037"),
        _numbers(header, "0028|0030"),
    )


def _is_raw(file: str) -> bool:
    """Whether pixels are stored as they are; the transfer syntax is no tag that ITK shows."""
    with Path(file).open("rb") as opened:
        syntax = re.search(rb"\x02\x00\x10\x00UI..([0-9.]+)", opened.read(4096), re.DOTALL)
    return syntax is None or syntax[1] in _RAW_SYNTAXES


def _open(file: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.SetImageIO("GDCMImageIO")
    reader.ReadImageInformation()
    return reader


def _text(header: sitk.ImageFileReader, tag: str) -> str:
    if not header.HasMetaDataKey(tag):
        return ""
    return str(header.GetMetaData(tag)).strip(" \0")


def _whole(header: sitk.ImageFileReader, tag: str, absent: int) -> int:
    text = _text(header, tag)
    return int(text) if text.isdigit() else absent


def _numbers(header: sitk.ImageFileReader, tag: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in _text(header, tag).split("\\"))
    except ValueError:
        return ()
