"""Volumes for the app: what reads them is given by the command, and here they become nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from .AppError import AppError
from .AppOptions import STARTS

if TYPE_CHECKING:
    from SlicerLIMNet.domain.volume import Volume


@dataclass(frozen=True)
class Loaded:
    """A volume, and where it comes from."""

    volume: Volume
    """Of the engine."""
    source: str
    """Absolute path, or `sample` or `phantom`; loads it again."""
    note: str = ""
    """A sentence for the user; empty for nothing."""


Read = Callable[[str], Loaded]
"""Reads a checked path, or what is meant by `sample` or `phantom`; on any thread."""


def load(source: str, read: Read) -> Loaded:
    """Return a volume; on any thread.

    Raises:
        AppError: There is no volume that can be segmented.
    """
    from SlicerLIMNet.errors import LIMNetError

    name = source if source in STARTS else Path(source).name
    try:
        return read(source)
    except LIMNetError as error:
        text = str(error)
        raise AppError(f"{text[:1].upper()}{text[1:]}.") from error
    except OSError as error:
        raise AppError(f"{name} cannot be read ({error.strerror or error}).") from error
    except ModuleNotFoundError as error:
        raise AppError(f"{error.name} is not installed; it is needed to read {name}.") from error
    except MemoryError as error:
        raise AppError("There is not enough memory for this volume; crop it first.") from error


def addNode(scene: Any, volume: Volume) -> Any:
    """Put a volume into a scene, with the window that the engine would see it in."""
    from SlicerLIMNet.session.automatic_window import automatic_window

    kind = "vtkMRMLVectorVolumeNode" if volume.is_colour else "vtkMRMLScalarVolumeNode"
    node = scene.AddNewNodeByClass(kind, volume.name or "Volume")
    image = vtk.vtkImageData()
    image.SetDimensions(*volume.shape_zyx[::-1])
    voxels = np.ascontiguousarray(volume.array)
    flat = voxels.reshape(-1, 3) if volume.is_colour else voxels.ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(_asVtkTakesIt(flat), deep=True))
    node.SetIJKToRASMatrix(_ijkToRas(volume))
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    if volume.modality == "CT":
        _sayIsCt(node)
    if not volume.is_colour:
        display = node.GetDisplayNode()
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(*automatic_window(volume))
    return node


def describe(volume: Volume) -> str:
    """Return size and spacing in words."""
    size = " \u00d7 ".join(str(count) for count in volume.shape_zyx[::-1])
    spacing = " \u00d7 ".join(f"{mm:.3g}" for mm in volume.geometry.spacing_zyx_mm[::-1])
    kind = f"{volume.modality}, " if volume.modality else ""
    return f"{kind}{size} voxels of {spacing} mm"


def _ijkToRas(volume: Volume) -> vtk.vtkMatrix4x4:
    corners = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    origin, *ends = volume.geometry.index_zyx_to_ras(corners)
    matrix = vtk.vtkMatrix4x4()
    for row in range(3):
        for column, end in enumerate(ends):
            matrix.SetElement(row, column, float(end[row] - origin[row]))
        matrix.SetElement(row, 3, float(origin[row]))
    return matrix


def _asVtkTakesIt(flat: Any) -> Any:
    """Return voxels of a type that VTK knows, in this machine's byte order."""
    if flat.dtype == np.float16:
        return flat.astype(np.float32)
    if flat.dtype == np.bool_:
        return flat.astype(np.uint8)
    return flat.astype(flat.dtype.newbyteorder("="), copy=False)


def _sayIsCt(node: Any) -> None:
    """Tell the effect what Slicer knows from DICOM."""
    entry = slicer.vtkCodedEntry()
    entry.SetValueSchemeMeaning("112031", "DCM", "Attenuation Coefficient")
    node.SetVoxelValueQuantity(entry)
