"""What an effect sees of a qMRMLSliceWidget."""

from __future__ import annotations

from typing import Any

from Testing.slicer.slice_view import SliceView


class SliceWidget:
    """The widget around a slice view; it is its own qMRMLSliceView, too."""

    def __init__(self, view: SliceView) -> None:
        self.view = view
        self.renders_asked = 0

    def className(self) -> str:
        """Return the class as Slicer names it."""
        return "qMRMLSliceWidget"

    def sliceLogic(self) -> Any:
        """Return the slice logic."""
        return self.view.logic

    def mrmlSliceNode(self) -> Any:
        """Return the slice node."""
        return self.view.node

    def mrmlSliceCompositeNode(self) -> Any:
        """Return what says which volumes are shown."""
        return self.view.logic.GetSliceCompositeNode()

    def sliceView(self) -> SliceWidget:
        """Return the part that draws."""
        return self

    def renderWindow(self) -> Any:
        """Return the render window."""
        return self.view.window

    def interactor(self) -> Any:
        """Return the interactor."""
        return self.view.interactor

    def interactorStyle(self) -> Any:
        """Return the style that pans, zooms and windows."""
        return self.view.interactor_style

    def scheduleRender(self) -> None:
        """Count; tests draw when they want to see."""
        self.renders_asked += 1

    def forceRender(self) -> None:
        """Draw."""
        self.view.render()

    def setDefaultViewCursor(self, cursor: Any) -> None:
        """Take a cursor."""

    setViewCursor = setDefaultViewCursor
