"""The image that is segmented: its voxels on the segmentation's grid, copied when it is another."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from .ImageGrid import ImageGrid
from .NodeFrames import NodeFrames
from .VoxelFit import VoxelFit

if TYPE_CHECKING:
    from SlicerLIMNet.domain.volume import Volume

Voxels = npt.NDArray[Any]

_ATTENUATION = "112031"  # DICOM's code of what a CT measures
_MODALITY = "DICOM.Modality"  # attribute of a series in the subject hierarchy


@dataclass(frozen=True)
class ImageKey:
    """Tells an image from others: another frame, edited voxels, another place have another key.

    A transform that moves image and segmentation together leaves it as it is.
    """

    volumeId: str
    """Of the volume node."""
    imageTime: int
    """When the voxels were changed last; no two images of VTK share one."""
    volumeGrid: ImageGrid
    """On which the voxels are stored."""
    segmentationId: str
    """Of the segmentation node."""
    grid: ImageGrid
    """The segmentation's: what is segmented has a voxel for each of these."""
    placement: Hashable
    """From the volume's frame to the segmentation's, see `NodeFrames.stamp`."""


class SourceImage:
    """Reads voxels; what a session still holds is not read again."""

    def __init__(self, effect: Any) -> None:
        """Take the `scriptedEffect`."""
        self._effect = effect
        self._copies: WeakValueDictionary[ImageKey, Any] = WeakValueDictionary()

    @staticmethod
    def key(volume: Any, segmentation: Any, grid: ImageGrid) -> ImageKey:
        """Return the key of a volume that has voxels, seen on a segmentation's grid."""
        return ImageKey(
            volume.GetID(),
            volume.GetImageData().GetMTime(),
            ImageGrid.ofVolumeNode(volume),
            segmentation.GetID(),
            grid,
            NodeFrames(volume, segmentation).stamp(),
        )

    @staticmethod
    def holds(volume: Any, worldRas: Any) -> bool:
        """Whether a point of the world lies in a voxel of the volume itself."""
        local = NodeFrames(None, volume).point(worldRas)
        return ImageGrid.ofVolumeNode(volume).voxelAt(local) is not None

    def volumeMaker(self, key: ImageKey, volume: Any, segmentation: Any) -> VolumeMaker:
        """Return what makes the engine's volume of voxels copied now, or copied before.

        A warped way between volume and segmentation takes the editor's own aligned image, so the
        volume must be the one that is selected.
        """
        frames = NodeFrames(segmentation, volume)
        voxels = self._copies.get(key)
        if voxels is None:
            image = volume.GetImageData() if frames.isLinear else self._aligned(volume)
            voxels = self._copies[key] = np.array(voxelsOf(image))
        if frames.isLinear:
            matrix = tuple(frames.matrix().ravel().tolist())
            fit = VoxelFit(key.volumeGrid, matrix, key.grid)
        else:
            fit = VoxelFit(key.grid, tuple(np.eye(4).ravel().tolist()), key.grid)
        return VolumeMaker(voxels, fit, modalityOf(volume), volume.GetName() or "")

    def _aligned(self, volume: Any) -> Any:
        if volume.GetImageData().GetMTime() > volume.GetMTime():
            volume.Modified()  # else the editor would not notice voxels edited in place
        return self._effect.sourceVolumeImageData()


@dataclass(frozen=True)
class VolumeMaker:
    """Makes the engine's volume; on any thread, as it holds no node."""

    voxels: Voxels
    """A copy, [k, j, i] or [k, j, i, 3]."""
    fit: VoxelFit
    """To the segmentation's grid."""
    modality: str | None
    """CT, MR, ...; None where the scene does not know it."""
    name: str
    """Of the volume."""

    def __call__(self) -> Volume:
        """Return the volume.

        Raises:
            VolumeError: It cannot be segmented.
        """
        from SlicerLIMNet.domain.volume import Volume

        geometry = self.fit.targetGrid.geometry()
        return Volume(self.fit(self.voxels), geometry, self.modality, self.name)


def voxelsOf(image: Any) -> Voxels:
    """Return the voxels of an image, not copied: [k, j, i], or [k, j, i, 3] with colours."""
    values = vtk_to_numpy(image.GetPointData().GetScalars())
    shape = image.GetDimensions()[::-1]
    if values.ndim == 1:
        return values.reshape(shape)
    return values.reshape(*shape, -1)[..., :3]  # without opacity


def modalityOf(volume: Any) -> str | None:
    """Return the modality of a volume as DICOM names it; None where the scene does not know it."""
    quantity = volume.GetVoxelValueQuantity()
    if quantity is not None and quantity.GetCodeValue() == _ATTENUATION:
        return "CT"
    subjects = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volume.GetScene())
    item = subjects.GetItemByDataNode(volume) if subjects is not None else 0
    stored = subjects.GetItemAttribute(item, _MODALITY) if item else ""
    return stored or None
