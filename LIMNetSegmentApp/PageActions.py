"""What the page can ask for, by name; every action is a few lines and ends with a new page."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from LIMNetSegmentLib.Parameter import RANGES, WINDOWS, EffectOptions

from .AppError import AppError
from .Segments import colourFromText
from .Stage import SLICES

if TYPE_CHECKING:
    from .TabState import TabState
    from .Workspace import Workspace

_PRESETS = ("light", "paper")
_DEVICES = ("auto", "cpu", "cuda", "mps")
_MOST_SLICES = 9999


class PageActions:
    """Hands on what the page says; it may say anything."""

    def __init__(self, tab: TabState) -> None:
        self._tab = tab

    def register(self) -> None:
        """Let the page call every action of this class: `trigger('goToSlice', [12])`."""
        for name in dir(self):
            if not name.startswith("_") and name != "register":
                self._tab.link.on(name, self._told(getattr(self, name)))

    def _told(self, action: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(action)
        def guarded(*values: Any) -> Any:
            try:
                return action(*values)
            except Exception as error:
                self._tab.tell(error)
                return None
            finally:
                self._tab.publish()

        return guarded

    @property
    def _workspace(self) -> Workspace:
        workspace = self._tab.workspace
        if workspace is None:
            raise AppError("Load a volume first.")
        return workspace

    # Files

    def openPath(self, text: str) -> None:
        self._tab.opening.openPath(str(text))

    def listFolder(self, text: str = "") -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self._tab.shared.folder.listing(str(text))]

    def resumeWork(self, identifier: str) -> None:
        self._tab.opening.resume(str(identifier))

    def forgetWork(self, identifier: str) -> None:
        self._tab.shared.kept.forget(str(identifier))

    def dismiss(self) -> None:
        self._tab.dismiss()

    # Clicks and rounds

    def setPositive(self, isPositive: bool) -> None:
        self.setOption("positive", bool(isPositive))

    def switchSign(self) -> None:
        self.setOption("positive", not self._workspace.logic.options.positive)

    def removeClick(self, viewName: str = "") -> None:
        """Take back the click under the mouse; without a view, or a click there, the newest."""
        tab, logic = self._tab, self._workspace.logic
        if viewName in SLICES:
            logic.removeClickAt(tab.stage.view(viewName), tab.mice[viewName].place)
        elif logic.state.clicks:
            logic.removeClick(logic.state.clicks[-1].number)

    def propagate(self) -> None:
        self._workspace.logic.propagate()

    def cancel(self) -> None:
        self._workspace.logic.cancel()

    def keepPartial(self) -> None:
        self._workspace.logic.keepPartial()

    def goBack(self) -> None:
        self._workspace.logic.goBack()

    def undo(self) -> None:
        self._workspace.editor.undo()

    def redo(self) -> None:
        self._workspace.editor.redo()

    # Slices

    def goToSlice(self, index: int) -> None:
        self._workspace.logic.goToSlice(int(index))

    def goToNextSlice(self) -> None:
        self._workspace.logic.goToNextSlice()

    def toggleLock(self, index: int | None = None) -> None:
        """Lock or unlock a slice; the one that is seen, if none is named."""
        logic = self._workspace.logic
        here = logic.state.currentSlice if index is None else int(index)
        if here is not None:
            logic.toggleLock(here)

    def toggleChange(self) -> None:
        logic = self._workspace.logic
        logic.showLastChange(not logic.state.isShowingChange)

    # Segments

    def addSegment(self) -> None:
        self._workspace.addSegment()

    def selectSegment(self, identifier: str) -> None:
        self._workspace.editor.select(str(identifier))

    def renameSegment(self, identifier: str, name: str) -> None:
        self._workspace.segments.rename(str(identifier), str(name))

    def paintSegment(self, identifier: str, colour: str) -> None:
        self._workspace.segments.paint(str(identifier), colourFromText(str(colour)))

    def showSegment(self, identifier: str, isVisible: bool) -> None:
        self._workspace.segments.show(str(identifier), bool(isVisible))

    def deleteSegment(self, identifier: str) -> None:
        self._workspace.deleteSegment(str(identifier))

    # Views

    def scroll(self, viewName: str, value: float) -> None:
        if viewName in SLICES:
            self._tab.stage.scroll(viewName, float(value))

    def fitViews(self) -> None:
        self._tab.stage.fit()

    def toggleCrosshair(self) -> None:
        self._tab.stage.showCrosshair(not self._tab.stage.hasCrosshair)

    def dragWindow(self, isOn: bool) -> None:
        """Let the left button change window and level in place of clicking, or not."""
        self._tab.stage.dragWindow(bool(isOn))
        for mouse in self._tab.mice.values():
            mouse.isOn = not isOn

    # Options

    def setOption(self, name: str, value: Any) -> None:
        """Change one option of the effect."""
        logic = self._workspace.logic
        logic.setOptions(logic.options.with_(**{name: checkedOption(name, value)}))


def checkedOption(name: str, value: Any) -> Any:
    """Return a value that an option may have.

    Raises:
        AppError: There is no such option, or no such value.
    """
    choices = {"preset": _PRESETS, "device": _DEVICES, "range": RANGES, "window": WINDOWS}
    default = getattr(EffectOptions(), name, None) if name in vars(EffectOptions()) else None
    if isinstance(default, bool):
        return bool(value)
    if name == "sliceCount" and str(value).isdigit():
        return min(max(1, int(value)), _MOST_SLICES)
    if name in ("windowLow", "windowHigh"):
        return str(value)[:32].strip()
    if name in choices and value in choices[name]:
        return value
    raise AppError(f"{value!r:.40} is no choice here.")
