"""Pictures of the editor beside its views, as the application's window would show them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QImage, QPainter, QPen

from Testing.slicer.python_qt import application, grab, let_qt_work
from Testing.slicer.slice_view import SliceView

PANEL_WIDTH, BAR, GAP = 372, 22, 3
WINDOW, VIEW_EDGE, TEXT = QColor("#2b2d30"), QColor("#101113"), QColor("#e6e6e6")
BARS = {"Red": "#f34a33", "Yellow": "#edd54c", "Green": "#6eb04b"}
OFFSETS = {"Axial": "S", "Sagittal": "R", "Coronal": "A"}  # towards which the offset grows
STYLE = """
* { font-family: "DejaVu Sans"; font-size: 12px; color: #e6e6e6; }
QWidget { background: #2b2d30; }
QGroupBox { border: 1px solid #45484d; border-radius: 4px; margin-top: 16px; padding-top: 4px; }
QGroupBox::title { subcontrol-origin: margin; left: 8px; color: #aeb4bd; }
QPushButton, QToolButton { background: #3c3f44; border: 1px solid #55595f; border-radius: 4px;
    padding: 4px 9px; }
QPushButton:disabled, QToolButton:disabled, QLabel:disabled, QCheckBox:disabled { color: #7b8087; }
QPushButton:checked, QToolButton:checked { background: #35608f; border-color: #4b86c6; }
QToolButton[autoRaise="true"] { background: transparent; border: none; }
QProgressBar { background: #1e1f22; border: 1px solid #45484d; border-radius: 4px;
    text-align: center; }
QProgressBar::chunk { background: #35608f; border-radius: 3px; }
QListView, QListWidget, QTreeWidget, QTableWidget, QLineEdit, QComboBox, QSpinBox,
QDoubleSpinBox { background: #1e1f22; border: 1px solid #45484d; border-radius: 3px;
    selection-background-color: #35608f; }
QCheckBox::indicator { width: 11px; height: 11px; border: 1px solid #7b8087; border-radius: 3px;
    background: #1e1f22; }
QCheckBox::indicator:checked { background: #4b86c6; border-color: #9cc3ee; }
QHeaderView::section { background: #34373b; border: none; padding: 3px; }
"""


def dress(editor: Any, height: int = 660) -> None:
    """Give an editor the application's look and the size of its place in the window."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for file in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        QFontDatabase.addApplicationFont(str(folder / file))
    application().setStyle("Fusion")
    editor.setStyleSheet(STYLE)
    editor.resize(PANEL_WIDTH, height)
    editor.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    editor.show()  # only shown widgets are laid out as they will look
    let_qt_work()


def undress(editor: Any) -> None:
    """Take the look off again."""
    editor.hide()
    editor.setStyleSheet("")


def window_picture(
    editor: Any, views: Sequence[SliceView], path: Path | str | None = None
) -> QImage:
    """Return the editor on the left, then the first view, then the others one below the other.

    Args:
        editor: The segment editor; `dress` it before.
        views: One large view, and small ones whose heights make up the large one's.
        path: Where to write a PNG, if anywhere.
    """
    large, small = views[0], views[1:]
    size = large.window.GetSize()
    column = max((view.window.GetSize()[0] for view in small), default=0)
    width = PANEL_WIDTH + GAP + size[0] + (GAP + column if small else 0) + GAP
    height = size[1] + BAR + 2 * GAP
    editor.resize(PANEL_WIDTH, height - 2 * GAP)
    let_qt_work()
    picture = QImage(width, height, QImage.Format.Format_RGB888)
    picture.fill(WINDOW)
    painter = QPainter(picture)
    painter.drawImage(0, GAP, grab(editor))
    _draw_view(painter, large, PANEL_WIDTH + GAP, GAP)
    top = GAP
    for view in small:
        _draw_view(painter, view, PANEL_WIDTH + 2 * GAP + size[0], top)
        top += view.window.GetSize()[1] + BAR + GAP
    painter.end()
    if path is not None:
        assert picture.save(str(path))
    return picture


def small_height(large: int, count: int = 2) -> int:
    """Return the height of the small views beside a large one."""
    return (large + BAR - GAP * (count - 1)) // count - BAR


def _draw_view(painter: QPainter, view: SliceView, left: int, top: int) -> None:
    pixels = view.pixels()
    rows, columns, _ = pixels.shape
    _draw_bar(painter, view, QRect(left, top, columns, BAR))
    image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
    painter.drawImage(left, top + BAR, image)
    painter.setPen(QPen(VIEW_EDGE))
    painter.drawRect(left, top, columns - 1, rows + BAR - 1)


def _draw_bar(painter: QPainter, view: SliceView, place: QRect) -> None:
    """Draw the coloured heading: the view's letter and where its slice stands."""
    painter.fillRect(place, QColor(BARS.get(view.name, "#8f8f8f")))
    painter.setPen(QColor("#1b1b1b"))
    painter.setFont(QFont("DejaVu Sans", 8, QFont.Weight.Bold))
    orientation = view.node.GetOrientation()
    text = f"{view.name[:1]}    {orientation}"
    painter.drawText(place.adjusted(8, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)
    offset = f"{OFFSETS.get(orientation, '')} {view.node.GetSliceOffset():.1f} mm"
    right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    painter.drawText(place.adjusted(0, 0, -8, 0), right, offset.strip())
