"""Mouse in the slice views: left clicks belong to the effect, all else to Slicer's own styles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Click = Callable[[Any, tuple[int, int], bool], None]
Point = Callable[[Any, tuple[int, int]], None]

_PRESS, _RELEASE = "LeftButtonPressEvent", "LeftButtonReleaseEvent"
_BEFORE_SLICERS_OWN = 1.0


class ViewMouse:
    """Hears the left button of one slice view."""

    def __init__(self, view: Any, clicked: Click, pointed: Point) -> None:
        """Listen.

        Args:
            view: A slice view.
            clicked: Told view, pixel, and whether the click has the other sign than the active
                one: with Ctrl, Shift or the command key held.
            pointed: Told view and pixel while the mouse moves with Shift held.
        """
        self.isOn = True
        """Whether left clicks are the effect's."""
        self._view, self._clicked, self._pointed = view, clicked, pointed
        self._isPressed = False
        interactor = view.interactor()
        self._interactor = interactor
        self._tags = [
            interactor.AddObserver(_PRESS, self._pressed, _BEFORE_SLICERS_OWN),
            interactor.AddObserver(_RELEASE, self._released, _BEFORE_SLICERS_OWN),
        ]
        self.place = (0, 0)
        """Where the mouse was seen last, in pixels of the view."""
        self._tags.append(interactor.AddObserver("MouseMoveEvent", self._moved))

    def stop(self) -> None:
        """Hear no more."""
        while self._tags:
            self._interactor.RemoveObserver(self._tags.pop())

    def _pressed(self, interactor: Any, _event: str) -> None:
        if not self.isOn or interactor.GetAltKey():
            return
        self._isPressed = True
        isOther = bool(interactor.GetControlKey() or interactor.GetShiftKey())
        self._take(self._tags[0])
        self._clicked(self._view, tuple(interactor.GetEventPosition()), isOther)

    def _released(self, _interactor: Any, _event: str) -> None:
        if self._isPressed:  # else the release would reach a style that heard no press
            self._isPressed = False
            self._take(self._tags[1])

    def _moved(self, interactor: Any, _event: str) -> None:
        self.place = tuple(interactor.GetEventPosition())
        if interactor.GetShiftKey() and not self._isPressed:
            self._pointed(self._view, self.place)

    def _take(self, tag: int) -> None:
        """Nobody below hears this event."""
        self._interactor.GetCommand(tag).SetAbortFlag(1)
