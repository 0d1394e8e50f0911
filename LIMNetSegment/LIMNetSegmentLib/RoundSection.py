"""The part of the panel about rounds: start, progress, cancel, and what becomes of half a round."""

from __future__ import annotations

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from .Connections import Connections
from .EffectLogic import EffectLogic
from .PanelState import PanelState
from .Parameter import EffectOptions


class RoundSection:
    """One row of which always that part is seen that makes sense now."""

    def __init__(self, logic: EffectLogic, onAutomatic: Callable[[bool], None]) -> None:
        self._connections = Connections()
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.propagateButton = qt.QPushButton(_("Propagate"))
        self.propagateButton.setToolTip(
            _("Carries the object from the clicked slices through the others. Key Enter.")
        )
        self.automaticCheck = qt.QCheckBox(_("after each click"))
        self.automaticCheck.setToolTip(_("Begins a round by itself after every click."))
        self.progress = qt.QProgressBar()
        self.cancelButton = qt.QPushButton(_("Cancel"))
        self.keepButton = qt.QPushButton()
        self.backButton = qt.QPushButton(_("Go back"))
        self.backButton.setToolTip(_("Leaves everything as it was before this round."))
        self.resumeLabel = qt.QLabel(_("Slicer ended unexpectedly while you worked on this."))
        self.resumeLabel.setWordWrap(True)
        self.resumeButton = qt.QPushButton(_("Bring it back"))
        self.dismissButton = qt.QPushButton(_("Begin anew"))
        self._start = _addRow(layout, self.propagateButton, self.automaticCheck)
        self._running = _addRow(layout, self.progress, self.cancelButton)
        self._asking = _addRow(layout, self.keepButton, self.backButton)
        self._resuming = _addRow(layout, self.resumeLabel, self.resumeButton, self.dismissButton)
        add = self._connections.add
        add(self.propagateButton, "clicked()", logic.propagate)
        add(self.cancelButton, "clicked()", lambda: logic.cancel())
        add(self.keepButton, "clicked()", logic.keepPartial)
        add(self.backButton, "clicked()", logic.goBack)
        add(self.resumeButton, "clicked()", logic.resumeAfterCrash)
        add(self.dismissButton, "clicked()", logic.dismissResume)
        add(self.automaticCheck, "toggled(bool)", onAutomatic)

    def show(self, state: PanelState, options: EffectOptions) -> None:
        """Show where the round stands."""
        self._resuming.setVisible(state.canResume)
        self._asking.setVisible(state.isAskingPartial)
        self._running.setVisible(state.isRoundRunning)
        self._start.setVisible(not (state.isRoundRunning or state.isAskingPartial))
        self.propagateButton.setEnabled(state.canPropagate)
        self.keepButton.setText(_("Keep {n} slices").format(n=state.done))
        self.progress.setRange(0, state.total)
        self.progress.setValue(state.done)
        self.progress.setFormat(_("{n} slices").format(n=f"%v / {state.total}"))
        was = self.automaticCheck.blockSignals(True)
        self.automaticCheck.setChecked(options.automatic)
        self.automaticCheck.blockSignals(was)

    def cleanup(self) -> None:
        """Hear no more of the buttons."""
        self._connections.removeAll()


def _addRow(layout: qt.QVBoxLayout, first: qt.QWidget, *others: qt.QWidget) -> qt.QWidget:
    """Add widgets beside each other; the first one takes what is left."""
    frame = qt.QWidget()
    row = qt.QHBoxLayout(frame)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(first, 1)
    for widget in others:
        row.addWidget(widget)
    layout.addWidget(frame)
    return frame
