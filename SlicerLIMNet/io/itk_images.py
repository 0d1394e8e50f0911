"""Between SimpleITK images and arrays with their grid; its complaints become our sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.errors import GeometryError, VolumeError
from SlicerLIMNet.io.image_headers import IMAGE_SUFFIXES, read_promise
from SlicerLIMNet.io.promise import check_promise

Voxels = npt.NDArray[Any]

_COLOUR_TYPES = (sitk.sitkVectorUInt8, sitk.sitkVectorUInt16)


def is_image_file(path: Path) -> bool:
    """Whether the name ends as one of the image formats that are read."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def read_image(path: Path) -> sitk.Image:
    """Return an image file as a three-dimensional image, grey or RGB.

    Raises:
        VolumeError: The file is missing, of another format, damaged, cut short, or holds more than
            three dimensions or other vectors than RGB. Nothing of the promised size was allocated.
    """
    check_is_readable(path)
    check_promise(read_promise(path), path.name)
    with complaints(f"{path.name} cannot be read"):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        _check_kind(reader, path.name)
        return _three_dimensional(reader.Execute())


def check_is_readable(path: Path) -> None:
    """Do nothing for an image file that is there.

    Raises:
        VolumeError: It is missing or of a format that is not read.
    """
    if not path.exists():
        raise VolumeError(f"there is no file {path}")
    if not is_image_file(path):
        raise VolumeError(
            f"{path.name} is of no format that can be read; expected one of "
            f"{', '.join(IMAGE_SUFFIXES)}, or the folder of a DICOM series"
        )


def read_grid(path: Path) -> Geometry:
    """Return the grid of a three-dimensional image file from its header; no voxels are read.

    Raises:
        VolumeError: As `read_image`, but a file that is cut short is not noticed.
    """
    check_is_readable(path)
    read_promise(path)
    with complaints(f"{path.name} cannot be read"):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
    _check_kind(reader, path.name)
    size, spacing = reader.GetSize(), reader.GetSpacing()
    if len(size) != 3:
        return to_array(read_image(path))[1]  # flat, or with further axes of one entry
    return _grid(size, spacing, reader.GetOrigin(), reader.GetDirection())


def to_array(image: sitk.Image) -> tuple[Voxels, Geometry]:
    """Return the voxels [z, y, x] or [z, y, x, 3] and the grid of an image.

    Raises:
        VolumeError: The image has no voxels, or a spacing or direction that makes no grid.
    """
    grid = _grid(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return sitk.GetArrayFromImage(image), grid


def to_image(voxels: Voxels, geometry: Geometry) -> sitk.Image:
    """Return voxels [z, y, x] on a grid as an image; the copy is SimpleITK's own."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(geometry.spacing_zyx_mm[::-1])
    image.SetOrigin(geometry.origin_lps)
    image.SetDirection([value for row in geometry.direction_lps for value in row])
    return image


@contextmanager
def complaints(what: str) -> Iterator[None]:
    """Keep SimpleITK's warnings from the terminal and turn its failures into a sentence.

    Raises:
        VolumeError: SimpleITK failed inside; its last line is the reason.
    """
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    except RuntimeError as error:
        raise VolumeError(f"{what}: {_reason(error)}") from error
    except MemoryError as error:
        raise VolumeError(f"{what}: there is not enough memory for it") from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def _grid(
    size: tuple[int, ...],
    spacing_mm: tuple[float, ...],
    origin_lps: tuple[float, ...],
    direction: tuple[float, ...],
) -> Geometry:
    """Return the grid of an image from what ITK says, in its order x, y, z."""
    numbers = {
        "shape_zyx": size[::-1],
        "spacing_zyx_mm": spacing_mm[::-1],
        "origin_lps": origin_lps,
        "direction_lps": np.reshape(direction, (3, 3)).tolist(),
    }
    try:
        return Geometry.from_json(numbers)
    except GeometryError as error:
        raise VolumeError(f"the image has an unusable grid: {error}") from error


def _reason(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    return f"{last.split('): ')[-1].removeprefix('sitk::ERROR: '):.160}"


def _check_kind(reader: sitk.ImageFileReader, name: str) -> None:
    size = reader.GetSize()
    if len(size) < 2 or any(n > 1 for n in size[3:]):
        raise VolumeError(
            f"{name} has the sizes {tuple(size)}; expected one image in three dimensions: "
            "save a single time point or channel"
        )
    components = reader.GetNumberOfComponents()
    if components > 1 and not (components == 3 and reader.GetPixelID() in _COLOUR_TYPES):
        kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
        raise VolumeError(
            f"{name} holds {components} values a voxel ({kind}); expected one, or RGB in bytes"
        )


def _three_dimensional(image: sitk.Image) -> sitk.Image:
    if image.GetDimension() == 2:
        return sitk.JoinSeries(image)
    while image.GetDimension() > 3:  # further axes have one entry
        size = list(image.GetSize())
        image = sitk.Extract(image, [*size[:-1], 0], [0] * len(size))
    return image
