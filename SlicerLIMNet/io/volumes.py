"""Reading a volume: an image file, or the folder of a DICOM series."""

from __future__ import annotations

from pathlib import Path

from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.dicom_series import Series, list_series, read_series
from SlicerLIMNet.io.image_headers import IMAGE_SUFFIXES
from SlicerLIMNet.io.itk_images import read_image, to_array

__all__ = ["Series", "list_series", "read_volume", "volume_name"]


def read_volume(
    path: Path | str, modality: str | None = None, series: int | str | None = None
) -> Volume:
    """Return a volume from NIfTI, NRRD, MetaImage or the folder of a DICOM series.

    Args:
        path: An image file, or a folder.
        modality: CT, MR, ...; None takes what DICOM says, and for files that nobody said.
        series: Which series of a folder: its number in `list_series`, from 1, or its UID. None
            where there is one only.

    Raises:
        VolumeError: The path holds no volume that can be segmented, or several series.
        ConfigError: A series of a file was asked for.
    """
    path = Path(path)
    if path.is_dir():
        return read_series(path, series, modality)
    if series is not None:
        raise ConfigError(f"{path.name} is a file; only the folder of DICOM files has series")
    voxels, geometry = to_array(read_image(path))
    return Volume(voxels, geometry, modality, volume_name(path))


def volume_name(path: Path) -> str:
    """Return the name of a file without the ending of its format."""
    endings = sorted((*IMAGE_SUFFIXES, ".seg.nrrd"), key=len, reverse=True)
    ending = next((e for e in endings if path.name.lower().endswith(e)), "")
    return path.name[: len(path.name) - len(ending)]
