"""Small DICOM series, written slice by slice with pydicom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def write_series(folder: Path, voxels: np.ndarray, positions_lps: list, **tags: object) -> str:
    """Write voxels (slice, row, column[, 3]) at positions; return the UID of the series.

    The names of the files do not follow the slices. A tag that is None is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = str(tags.pop("SeriesInstanceUID", generate_uid()))
    shared = {"StudyInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid(), **tags}
    for number, (image, position) in enumerate(zip(voxels, positions_lps, strict=True)):
        dataset = _slice(image, position, number)
        dataset.SeriesInstanceUID = uid
        for tag, value in shared.items():
            setattr(dataset, tag, value)
            if value is None:
                delattr(dataset, tag)
        name = f"{(number * 37) % 101:03d}-{uid[-8:]}.dcm"
        dataset.save_as(folder / name, enforce_file_format=True)
    return uid


def _slice(image: np.ndarray, position_lps: object, number: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.SeriesDescription, dataset.SeriesNumber = "CT", "abdomen", 3
    dataset.PatientName, dataset.PatientID, dataset.PatientSex = "A^B", "1", "O"
    dataset.PatientBirthDate, dataset.StudyDate, dataset.StudyTime = "20000101", "20200101", "10"
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "", ""
    dataset.PositionReferenceIndicator, dataset.InstanceNumber = "", 99 - number
    dataset.ImagePositionPatient = [float(part) for part in position_lps]
    dataset.ImageOrientationPatient = list(AXIAL)
    dataset.PixelSpacing, dataset.SliceThickness = [0.7, 0.5], 2
    dataset.Rows, dataset.Columns = image.shape[:2]
    bits = image.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(image.dtype.kind == "i")
    dataset.SamplesPerPixel = 1 if image.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if image.ndim == 2 else "RGB"
    if image.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = image.tobytes()
    return dataset
