"""A slice view as a qMRMLSliceWidget holds it, rendered offscreen and driven by real events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from Testing.slicer.application import Application, numbers

MANAGERS = (
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)


class SliceView:
    """One slice view of a scene; pixels have their origin at the lower left.

    Views of one scene need different names: a second "Red" would share the slice node.
    """

    def __init__(
        self,
        application: Application,
        name: str = "Red",
        orientation: str = "Axial",
        size: tuple[int, int] = (300, 300),
    ) -> None:
        self.name = name
        self.application = application
        self._make_window(size)
        self._make_logic(name)
        self._make_interaction()
        self.node.SetOrientation(orientation)
        self.logic.ResizeSliceNode(*size)

    def _make_window(self, size: tuple[int, int]) -> None:
        self.renderer, self.window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
        self._background = vtk.vtkRenderer()
        self.renderer.SetLayer(1)  # the image lies in a layer of its own, else fills do not blend
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self.window.SetNumberOfLayers(2)
        self.window.SetOffScreenRendering(1)
        self.window.SetSize(*size)
        self.window.AddRenderer(self._background)
        self.window.AddRenderer(self.renderer)
        self._mapper, self._actor = vtk.vtkImageMapper(), vtk.vtkActor2D()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor.SetMapper(self._mapper)

    def _make_logic(self, name: str) -> None:
        application = self.application
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        for manager in MANAGERS:
            if not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.Initialize()
        self._managers.SetRenderer(self.renderer)
        self._managers.Initialize(factory, self.renderer)
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application.logic)
        application.logic.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(application.scene)
        self.node = self.logic.AddSliceNode(name)
        self._managers.SetMRMLDisplayableNode(self.node)

    def _make_interaction(self) -> None:
        self.interactor_style = slicer.vtkMRMLSliceViewInteractorStyle()
        self.interactor_style.SetSliceLogic(self.logic)
        self.interactor_style.SetDisplayableManagers(self._managers)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self.interactor_style.SetInteractor(self.interactor)

    # What it shows

    def show(self, volume: Any) -> None:
        """Show a volume in the background and fit it to the view; None shows nothing."""
        composite = self.logic.GetSliceCompositeNode()
        composite.SetBackgroundVolumeID(volume.GetID() if volume else None)
        if volume:
            self.logic.FitSliceToAll()
            self.logic.SnapSliceOffsetToIJK()

    def resize(self, size: tuple[int, int]) -> None:
        """Change the size in pixels; the same slice, as large as it fits."""
        centre = self.to_ras([edge / 2 for edge in self.window.GetSize()])
        self.window.SetSize(*size)
        self.interactor.UpdateSize(*size)
        self.logic.ResizeSliceNode(*size)
        self.logic.FitSliceToAll()
        self.scroll_to(centre)

    def scroll_to(self, ras: Sequence[float]) -> None:
        """Bring the slice through a point of the world into the view, which else stays."""
        self.node.JumpSliceByOffsetting(*ras)

    def jump_to(self, ras: Sequence[float]) -> None:
        """Bring a point of the world into the middle of the view."""
        self.node.JumpSliceByCentering(*ras)

    def orient(self, slice_to_ras: npt.ArrayLike) -> None:
        """Turn the view any way: (4, 4), columns right, up, towards the viewer, middle."""
        into = self.node.GetSliceToRAS()
        into.DeepCopy([float(value) for value in np.asarray(slice_to_ras).ravel()])
        self.node.UpdateMatrices()

    def to_xy(self, ras: Sequence[float]) -> tuple[int, int]:
        """Return the pixel nearest to a point of the world, wherever the slice stands."""
        xy_to_ras = numbers(self.node.GetXYToRAS())
        point = np.linalg.solve(xy_to_ras, [*ras, 1.0])
        return round(point[0]), round(point[1])

    def to_ras(self, xy: Sequence[float]) -> npt.NDArray[np.float64]:
        """Return the point of the world under a pixel."""
        return (numbers(self.node.GetXYToRAS()) @ [xy[0], xy[1], 0.0, 1.0])[:3]

    def aim(self, ras: Sequence[float]) -> tuple[int, int]:
        """Bring a point of the world into the view and return its pixel."""
        self.jump_to(ras)
        return self.to_xy(ras)

    def render(self) -> None:
        """Draw image, segments, markers and actors as they stand."""
        connection = self.logic.GetImageDataConnection()
        if connection:
            self._mapper.SetInputConnection(connection)
        if connection and not self._background.HasViewProp(self._actor):
            self._background.AddViewProp(self._actor)
        elif not connection:
            self._background.RemoveViewProp(self._actor)
        self.window.Render()

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the picture: (rows from above, columns, RGB)."""
        self.render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        columns, rows, _ = image.GetDimensions()
        colours = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
        return np.ascontiguousarray(colours[::-1, :, :3])

    def png(self, path: Path | str) -> None:
        """Write the picture."""
        from PySide6 import QtGui

        pixels = self.pixels()
        rows, columns, _ = pixels.shape
        kind = QtGui.QImage.Format.Format_RGB888
        assert QtGui.QImage(pixels.data, columns, rows, 3 * columns, kind).save(str(path))

    # What the user does

    def press(self, xy: Sequence[int], button: str = "Left", **keys: bool) -> None:
        """Press a mouse button; `ctrl` and `shift` may be held."""
        self._event(f"{button}ButtonPressEvent", xy, **keys)

    def release(self, xy: Sequence[int], button: str = "Left", **keys: bool) -> None:
        """Let go of a mouse button."""
        self._event(f"{button}ButtonReleaseEvent", xy, **keys)

    def click(self, xy: Sequence[int], button: str = "Left", **keys: bool) -> None:
        """Press and release."""
        self.press(xy, button, **keys)
        self.release(xy, button, **keys)

    def double_click(self, xy: Sequence[int], **keys: bool) -> None:
        """Press, release, double click, release, as VTK tells them."""
        self.click(xy, **keys)
        self._event("LeftButtonDoubleClickEvent", xy, **keys)
        self.release(xy, **keys)

    def move(self, xy: Sequence[int], **keys: bool) -> None:
        """Move the mouse to a pixel."""
        self._event("MouseMoveEvent", xy, **keys)

    def drag(self, from_xy: Sequence[int], to_xy: Sequence[int], **keys: bool) -> None:
        """Press at one pixel, move, and release at another."""
        self.press(from_xy, **keys)
        self.move(to_xy, **keys)
        self.release(to_xy, **keys)

    def wheel(self, xy: Sequence[int], steps: int = 1, **keys: bool) -> None:
        """Turn the wheel: forward where steps are positive."""
        kind = "MouseWheelForwardEvent" if steps > 0 else "MouseWheelBackwardEvent"
        for _ in range(abs(steps)):
            self._event(kind, xy, **keys)

    def key(self, symbol: str, xy: Sequence[int] | None = None, **keys: bool) -> None:
        """Press and release a key: "p", "Return", "Delete" as VTK names them."""
        for kind in ("KeyPressEvent", "KeyReleaseEvent"):
            position = self.interactor.GetEventPosition() if xy is None else xy
            self._event(kind, position, symbol=symbol, **keys)

    def enter(self, xy: Sequence[int]) -> None:
        """Come into the view with the mouse."""
        self._event("EnterEvent", xy)

    def leave(self, xy: Sequence[int]) -> None:
        """Leave the view with the mouse."""
        self._event("LeaveEvent", xy)

    def _event(
        self,
        kind: str,
        xy: Sequence[int],
        ctrl: bool = False,
        shift: bool = False,
        symbol: str | None = None,
    ) -> None:
        letter = symbol if symbol is not None and len(symbol) == 1 else chr(0)
        x, y = int(xy[0]), int(xy[1])
        self.interactor.SetEventInformation(x, y, int(ctrl), int(shift), letter, 0, symbol)
        self.interactor.InvokeEvent(kind)

    def close(self) -> None:
        """Take the view off its scene."""
        self.interactor_style.SetInteractor(None)
        self._managers.SetMRMLDisplayableNode(None)
        self.application.logic.GetSliceLogics().RemoveItem(self.logic)
        self.logic.SetMRMLScene(None)
        self.window.Finalize()
