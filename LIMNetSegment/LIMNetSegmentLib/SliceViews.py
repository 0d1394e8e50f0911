"""The slice views of a scene: which show a plane, which slice they show, how they get to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .ImageGrid import ImageGrid
from .NodeFrames import NodeFrames
from .ViewPlane import ViewPlane, sliceGrid

if TYPE_CHECKING:
    from SlicerLIMNet.domain.plane import AnyPlane

Points = npt.NDArray[np.float64]

_SLICE_NODE = "vtkMRMLSliceNode"


class SliceViews:
    """Views that show a plane of a grid in the frame of a segmentation."""

    def __init__(self, segmentation: Any, grid: ImageGrid, plane: AnyPlane) -> None:
        """Look at the views of the segmentation's scene."""
        self._segmentation, self._grid = segmentation, grid
        self._plane = plane
        self._slices, self._axis = sliceGrid(plane, grid)

    def nodes(self) -> Iterator[Any]:
        """Yield the nodes of the views that show the plane."""
        for sliceNode in sliceNodes(self._segmentation.GetScene()):
            if ViewPlane(sliceNode, self._segmentation, self._grid).shows(self._plane):
                yield sliceNode

    def currentSlice(self, preferredId: str = "") -> int | None:
        """Return the slice that a view shows; None where no view shows any.

        Args:
            preferredId: Of the view that is asked first.
        """
        found = {}
        for node in self.nodes():
            index = self._sliceAt(ViewPlane(node, self._segmentation, self._grid).pointRas)
            if index is not None:
                found[node.GetID()] = index
        return found.get(preferredId, next(iter(found.values()), None))

    def goTo(self, sliceIndex: int) -> None:
        """Show a slice in all views of the plane; what they show of it stays in the middle."""
        toWorld = NodeFrames(self._segmentation, None)
        for node in list(self.nodes()):
            middle = ViewPlane(node, self._segmentation, self._grid).pointRas
            place = self._slices.indexOf(middle)
            place[self._axis] = sliceIndex
            node.JumpSliceByOffsetting(*toWorld.point(self._slices.rasOf(place)))

    def _sliceAt(self, ras: Points) -> int | None:
        index = int(np.floor(self._slices.indexOf(ras)[self._axis] + 0.5))
        return index if 0 <= index < self._slices.shape[self._axis] else None


def sliceNodes(scene: Any) -> list[Any]:
    """Return the slice views of the layout; all of the scene where there is no layout."""
    count = scene.GetNumberOfNodesByClass(_SLICE_NODE)
    nodes = [scene.GetNthNodeByClass(index, _SLICE_NODE) for index in range(count)]
    return [node for node in nodes if node.IsMappedInLayout()] or nodes


def rasOfPixel(sliceNode: Any, xy: Sequence[float]) -> Points:
    """Return the point of the world, in mm, at a pixel of a view."""
    return np.array(sliceNode.GetXYToRAS().MultiplyPoint((float(xy[0]), float(xy[1]), 0.0, 1.0)))[
        :3
    ]
