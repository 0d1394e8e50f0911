"""Hears when what the effect works on changes: segments, selection, image, scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk

_SEGMENTS = slicer.vtkSegmentation
_OF_SEGMENTATION = (
    _SEGMENTS.SegmentAdded,
    _SEGMENTS.SegmentRemoved,
    _SEGMENTS.SegmentModified,  # all that undo and redo tell
    _SEGMENTS.SourceRepresentationModified,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
_OF_VOLUME = (
    slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,  # another frame of a sequence, too
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)


class SceneWatch:
    """Observers of the nodes in use, from `start` to `stop`."""

    def __init__(self) -> None:
        self._changed: Callable[[], None] | None = None
        self._nodes: tuple[Any, ...] = ()
        self._observed: list[tuple[Any, int]] = []

    def start(self, changed: Callable[[], None]) -> None:
        """Call back on every change from now on."""
        self._changed = changed

    def follow(self, scene: Any, editorNode: Any, segmentation: Any, volume: Any) -> None:
        """Listen to these nodes; any may be None. Cheap where they are the same as before."""
        nodes = (scene, editorNode, segmentation, volume)
        same = all(one is other for one, other in zip(nodes, self._nodes, strict=False))
        if self._changed is None or (self._nodes and same):
            return
        self._release()
        self._nodes = nodes
        self._observe(scene, (slicer.vtkMRMLScene.EndCloseEvent,))
        self._observe(editorNode, (vtk.vtkCommand.ModifiedEvent,))
        self._observe(segmentation, _OF_SEGMENTATION)
        self._observe(volume, _OF_VOLUME)

    def stop(self) -> None:
        """Hear nothing any more."""
        self._changed = None
        self._release()

    def _observe(self, node: Any, events: tuple[int, ...]) -> None:
        for event in events if node is not None else ():
            self._observed.append((node, node.AddObserver(event, self._hear)))

    def _hear(self, *_: Any) -> None:
        if self._changed is not None:
            self._changed()

    def _release(self) -> None:
        self._nodes = ()
        while self._observed:
            node, tag = self._observed.pop()
            node.RemoveObserver(tag)
