"""The fusion strip: one cell a slice, painted; a click goes there, Ctrl or right click locks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
from slicer.i18n import tr as _

from .PanelState import StripCell
from .StripLayout import (
    LOCKED_COLOUR,
    PROMPTED_COLOUR,
    Bar,
    Colour,
    StripLayout,
    colourOf,
    gapOf,
    heightOf,
    textOf,
)

HEIGHT = 46
MARKS_HEIGHT = 10
"""Of the row above the bars, with a dot for every clicked slice."""
LOCKS_HEIGHT = 4
"""Of the row below the bars, with a line for every locked slice."""
_GROUND, _PALE = 40, 70  # opacity, of 255

SliceCallback = Callable[[int], None]


class FusionStrip:
    """Paints the strip into a label and tells which slice was clicked.

    A painted label with an event filter, and no subclass of QWidget: this way works alike in
    every PythonQt.
    """

    def __init__(self, onGoTo: SliceCallback, onToggleLock: SliceCallback) -> None:
        self._onGoTo, self._onToggleLock = onGoTo, onToggleLock
        self._cells: Sequence[StripCell] = ()
        self._currentSlice: int | None = None
        self._isShowingChange = False
        self._layout = StripLayout((), 1)
        self.widget = qt.QLabel()
        self.widget.setFixedHeight(HEIGHT)
        self.widget.setMinimumWidth(80)
        self.widget.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self.widget.setMouseTracking(True)
        self._events = _Events()
        self._events.strip = self
        self.widget.installEventFilter(self._events)

    def show(
        self, cells: Sequence[StripCell], currentSlice: int | None, isShowingChange: bool
    ) -> None:
        """Paint what differs from what is painted."""
        now = (cells, currentSlice, isShowingChange)
        if now == (self._cells, self._currentSlice, self._isShowingChange):
            return
        self._cells, self._currentSlice, self._isShowingChange = now
        self.paint()

    def cleanup(self) -> None:
        """Hear no more events."""
        self.widget.removeEventFilter(self._events)
        self._events.strip = None

    def paint(self) -> None:
        """Paint everything anew, for the label's width."""
        width = max(1, self.widget.width)
        ratio = _pixelRatio(self.widget)
        self._layout = StripLayout(self._cells, width)
        pixmap = qt.QPixmap(round(width * ratio), round(HEIGHT * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(qt.QColor(0, 0, 0, 0))
        painter = qt.QPainter()
        painter.begin(pixmap)
        try:
            self._paintAll(painter, width)
        finally:
            painter.end()
        self.widget.setPixmap(pixmap)

    def pressed(self, x: int, isOther: bool) -> None:
        """A cell was clicked; `isOther` with the right button or Ctrl."""
        cell = self._layout.cellAt(x)
        if cell is None:
            return
        (self._onToggleLock if isOther else self._onGoTo)(cell.sliceIndex)

    def dragged(self, x: int) -> None:
        """The left button is held and moves: go along."""
        cell = self._layout.cellAt(x)
        if cell is not None and cell.sliceIndex != self._currentSlice:
            self._onGoTo(cell.sliceIndex)

    def hovered(self, x: int) -> None:
        """Tell of the cell under the mouse."""
        cell = self._layout.cellAt(x)
        if cell is None:
            self.widget.toolTip = _("The slices will stand here, once there is a click.")
            return
        hint = _("Click: go there. Ctrl+click or right click: lock or unlock.")
        self.widget.toolTip = f"{textOf(cell)}\n{hint}"

    def _paintAll(self, painter: qt.QPainter, width: int) -> None:
        bottom = HEIGHT - LOCKS_HEIGHT
        ground = qt.QColor(128, 128, 128, _GROUND)
        painter.fillRect(qt.QRect(0, MARKS_HEIGHT, width, bottom - MARKS_HEIGHT), ground)
        for bar in self._layout.bars:
            self._paintBar(painter, bar, bottom)
        painter.setRenderHint(qt.QPainter.Antialiasing)
        for bar in self._layout.bars:
            if bar.isPrompted:
                _paintDot(painter, _within(bar.left + bar.width // 2, width))
        if self._currentSlice is not None and self._cells:
            self._paintCurrent(painter, self._layout.centreOf(self._currentSlice), width)

    def _paintBar(self, painter: qt.QPainter, bar: Bar, bottom: int) -> None:
        width = bar.width - gapOf(bar)
        height = max(1, round(heightOf(bar.cell) * (bottom - MARKS_HEIGHT)))
        isPale = self._isShowingChange and not bar.cell.isChanged
        colour = _colour(colourOf(bar.cell), _PALE if isPale else 255)
        painter.fillRect(qt.QRect(bar.left, bottom - height, width, height), colour)
        if bar.isLocked:
            lock = qt.QRect(bar.left, bottom + 1, width, LOCKS_HEIGHT - 1)
            painter.fillRect(lock, _colour(LOCKED_COLOUR))

    def _paintCurrent(self, painter: qt.QPainter, x: int, width: int) -> None:
        """A line through the slice that is seen, with a handle on top of it."""
        colour = self.widget.palette.color(qt.QPalette.WindowText)
        painter.fillRect(qt.QRect(x, 2, 1, HEIGHT - 2), colour)
        painter.fillRect(qt.QRect(_within(x, width) - 3, 0, 7, 2), colour)


class _Events(qt.QObject):
    """Hands the label's events to the strip."""

    strip: FusionStrip | None = None

    def eventFilter(self, _watched, event) -> bool:
        if self.strip is None:
            return False
        kind = event.type()
        if kind == qt.QEvent.Resize:
            self.strip.paint()
        elif kind == qt.QEvent.MouseButtonPress:
            isCtrl = bool(event.modifiers() & qt.Qt.ControlModifier)
            isOther = isCtrl or event.button() == qt.Qt.RightButton
            self.strip.pressed(_column(event), isOther)
            return True
        elif kind == qt.QEvent.MouseMove:
            self.strip.hovered(_column(event))
            if event.buttons() == qt.Qt.LeftButton and event.modifiers() == qt.Qt.NoModifier:
                self.strip.dragged(_column(event))
        return False


def _pixelRatio(widget: qt.QLabel) -> float:
    """Pixels of the screen per pixel of Qt; 1 where PythonQt does not wrap the call."""
    ask = getattr(widget, "devicePixelRatioF", None)
    return 1.0 if ask is None else float(ask())


def _column(event) -> int:
    """Where the mouse is, in pixels from the left; Qt 6 has another name for it than Qt 5."""
    point = event.position() if hasattr(event, "position") else event.pos()
    return int(point.x())


def _paintDot(painter: qt.QPainter, x: int) -> None:
    painter.setPen(qt.QPen(qt.QColor(255, 255, 255)))
    painter.setBrush(qt.QBrush(_colour(PROMPTED_COLOUR)))
    painter.drawEllipse(qt.QRect(x - 3, 2, 6, 6))


def _within(x: int, width: int) -> int:
    """Keep a sign of seven pixels inside of the strip."""
    return min(max(x, 3), width - 4)


def _colour(colour: Colour, opacity: int = 255) -> qt.QColor:
    return qt.QColor(*colour, opacity)
