"""The part of the panel about clicks: which sign they have, how many there are, taking one back."""

from __future__ import annotations

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from .Connections import Connections
from .EffectLogic import EffectLogic
from .PanelState import PanelState
from .PanelTexts import clicksTextOf
from .Parameter import EffectOptions

POSITIVE_COLOUR, NEGATIVE_COLOUR = "#28aa5c", "#d9483b"
_DOT = 12
_STYLE = "QPushButton:checked {{ background-color: {colour}; color: white; font-weight: bold; }}"


class ClickSection:
    """Two buttons of which one is down, and a line about the clicks."""

    def __init__(self, logic: EffectLogic, onPolarity: Callable[[bool], None]) -> None:
        self._logic = logic
        self._connections = Connections()
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.positiveButton = _signButton(
            _("Positive"),
            POSITIVE_COLOUR,
            _("Left click: the object is here. Ctrl+left click: it is not. Key N switches."),
        )
        self.negativeButton = _signButton(
            _("Negative"),
            NEGATIVE_COLOUR,
            _("Left click: the object is not here. Ctrl+left click: it is. Key N switches."),
        )
        self._group = qt.QButtonGroup(self.widget)
        signs = qt.QHBoxLayout()
        for button in (self.positiveButton, self.negativeButton):
            self._group.addButton(button)
            signs.addWidget(button)
        self.label = qt.QLabel()
        self.label.setWordWrap(True)
        self.removeButton = qt.QPushButton(_("Remove last click"))
        self.removeButton.setToolTip(
            _("Key Backspace: removes the click whose marker the mouse is at, else the last one.")
        )
        clicks = qt.QHBoxLayout()
        clicks.addWidget(self.label, 1)
        clicks.addWidget(self.removeButton)
        layout.addLayout(signs)
        layout.addLayout(clicks)
        add = self._connections.add
        add(self.positiveButton, "clicked()", lambda: onPolarity(True))
        add(self.negativeButton, "clicked()", lambda: onPolarity(False))
        add(self.removeButton, "clicked()", self.removeLast)

    def show(self, state: PanelState, options: EffectOptions) -> None:
        """Show the active sign and the clicks."""
        active = self.positiveButton if options.positive else self.negativeButton
        active.setChecked(True)
        self.label.setText(clicksTextOf(state.clicks))
        self.removeButton.setEnabled(bool(state.clicks))

    def removeLast(self) -> None:
        """Take back the newest click of the plane."""
        clicks = self._logic.state.clicks
        if clicks:
            self._logic.removeClick(clicks[-1].number)

    def cleanup(self) -> None:
        """Hear no more of the buttons."""
        self._connections.removeAll()


def _signButton(text: str, colour: str, toolTip: str) -> qt.QPushButton:
    button = qt.QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(toolTip)
    button.setIcon(_dot(colour))
    button.setStyleSheet(_STYLE.format(colour=colour))
    return button


def _dot(colour: str) -> qt.QIcon:
    """A disc in the colour of the markers."""
    pixmap = qt.QPixmap(_DOT, _DOT)
    pixmap.fill(qt.QColor(0, 0, 0, 0))
    painter = qt.QPainter()
    painter.begin(pixmap)
    painter.setRenderHint(qt.QPainter.Antialiasing)
    painter.setPen(qt.QPen(qt.QColor(255, 255, 255)))
    painter.setBrush(qt.QBrush(qt.QColor(colour)))
    painter.drawEllipse(qt.QRect(1, 1, _DOT - 2, _DOT - 2))
    painter.end()
    return qt.QIcon(pixmap)
