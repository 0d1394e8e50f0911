"""Writing a segmentation on the very grid of its volume, and reading labelmaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import OutputError, VolumeError
from SlicerLIMNet.io.dicom_seg import read_dicom_seg, write_dicom_seg
from SlicerLIMNet.io.itk_images import complaints, read_image, to_array, to_image
from SlicerLIMNet.io.seg_nrrd import write_seg_nrrd
from SlicerLIMNet.io.segments import Colour, Segment, check_segments, layers_of
from SlicerLIMNet.io.write_aside import write_aside

OUTPUT_SUFFIXES = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha", ".dcm")


def write_segmentation(
    path: Path | str,
    mask: npt.NDArray[np.bool_],
    volume: Volume,
    name: str = "object",
    colour: Colour | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write the mask of one object; see `write_segments`.

    Args:
        path: Its ending is the format: `.seg.nrrd`, `.nii.gz`, `.nii`, `.nrrd`, `.mha` or `.dcm`.
        mask: [z, y, x], of the shape of the volume; it may be empty.
        volume: The volume that was segmented.
        name: Of the object.
        colour: Red, green, blue, 0..1, in `.seg.nrrd`.
        tags: Of the segment in `.seg.nrrd`.
    """
    write_segments(path, [Segment(name, mask, colour, tags or {})], volume)


def write_segments(path: Path | str, segments: Sequence[Segment], volume: Volume) -> None:
    """Write objects on the grid of their volume; the label value of the first is 1.

    Raises:
        GeometryError: A mask has another shape than the volume.
        OutputError: The ending is unknown, the format cannot hold the segments, or the file could
            not be written. An old file is as it was.
    """
    path = Path(path)
    check_output(path, volume)
    check_segments(segments, volume.shape_zyx)
    name = path.name.lower()
    if name.endswith(".dcm"):
        write_dicom_seg(path, segments, volume)
    elif name.endswith(".seg.nrrd"):
        with write_aside(path) as aside:
            write_seg_nrrd(aside, segments, volume.geometry)
    else:
        _write_labelmap(path, segments, volume.geometry)


def check_output(path: Path | str, volume: Volume) -> None:
    """Do nothing where a result of a volume can be written; worth asking before the work begins.

    Raises:
        OutputError: The folder is missing, the ending unknown, or DICOM SEG has no series.
    """
    path = Path(path)
    if not path.name.lower().endswith(OUTPUT_SUFFIXES):
        raise OutputError(
            f"{path.name} is of no format that can be written; expected one of "
            f"{', '.join(OUTPUT_SUFFIXES)}"
        )
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist; make it or choose another")
    if path.name.lower().endswith(".dcm") and not volume.dicom_files:
        raise OutputError(
            f"{path.name} would be a DICOM segmentation, which needs a DICOM series as input; "
            "write .seg.nrrd or .nii.gz instead"
        )


def read_labelmap(path: Path | str) -> tuple[npt.NDArray[Any], Geometry]:
    """Return label values [z, y, x] and their grid, from an image file or a DICOM segmentation.

    Values stored as real numbers are returned as integers where they are whole.

    Raises:
        VolumeError: The file cannot be read, or holds no whole numbers.
    """
    path = Path(path)
    if path.name.lower().endswith(".dcm"):
        return read_dicom_seg(path)
    labels, geometry = to_array(read_image(path))
    if labels.ndim != 3:
        raise VolumeError(f"{path.name} is a colour image; expected a labelmap")
    if labels.dtype.kind != "f":
        return labels, geometry
    if not np.isfinite(labels).all() or np.abs(labels).max() >= 1 << 31:
        raise VolumeError(f"{path.name} holds NaN or very large values; expected label values")
    whole = labels.astype(np.int32)
    if not np.array_equal(whole, labels):
        raise VolumeError(f"{path.name} holds fractions; expected whole label values")
    return whole, geometry


def _write_labelmap(path: Path, segments: Sequence[Segment], geometry: Geometry) -> None:
    layers = layers_of(segments)
    if len(layers) > 1:
        raise OutputError(f"segments overlap, which {path.name} cannot hold; write .seg.nrrd")
    image = to_image(layers[0].labels, geometry)
    with write_aside(path) as aside:
        try:
            with complaints("it was refused"):
                sitk.WriteImage(image, str(aside), useCompression=path.suffix != ".nii")
            _check_written(aside, geometry)
        except VolumeError as error:
            raise OutputError(f"{path} could not be written: {error}") from error


def _check_written(path: Path, geometry: Geometry) -> None:
    """ITK may say nothing of a full disk, nor of a grid that a format cannot hold."""
    if not to_array(read_image(path))[1].is_close(geometry):
        raise VolumeError("its format cannot hold the grid of the volume; write .seg.nrrd")
