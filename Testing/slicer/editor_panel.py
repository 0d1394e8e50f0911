"""The panel of the Segment Editor as one sees it: segments, effects, undo, options."""

from __future__ import annotations

from typing import Any

from PySide6 import QtGui

from Testing.slicer.python_qt import qt


class EditorPanel:
    """The widgets inside a segment editor; it shows what the editor holds."""

    def __init__(self, editor: Any) -> None:
        self._editor = editor
        self._buttons: dict[str, Any] = {}
        layout = qt.QVBoxLayout(editor)
        self._names = qt.QFormLayout()
        self._segmentation, self._volume = qt.QComboBox(), qt.QComboBox()
        self._names.addRow("Segmentation:", self._segmentation)
        self._names.addRow("Source volume:", self._volume)
        layout.addLayout(self._names)
        self._segments = qt.QListWidget()
        self._segments.maximumHeight = 92
        layout.addWidget(self._segments)
        self._effects = qt.QHBoxLayout()
        layout.addLayout(self._effects)
        layout.addLayout(self._history())
        self._options = qt.QGroupBox("Options")
        self._options_layout = qt.QVBoxLayout(self._options)
        layout.addWidget(self._options)
        layout.addStretch(1)
        self._options.visible = False

    def _history(self) -> Any:
        row = qt.QHBoxLayout()
        self.undo_button, self.redo_button = qt.QPushButton("Undo"), qt.QPushButton("Redo")
        self.undo_button.connect("clicked()", self._editor.undo)
        self.redo_button.connect("clicked()", self._editor.redo)
        row.addStretch(1)
        row.addWidget(self.undo_button)
        row.addWidget(self.redo_button)
        return row

    def add(self, effect: Any) -> None:
        """Add the button and the options of an effect."""
        button = qt.QToolButton()
        button.checkable = True
        icon = self._editor.call(effect, "icon")
        if icon is not None:
            button.icon = icon
        button.toolTip = effect.title or effect.name
        button.text = effect.title or effect.name
        button.connect("clicked(bool)", lambda on: self._chosen(effect, on))
        self._buttons[effect.name] = button
        self._effects.addWidget(button)
        self._options_layout.addWidget(effect.optionsFrame())
        effect.optionsFrame().visible = False

    def _chosen(self, effect: Any, on: bool) -> None:
        self._editor.setActiveEffect(effect if on else None)

    def show_effect(self, active: Any) -> None:
        """Show the options of one effect and hide the others'."""
        for name, effect in self._editor.effects.items():
            effect.optionsFrame().visible = effect is active
            self._buttons[name].checked = effect is active
        self._options.visible = active is not None
        if active is not None:
            self._options.title = active.title or active.name

    def refresh(self) -> None:
        """Show the segments and whether there is something to undo."""
        self.undo_button.enabled = bool(self._editor.logic.CanUndo())
        self.redo_button.enabled = bool(self._editor.logic.CanRedo())
        self._segments.clear()
        segmentation = self._editor.segmentationNode()
        self._name(self._segmentation, segmentation)
        self._name(self._volume, self._editor.sourceVolumeNode())
        if segmentation is None:
            return
        segments = segmentation.GetSegmentation()
        for index in range(segments.GetNumberOfSegments()):
            self._add_segment(segments.GetNthSegmentID(index), segments.GetNthSegment(index))

    @staticmethod
    def _name(box: Any, node: Any) -> None:
        box.clear()
        box.addItem(node.GetName() if node else "None")

    def _add_segment(self, segment_id: str, segment: Any) -> None:
        swatch = QtGui.QPixmap(14, 14)
        swatch.fill(QtGui.QColor.fromRgbF(*segment.GetColor()))
        self._segments.addItem(qt.QListWidgetItem(QtGui.QIcon(swatch), segment.GetName()))
        if segment_id == self._editor.currentSegmentID():
            self._segments.setCurrentRow(self._segments.count - 1)
