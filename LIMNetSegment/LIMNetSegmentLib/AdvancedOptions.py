"""The options that are seldom changed: networks, device, range, fusion, intensities, locks."""

from __future__ import annotations

import sys
from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from .Connections import Connections
from .Parameter import AUTOMATIC, COUNT, GIVEN, UNTIL_END, VIEW, WHOLE, EffectOptions

_MOST_SLICES = 9999
_WRONG = "color: #d9534f"


class AdvancedOptions:
    """A form; `onChanged` is called when the user changed something in it."""

    def __init__(self, onChanged: Callable[[], None]) -> None:
        self._connections = Connections()
        self.widget = qt.QFrame()
        self._form = qt.QFormLayout(self.widget)
        self._form.setContentsMargins(8, 2, 0, 4)
        self.preset = _choices(
            (_("Light, comes with the extension"), "light"),
            (_("Paper, from imported weights"), "paper"),
        )
        self.device = _choices(*_devices())
        self.deviceText = qt.QLabel()
        self.deviceText.setWordWrap(True)
        self.range = _choices(
            (_("To the ends of the object"), UNTIL_END),
            (_("Through the whole volume"), WHOLE),
            (_("A number of slices each way"), COUNT),
        )
        self.sliceCount = qt.QSpinBox()
        self.sliceCount.setRange(1, _MOST_SLICES)
        self.fusion = qt.QCheckBox(_("Keep the better of old and new"))
        self.window = _choices(
            (_("Automatic"), AUTOMATIC), (_("As in the view"), VIEW), (_("From, to:"), GIVEN)
        )
        self.windowLow, self.windowHigh = qt.QLineEdit(), qt.QLineEdit()
        self.lockEdited = qt.QCheckBox(_("Lock slices edited by hand"))
        self._addRows()
        self._addToolTips()
        self._connect(onChanged)

    def show(self, options: EffectOptions, deviceText: str) -> None:
        """Show options; nothing is reported as changed."""
        for box, value in (
            (self.preset, options.preset),
            (self.device, options.device),
            (self.range, options.range),
            (self.window, options.window),
        ):
            _quietly(box, lambda box=box, value=value: _select(box, value))
        _quietly(self.sliceCount, lambda: self.sliceCount.setValue(options.sliceCount))
        _quietly(self.fusion, lambda: self.fusion.setChecked(options.fusion))
        _quietly(self.lockEdited, lambda: self.lockEdited.setChecked(options.lockEdited))
        for line, text in (
            (self.windowLow, options.windowLow),
            (self.windowHigh, options.windowHigh),
        ):
            if line.text != text:
                _quietly(line, lambda line=line, text=text: line.setText(text))
            line.setVisible(options.window == GIVEN)
            line.setStyleSheet("" if options.givenWindow else _WRONG)
        self.sliceCount.setVisible(options.range == COUNT)
        self.deviceText.setText(deviceText)
        self.deviceText.setVisible(bool(deviceText))

    def read(self, options: EffectOptions) -> EffectOptions:
        """Return the options with what is chosen here."""
        return options.with_(
            preset=_chosen(self.preset),
            device=_chosen(self.device),
            range=_chosen(self.range),
            sliceCount=int(self.sliceCount.value),
            fusion=bool(self.fusion.checked),
            window=_chosen(self.window),
            windowLow=self.windowLow.text.strip(),
            windowHigh=self.windowHigh.text.strip(),
            lockEdited=bool(self.lockEdited.checked),
        )

    def addRow(self, label: str, widget: qt.QWidget) -> None:
        """Add something of others to the form."""
        self._form.addRow(label, widget)

    def cleanup(self) -> None:
        """Hear no more of the widgets."""
        self._connections.removeAll()

    def _addRows(self) -> None:
        self._form.addRow(_("Networks:"), self.preset)
        self._form.addRow(_("Device:"), self.device)
        self._form.addRow("", self.deviceText)
        self._form.addRow(_("Range:"), _row(self.range, self.sliceCount))
        self._form.addRow(_("Fusion:"), self.fusion)
        self._form.addRow(_("Intensities:"), _row(self.window, self.windowLow, self.windowHigh))
        self._form.addRow(_("Locks:"), self.lockEdited)

    def _addToolTips(self) -> None:
        self.range.setToolTip(_("How far a round goes from the slices that were clicked."))
        self.fusion.setToolTip(
            _(
                "From the second round on a third network compares the new mask of every slice "
                "with the one before, and the better one stays. Off: the new one always stays."
            )
        )
        self.window.setToolTip(
            _(
                "The intensities that the networks see. Automatic looks at the kind of image and "
                "at what lies around the first click. A session keeps what it began with."
            )
        )
        self.lockEdited.setToolTip(
            _("Rounds leave a locked slice as it is. Slices are also locked in the strip.")
        )

    def _connect(self, onChanged: Callable[[], None]) -> None:
        for box in (self.preset, self.device, self.range, self.window):
            self._connections.add(box, "currentIndexChanged(int)", lambda _index: onChanged())
        for check in (self.fusion, self.lockEdited):
            self._connections.add(check, "toggled(bool)", lambda _on: onChanged())
        self._connections.add(self.sliceCount, "valueChanged(int)", lambda _value: onChanged())
        for line in (self.windowLow, self.windowHigh):
            line.setMaximumWidth(70)
            self._connections.add(line, "editingFinished()", onChanged)


def _devices() -> list[tuple[str, str]]:
    gpu = [(_("GPU of this Mac"), "mps")] if sys.platform == "darwin" else [("NVIDIA GPU", "cuda")]
    return [(_("Automatic"), "auto"), *gpu, (_("CPU, slower"), "cpu")]


def _choices(*choices: tuple[str, str]) -> qt.QComboBox:
    """A box of texts, each with the value that it stands for."""
    box = qt.QComboBox()
    for text, value in choices:
        box.addItem(text, value)
    box.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
    return box


def _chosen(box: qt.QComboBox) -> str:
    return str(box.itemData(box.currentIndex))


def _select(box: qt.QComboBox, value: str) -> None:
    """Choose a value; one that is unknown here, such as cuda:1, gets a line of its own."""
    if box.findData(value) < 0:
        box.addItem(value, value)
    box.setCurrentIndex(box.findData(value))


def _quietly(widget: qt.QWidget, change: Callable[[], None]) -> None:
    """Change a widget without a signal."""
    was = widget.blockSignals(True)
    change()
    widget.blockSignals(was)


def _row(*widgets: qt.QWidget) -> qt.QWidget:
    """Widgets beside each other; the first one takes what is left."""
    frame = qt.QWidget()
    layout = qt.QHBoxLayout(frame)
    layout.setContentsMargins(0, 0, 0, 0)
    for number, widget in enumerate(widgets):
        layout.addWidget(widget, 0 if number else 1)
    return frame
