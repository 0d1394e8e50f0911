"""The scene of one tab and its four views: three slice views and the 3D view, Slicer's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import slicer
import vtk
from trame_slicer.core import SlicerApp
from trame_slicer.rca_view.rca_view_factory import RemoteSliceViewFactory, RemoteThreeDViewFactory
from trame_slicer.views import ViewLayoutDefinition

SLICES = ("Red", "Green", "Yellow")
THREE_D = "ThreeD"

_FRAMES, _FRAMES_UNWATCHED = 20.0, 8.0  # a second
_QUALITY = 85  # of JPEG; one for moving and for standing pictures, so that none is drawn twice
_MOST_PIXELS = 1_000_000  # of a view
_GROUND_3D = ("#10151b", "#1d2731")
_AROUND, _ABOVE = -25.0, 22.0  # degrees off the front, so that one flat slice is seen, too
_CROSSHAIR = (slicer.vtkMRMLCrosshairNode.NoCrosshair, slicer.vtkMRMLCrosshairNode.ShowBasic)


@dataclass(frozen=True)
class SliceFacts:
    """Where a slice view stands."""

    least: float
    """Offset of the first slice, mm."""
    most: float
    """Offset of the last slice, mm."""
    step: float
    """From slice to slice, mm."""
    value: float
    """Offset of the slice that is shown, mm."""


class Stage:
    """A scene of its own, and views that are drawn on the server and seen in the page."""

    def __init__(self, server: Any, moved: Callable[[str], None]) -> None:
        """Make scene and views.

        Args:
            server: The tab's trame server.
            moved: Told the name of a slice view that shows something else than before.
        """
        with _quietly():  # the wheel has no window to resize, and says so for every view
            self._make(server)
        self._framedAt: tuple[float, ...] | None = None
        self._observed: list[tuple[Any, int]] = []
        for name in SLICES:
            node = self.view(name).get_view_node()
            tell = _telling(moved, name)
            self._observed.append((node, node.AddObserver("ModifiedEvent", tell)))

    def _make(self, server: Any) -> None:
        self.app = SlicerApp()
        self.scene = self.app.scene
        shared = {
            "target_fps": _FRAMES,
            "blur_fps": _FRAMES_UNWATCHED,
            "interactive_quality": _QUALITY,
            "rca_encoder": "jpeg",
            "populate_view_ui_f": None,
        }
        self._factories = (
            RemoteSliceViewFactory(server, **shared),
            RemoteThreeDViewFactory(server, **shared),
        )
        for factory in self._factories:
            self.app.view_manager.register_factory(factory)
        for definition in _layout():
            self.app.view_manager.create_view(definition)
        self.app.view_manager.set_current_view_ids([*SLICES, THREE_D])
        self._prepare()

    def view(self, name: str) -> Any:
        """Return a view."""
        return self.app.view_manager.get_view(name)

    def window(self, name: str) -> Any:
        """Return what carries a view's pictures to the page, and its size in the page."""
        found = (factory.get_factory_view(name) for factory in self._factories)
        return next(view for view in found if view is not None).view_adapter

    # What is shown

    def show(self, volume: Any) -> None:
        """Show a volume in all slice views, whole."""
        for name in SLICES:
            view = self.view(name)
            view.set_background_volume_id(None if volume is None else volume.GetID())
        self._framedAt = None
        self.fit()

    def fit(self) -> None:
        """Show everything in every view."""
        for name in (*SLICES, THREE_D):
            self.view(name).fit_view_to_content()
            self.view(name).schedule_render()

    def frameSurfaces(self) -> None:
        """Let the surfaces fill the 3D view, unless the user has turned or moved them."""
        view = self.view(THREE_D)
        if self._framedAt in (None, self._camera()):
            view.fit_view_to_content()
            camera = view.get_camera_node().GetCamera()
            camera.Azimuth(_AROUND)
            camera.Elevation(_ABOVE)
            camera.OrthogonalizeViewUp()
            self._framedAt = self._camera()
        view.first_renderer().ResetCameraClippingRange()
        view.schedule_render()

    def _camera(self) -> tuple[float, ...]:
        camera = self.view(THREE_D).get_camera_node()
        return (*camera.GetPosition(), *camera.GetFocalPoint(), *camera.GetViewUp())

    def draw(self) -> None:
        """Draw all views anew."""
        for name in (*SLICES, THREE_D):
            self.view(name).schedule_render()

    def sliceFacts(self, name: str) -> SliceFacts:
        """Return where a slice view stands."""
        view = self.view(name)
        least, most = view.get_slice_range()
        return SliceFacts(least, most, view.get_slice_step(), view.get_slice_value())

    def scroll(self, name: str, value: float) -> None:
        """Show the slice at an offset, mm."""
        self.view(name).set_slice_value(value)

    def goTo(self, ras: tuple[float, float, float], but: Any = None) -> None:
        """Show a point in all slice views, or in all but one."""
        for view in (self.view(name) for name in SLICES):
            if view is not but:
                view.get_view_node().JumpSliceByOffsetting(*ras)

    # What the mouse does

    def dragWindow(self, isOn: bool) -> None:
        """Let a drag with the left button change window and level, or not."""
        node = self.app.app_logic.GetInteractionNode()
        mode = node.AdjustWindowLevel if isOn else node.ViewTransform
        node.SetCurrentInteractionMode(mode)

    @property
    def hasCrosshair(self) -> bool:
        """Whether the crosshair is drawn."""
        return self._crosshair().GetCrosshairMode() != _CROSSHAIR[0]

    def showCrosshair(self, isOn: bool) -> None:
        """Draw the crosshair where the slices meet, or not."""
        crosshair = self._crosshair()
        if isOn:
            crosshair.SetCrosshairRAS([self._meeting(axis) for axis in range(3)])
        crosshair.SetCrosshairMode(_CROSSHAIR[isOn])
        self.draw()

    def pointAt(self, view: Any, xy: tuple[int, int]) -> None:
        """Show the point at a pixel of a slice view in all of them, with the crosshair there."""
        ras = view.get_view_node().GetXYToRAS().MultiplyPoint((*xy, 0.0, 1.0))[:3]
        self._crosshair().SetCrosshairRAS(ras)
        self.goTo(ras, but=view)

    async def close(self) -> None:
        """Draw nothing more, and let everything go."""
        while self._observed:
            node, tag = self._observed.pop()
            node.RemoveObserver(tag)
        for name in (*SLICES, THREE_D):
            await self.window(name).close()
            self.view(name).set_render_blocked(True)
            self.view(name).finalize()
        self.scene.Clear(True)

    def _meeting(self, axis: int) -> float:
        """Return where the slice across an axis of the patient lies: R, A, S, mm."""
        name = ("Yellow", "Green", "Red")[axis]
        return float(self.view(name).get_view_node().GetSliceToRAS().GetElement(axis, 3))

    def _crosshair(self) -> Any:
        return self.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")

    def _prepare(self) -> None:
        """Suit the views to a computer without graphics card."""
        for name in (*SLICES, THREE_D):
            window = self.window(name)
            window.update_quality(_QUALITY, _QUALITY)
            window.max_pixel_count = _MOST_PIXELS
            self.view(name).render_window().SetMultiSamples(0)
        renderer = self.view(THREE_D).first_renderer()
        renderer.SetUseDepthPeeling(False)
        renderer.SetUseDepthPeelingForVolumes(False)
        renderer.UseFXAAOn()
        renderer.GradientBackgroundOn()


def _layout() -> list[ViewLayoutDefinition]:
    return [
        ViewLayoutDefinition.axial_view(),
        ViewLayoutDefinition.coronal_view(),
        ViewLayoutDefinition.sagittal_view(),
        ViewLayoutDefinition.threed_view(name=THREE_D, background_color=_GROUND_3D),
    ]


@contextmanager
def _quietly() -> Iterator[None]:
    was = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(was)


def _telling(moved: Callable[[str], None], name: str) -> Callable[..., None]:
    return lambda *_: moved(name)
