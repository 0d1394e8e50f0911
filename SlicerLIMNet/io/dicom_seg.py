"""DICOM segmentations, by highdicom; every frame refers to the slice that it lies on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import GeometryError, LIMNetError, OutputError, VolumeError
from SlicerLIMNet.io.segments import Segment, layers_of
from SlicerLIMNet.io.write_aside import write_aside

_SERIES_NUMBER = 300  # far from the numbers that scanners give
_FAULTS = (AttributeError, KeyError, IndexError, TypeError, ValueError, NotImplementedError)


def write_dicom_seg(path: Path, segments: Sequence[Segment], volume: Volume) -> None:
    """Write segments of a volume that was read from a DICOM series; the caller checks them.

    Empty slices are stored, too: the grid of the file is the grid of the series.

    Raises:
        OutputError: highdicom is missing, the series is gone or incomplete, or the file could not
            be written. An old file is as it was.
    """
    highdicom = _highdicom(OutputError)
    sources = _sources(volume.dicom_files)
    with _quiet():
        try:
            segmentation = _segmentation(highdicom, sources, segments)
        except _FAULTS as error:
            raise OutputError(
                f"the DICOM series cannot carry a segmentation ({error!s:.160}); write .seg.nrrd "
                "instead"
            ) from error
        with write_aside(path) as aside:
            segmentation.save_as(aside)


def read_dicom_seg(path: Path) -> tuple[npt.NDArray[np.uint8], Geometry]:
    """Return label values [z, y, x], the segments' numbers, and their grid.

    Raises:
        VolumeError: highdicom is missing, or the file holds no segments on a regular grid.
    """
    highdicom = _highdicom(VolumeError)
    if not path.is_file():
        raise VolumeError(f"there is no file {path}")
    import pydicom

    with _quiet():
        try:
            volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
            return _itk_order(np.asarray(volume.array, np.uint8), np.asarray(volume.affine))
        except (*_FAULTS, RuntimeError, OSError, pydicom.errors.InvalidDicomError) as error:
            raise VolumeError(
                f"{path.name} is no DICOM segmentation that can be read: {error!s:.160}"
            ) from error


def _itk_order(
    labels: npt.NDArray[np.uint8], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.uint8], Geometry]:
    """Turn slices as ITK sorts those of a series: along row direction x column direction.

    Args:
        labels: (slice, row, column).
        affine: (4, 4), from these indices to LPS.

    Raises:
        GeometryError: The frames make no grid.
    """
    steps, origin = affine[:3, :3], affine[:3, 3]
    if np.cross(steps[:, 2], steps[:, 1]) @ steps[:, 0] < 0:
        origin = origin + steps[:, 0] * (labels.shape[0] - 1)
        steps = steps * [-1, 1, 1]
        labels = labels[::-1]
    spacing_mm = np.linalg.norm(steps, axis=0)
    if not (spacing_mm > 0).all():
        raise GeometryError("two slices lie at the same place")
    x, y, z = (steps / spacing_mm)[:, ::-1].tolist()
    depth, rows, columns = labels.shape
    a, b, c = spacing_mm.tolist()
    place = (float(origin[0]), float(origin[1]), float(origin[2]))
    directions = (tuple(x), tuple(y), tuple(z))
    return np.ascontiguousarray(labels), Geometry(
        (depth, rows, columns), (a, b, c), place, directions
    )


def _sources(files: Sequence[str]) -> list[Any]:
    """Return the headers of a series; the pixels are not needed."""
    import pydicom

    with _quiet():
        try:
            return [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
        except (OSError, *_FAULTS, pydicom.errors.InvalidDicomError) as error:
            raise OutputError(
                f"the DICOM series of the volume cannot be read again ({error!s:.160}); a DICOM "
                "segmentation refers to it"
            ) from error


def _segmentation(highdicom: ModuleType, sources: list[Any], segments: Sequence[Segment]) -> Any:
    layers = layers_of(segments)
    if len(layers) == 1:
        pixels = layers[0].labels
    else:
        pixels = np.stack([np.asarray(s.mask, np.uint8) for s in segments], axis=-1)
    described = [_description(highdicom, number, s) for number, s in enumerate(segments, 1)]
    return highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=highdicom.UID(),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="SlicerLIMNet",
        manufacturer_model_name="LIM-Net",
        software_versions=_version(),
        device_serial_number="0",
        series_description="LIM-Net segmentation",
        omit_empty_frames=False,
    )


def _description(highdicom: ModuleType, number: int, segment: Segment) -> Any:
    """Tissue is all that is known of an object; its name is the label."""
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="LIM-Net", version=_version(), family=codes.cid7162.ArtificialIntelligence
    )
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name[:64],
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=algorithm,
    )


def _highdicom(failure: type[LIMNetError]) -> ModuleType:
    try:
        with _quiet():
            import highdicom
    except ImportError as error:
        raise failure(
            "DICOM segmentations need highdicom, which is not installed; "
            "run: pip install 'SlicerLIMNet[dicom]'"
        ) from error
    return highdicom


def _version() -> str:
    try:
        return version("SlicerLIMNet")
    except PackageNotFoundError:  # run from its folder, as inside Slicer
        return "unknown"


@contextmanager
def _quiet() -> Iterator[None]:
    """Scanners write values that pydicom warns of; none of them concerns the segmentation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
