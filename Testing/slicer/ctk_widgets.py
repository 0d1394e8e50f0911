"""The widgets of CTK and MRML that an effect's panel may use, as small as can be."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from PySide6.QtCore import Qt, Signal

from Testing.slicer.python_qt import qt

ctk = ModuleType("ctk")


class ctkSliderWidget(qt.QDoubleSpinBox):
    """A number; the slider beside it is left out."""

    tracking = True


class ctkDoubleSpinBox(qt.QDoubleSpinBox):
    """A number."""


class ctkComboBox(qt.QComboBox):
    """A choice with a text for none."""

    defaultText = ""


class ctkCollapsibleButton(qt.QFrame):
    """A heading that hides what is laid out below it."""

    contentsCollapsed = Signal(bool)

    def __init__(self, text: Any = "", parent: Any = None) -> None:
        super().__init__(parent if isinstance(text, str) else text)
        self._heading = qt.QToolButton(self)
        self._heading.setObjectName("heading")
        self._heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heading.clicked.connect(lambda: setattr(self, "collapsed", not self.collapsed))
        self.text = text if isinstance(text, str) else ""
        self._collapsed = False
        self.flat = True
        self._turn_arrow()

    @property
    def text(self) -> str:
        """The heading."""
        return self._heading.text

    @text.setter
    def text(self, text: str) -> None:
        self._heading.text = text

    def setText(self, text: str) -> None:
        """Set the heading."""
        self.text = text

    def setLayout(self, layout: Any) -> None:
        """Lay the contents out below the heading."""
        layout.setMenuBar(self._heading)
        super().setLayout(layout)

    @property
    def collapsed(self) -> bool:
        """Whether the contents are hidden."""
        return self._collapsed

    @collapsed.setter
    def collapsed(self, collapsed: bool) -> None:
        if bool(collapsed) == self._collapsed:
            return
        self._collapsed = bool(collapsed)
        for child in self.findChildren(qt.QWidget.qt_class, options=Qt.FindDirectChildrenOnly):
            if child is not self._heading:
                child.setVisible(not self._collapsed)
        self._turn_arrow()
        self.contentsCollapsed.emit(self._collapsed)

    def _turn_arrow(self) -> None:
        arrow = Qt.ArrowType.RightArrow if self._collapsed else Qt.ArrowType.DownArrow
        self._heading.setArrowType(arrow)


class ctkRangeWidget(qt.QFrame):
    """Two numbers of which the first is not larger."""

    valuesChanged = Signal(float, float)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._low, self._high = qt.QDoubleSpinBox(), qt.QDoubleSpinBox()
        for box in (self._low, self._high):
            layout.addWidget(box)
            box.valueChanged.connect(lambda _: self._tell())

    def setRange(self, low: float, high: float) -> None:
        """Set what may be chosen."""
        for box in (self._low, self._high):
            box.setRange(low, high)

    def setValues(self, low: float, high: float) -> None:
        """Set both numbers."""
        for box, value in ((self._low, low), (self._high, high)):
            was = box.blockSignals(True)
            box.value = value
            box.blockSignals(was)
        self._tell()

    def _tell(self) -> None:
        self.valuesChanged.emit(self.minimumValue, self.maximumValue)

    @property
    def minimumValue(self) -> float:
        """The first number."""
        return self._low.value

    @minimumValue.setter
    def minimumValue(self, value: float) -> None:
        self._low.value = value

    @property
    def maximumValue(self) -> float:
        """The second number."""
        return self._high.value

    @maximumValue.setter
    def maximumValue(self, value: float) -> None:
        self._high.value = value


class ctkPathLineEdit(qt.QLineEdit):
    """A path."""

    Files, Dirs, Writable, Readable = 2, 1, 64, 16
    currentPathChanged = Signal(str)
    filters = 0

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.textChanged.connect(self.currentPathChanged)

    @property
    def currentPath(self) -> str:
        """The path as text."""
        return self.text

    @currentPath.setter
    def currentPath(self, path: str) -> None:
        self.text = path


class _KnowsScene:
    quantity = ""
    unitAwareProperties = 0
    MinimumValue, MaximumValue, Precision, Suffix, Prefix = 1, 2, 4, 8, 16

    def setMRMLScene(self, scene: Any) -> None:
        """Take the scene."""
        self.scene = scene


class qMRMLSliderWidget(_KnowsScene, ctkSliderWidget):
    """A number with a unit of the scene."""


class qMRMLSpinBox(_KnowsScene, ctkDoubleSpinBox):
    """A number with a unit of the scene."""


class qMRMLNodeComboBox(_KnowsScene, qt.QComboBox):
    """A choice among nodes; the nodes are given to it."""

    currentNodeChanged = Signal(object)
    nodeTypes: tuple[str, ...] = ()
    noneEnabled = addEnabled = removeEnabled = False

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Any = None

    def currentNode(self) -> Any:
        """The node chosen."""
        return self._node

    def setCurrentNode(self, node: Any) -> None:
        """Choose a node."""
        if node is not self._node:
            self._node = node
            self.currentNodeChanged.emit(node)


CTK = (
    ctkSliderWidget,
    ctkDoubleSpinBox,
    ctkComboBox,
    ctkCollapsibleButton,
    ctkRangeWidget,
    ctkPathLineEdit,
)
MRML = (qMRMLSliderWidget, qMRMLSpinBox, qMRMLNodeComboBox)
for _class in CTK:
    setattr(ctk, _class.__name__, _class)
ctk.ctkDoubleSlider = ctkSliderWidget  # type: ignore[attr-defined]
ctk.ctkDoubleRangeSlider = ctkRangeWidget  # type: ignore[attr-defined]
