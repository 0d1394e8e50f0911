"""Sessions as files, in the panel: for the command line, for colleagues, and back again."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from .Connections import Connections
from .EffectLogic import EffectLogic
from .PanelState import PanelState
from .WeightsPanel import chooseFile

SUFFIX = ".limnet.zip"


class SessionFiles:
    """Two buttons: open a session for the selected segment, save the segment's."""

    def __init__(self, logic: EffectLogic) -> None:
        self._logic = logic
        self._connections = Connections()
        self.widget = qt.QWidget()
        layout = qt.QHBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.openButton = qt.QPushButton(_("Open..."))
        self.openButton.setToolTip(
            _("Goes on with a session from a file, in place of what the segment holds.")
        )
        self.saveButton = qt.QPushButton(_("Save..."))
        self.saveButton.setToolTip(
            _("Clicks, rounds and masks of this segment: limnet segment --session goes on with it.")
        )
        for button in (self.openButton, self.saveButton):
            layout.addWidget(button)
        self._connections.add(self.openButton, "clicked()", self.openFile)
        self._connections.add(self.saveButton, "clicked()", self.saveFile)

    def show(self, state: PanelState) -> None:
        """Show what can be done now."""
        self.openButton.setEnabled(state.isReady)
        self.saveButton.setEnabled(bool(state.clicks))

    def openFile(self) -> None:
        """Open a session that the user chooses."""
        path = chooseFile(_("Open a session"), f"*{SUFFIX} *.zip")
        if path:
            self._logic.openSession(Path(path))

    def saveFile(self) -> None:
        """Save the session where the user says."""
        path = str(
            qt.QFileDialog.getSaveFileName(
                slicer.util.mainWindow(), _("Save the session"), "", f"*{SUFFIX}"
            )
        )
        if path:
            self._logic.saveSession(Path(path if path.endswith(".zip") else path + SUFFIX))

    def cleanup(self) -> None:
        """Hear no more of the buttons."""
        self._connections.removeAll()
