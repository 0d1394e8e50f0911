"""The part of the panel about slices: the fusion strip, what to check next, locks, what changed."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from .Connections import Connections
from .EffectLogic import EffectLogic
from .FusionStrip import FusionStrip
from .PanelState import PanelState, StripCell
from .StripLayout import LOCKED_COLOUR, PROMPTED_COLOUR, Colour, legendOf, textOf

_MOST_LEGEND = 6
_SQUARE, _DISC, _LINE = "&#9632;", "&#9679;", "&#9644;"


class SliceSection:
    """The strip, a line about the slice that is seen, and three buttons."""

    def __init__(self, logic: EffectLogic) -> None:
        self._logic = logic
        self._connections = Connections()
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        self.strip = FusionStrip(logic.goToSlice, logic.toggleLock)
        self.sliceLabel = qt.QLabel()
        self.sliceLabel.setWordWrap(True)
        self.legend = qt.QLabel()
        self.legend.setWordWrap(True)
        self.nextButton = qt.QPushButton(_("Next to check"))
        self.nextButton.setToolTip(_("Goes to the slice that is least certain. Key C."))
        self.lockButton = qt.QPushButton(_("Lock"))
        self.lockButton.setCheckable(True)
        self.lockButton.setToolTip(_("Rounds leave this slice as it is. Key L."))
        self.changeButton = qt.QPushButton(_("Show changes"))
        self.changeButton.setCheckable(True)
        self.changeButton.setToolTip(_("Shows in the views what the last round changed. Key D."))
        buttons = qt.QHBoxLayout()
        for button in (self.nextButton, self.lockButton, self.changeButton):
            buttons.addWidget(button)
        for part in (self.strip.widget, self.legend, self.sliceLabel):
            layout.addWidget(part)
        layout.addLayout(buttons)
        self._connections.add(self.nextButton, "clicked()", logic.goToNextSlice)
        self._connections.add(self.lockButton, "clicked()", self.toggleLock)
        self._connections.add(self.changeButton, "clicked()", self.toggleChange)

    def show(self, state: PanelState) -> None:
        """Show the slices."""
        self.strip.show(state.cells, state.currentSlice, state.isShowingChange)
        cell = _currentCell(state)
        self.sliceLabel.setText(textOf(cell) if cell else _noSliceText(state))
        self.legend.setText(_legendText(state))
        self.legend.setVisible(bool(state.cells))
        self.nextButton.setEnabled(state.nextSlice is not None)
        self.lockButton.setEnabled(cell is not None)
        self.lockButton.setChecked(cell is not None and cell.isLocked)
        self.lockButton.setText(_("Unlock") if cell is not None and cell.isLocked else _("Lock"))
        self.changeButton.setEnabled(bool(state.changedSlices))
        self.changeButton.setChecked(state.isShowingChange)

    def toggleLock(self) -> None:
        """Lock the slice that is seen, or unlock it."""
        index = self._logic.state.currentSlice
        if index is not None:
            self._logic.toggleLock(index)

    def toggleChange(self) -> None:
        """Show what the last round changed, or hide it."""
        self._logic.showLastChange(not self._logic.state.isShowingChange)

    def cleanup(self) -> None:
        """Hear no more of the widgets."""
        self.strip.cleanup()
        self._connections.removeAll()


def _currentCell(state: PanelState) -> StripCell | None:
    index = state.currentSlice
    if index is None or not 0 <= index < len(state.cells):
        return None
    return state.cells[index]


def _noSliceText(state: PanelState) -> str:
    if not state.cells:
        return _("Every slice will have its place here, after the first click.")
    return _("No view shows this plane.")


def _legendText(state: PanelState) -> str:
    """Coloured signs with the names of what they stand for."""
    entries = [(_SQUARE, *entry) for entry in legendOf(state.cells)[-_MOST_LEGEND:]]
    if any(cell.isPrompted for cell in state.cells):
        entries.append((_DISC, PROMPTED_COLOUR, _("clicked")))
    if any(cell.isLocked for cell in state.cells):
        entries.append((_LINE, LOCKED_COLOUR, _("locked")))
    return "&nbsp; ".join(_entry(*entry) for entry in entries)


def _entry(sign: str, colour: Colour, name: str) -> str:
    red, green, blue = colour
    words = name.replace(" ", "&nbsp;")
    return f'<span style="color:#{red:02x}{green:02x}{blue:02x}">{sign}</span>&nbsp;{words}'
