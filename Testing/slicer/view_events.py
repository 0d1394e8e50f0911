"""How the segment editor hands the events of views to the active effect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import vtk

from Testing.slicer.faults import FAULTS
from Testing.slicer.observers import Observers
from Testing.slicer.slice_widget import SliceWidget

EVENTS = (
    *("LeftButtonPressEvent", "LeftButtonReleaseEvent", "LeftButtonDoubleClickEvent"),
    *("RightButtonPressEvent", "RightButtonReleaseEvent"),
    *("MiddleButtonPressEvent", "MiddleButtonReleaseEvent"),
    *("MouseMoveEvent", "MouseWheelForwardEvent", "MouseWheelBackwardEvent"),
    *("KeyPressEvent", "KeyReleaseEvent", "EnterEvent", "LeaveEvent"),
)
PRIORITY = 1.0  # markups and the interactor style come after


class ViewEvents:
    """Listens to views while an effect is active."""

    def __init__(self, editor: Any) -> None:
        self._editor = editor
        self._observers = Observers()

    def start(self, widgets: Iterable[SliceWidget]) -> None:
        """Listen to views and to the mouse mode."""
        for widget in widgets:
            for event in EVENTS:
                self._route(widget, event)
            self._observers.add(
                widget.view.node,
                vtk.vtkCommand.ModifiedEvent,
                lambda *_, widget=widget: self._view_changed(widget),
                PRIORITY,
            )
        mode = self._editor.application.logic.GetInteractionNode()
        self._observers.add(
            mode, mode.InteractionModeChangedEvent, lambda *_: self._mouse_mode(mode)
        )

    def stop(self) -> None:
        """Listen no more."""
        self._observers.clear()

    def _route(self, widget: SliceWidget, event: str) -> None:
        number = getattr(vtk.vtkCommand, event)

        def on_event(caller: Any, _: str) -> None:
            if self._handled(caller, number, widget):
                caller.GetCommand(tag).SetAbortFlag(1)

        tag = self._observers.add(widget.view.interactor, event, on_event, PRIORITY)

    def _handled(self, interactor: Any, number: int, widget: SliceWidget) -> bool:
        effect = self._editor.activeEffect()
        if effect is None or not effect.segmentationDisplayableInView(widget.view.node):
            return False
        handled = self._editor.call(effect, "processInteractionEvents", interactor, number, widget)
        if handled is not None and not isinstance(handled, bool):
            told = f"processInteractionEvents returned {handled!r}: Slicer takes only True or False"
            FAULTS.record(TypeError(told))
            return False
        return bool(handled)

    def _view_changed(self, widget: SliceWidget) -> None:
        effect = self._editor.activeEffect()
        if effect is not None:
            number = int(vtk.vtkCommand.ModifiedEvent)
            self._editor.call(effect, "processViewNodeEvents", widget.view.node, number, widget)

    def _mouse_mode(self, node: Any) -> None:
        """An effect that does not care is left where the user begins to place markups."""
        effect = self._editor.activeEffect()
        if effect is None:
            return
        if hasattr(effect.self(), "interactionNodeModified"):
            self._editor.call(effect, "interactionNodeModified", node)
        elif node.GetCurrentInteractionMode() == node.Place:
            self._editor.setActiveEffectByName("")
