"""From the frame of one node to that of another, through their parent transforms."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk

Points = npt.NDArray[np.float64]

_SAME_TRANSFORM = 9  # decimals


class NodeFrames:
    """Takes points from one node's frame to another's; None stands for the world."""

    def __init__(self, source: Any, target: Any) -> None:
        self._parents = tuple(node and node.GetParentTransformNode() for node in (source, target))
        self._transform = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(*self._parents, self._transform)

    def point(self, ras: Sequence[float]) -> Points:
        """Return a point in mm in the target's frame."""
        return np.array(self._transform.TransformPoint(*(float(number) for number in ras)))

    def direction(self, ras: Sequence[float], direction: Sequence[float]) -> Points:
        """Return where a direction at a point leads, per mm; the length may change."""
        point, step = np.asarray(ras, np.float64), np.asarray(direction, np.float64)
        return (self.point(point + step) - self.point(point - step)) / 2

    @property
    def isLinear(self) -> bool:
        """Whether planes stay planes."""
        source, target = self._parents
        if source is target:
            return True
        return all(parent is None or parent.IsTransformToWorldLinear() for parent in self._parents)

    def matrix(self) -> Points:
        """Return the 4x4 matrix of a linear way."""
        found = vtk.vtkMatrix4x4()
        slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(*self._parents, found)
        return np.array(
            [[found.GetElement(row, column) for column in range(4)] for row in range(4)]
        )

    def stamp(self) -> Hashable:
        """Return what is another when the way is another; what moves both nodes does not count."""
        if self.isLinear:
            rounded = np.round(self.matrix(), _SAME_TRANSFORM) + 0.0  # no negative zeros
            return tuple(rounded.ravel().tolist())
        return tuple(
            None if parent is None else (parent.GetID(), parent.GetTransformToWorldMTime())
            for parent in self._parents
        )
