"""What is shown where the engine cannot run yet: what is missing, how large, and one button."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from .Connections import Connections
from .InstallLogic import InstallLogic

_FAILURE_HEIGHT = 120

ChooseFolder = Callable[[str], str]
"""Asks for a folder under a title; empty if the user left."""


def chooseFolder(title: str) -> str:
    """Ask for a folder."""
    return str(qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title))


class InstallPanel:
    """Tells what is missing and installs it on a click."""

    def __init__(
        self, logic: InstallLogic, onInstalled: Callable[[], None], choose: ChooseFolder
    ) -> None:
        self._logic, self._onInstalled, self._choose = logic, onInstalled, choose
        self._connections = Connections()
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.label = qt.QLabel()
        self.label.setWordWrap(True)
        self.installButton = qt.QPushButton(_("Download and install"))
        self.installButton.setToolTip(
            _(
                "Installs into this Slicer, by the extension PyTorch where it is there. numpy, "
                "SciPy, SimpleITK and VTK stay as they are. This takes some minutes."
            )
        )
        self.folderButton = qt.QPushButton(_("Install from a folder of wheels..."))
        self.folderButton.setToolTip(
            _("For computers without network: a folder filled with 'pip download' elsewhere.")
        )
        self.restartButton = qt.QPushButton(_("Restart Slicer"))
        self.failure = qt.QPlainTextEdit()
        self.failure.setReadOnly(True)
        self.failure.setMaximumHeight(_FAILURE_HEIGHT)
        for widget in (
            self.label,
            self.installButton,
            self.folderButton,
            self.restartButton,
            self.failure,
        ):
            layout.addWidget(widget)
        self._connections.add(self.installButton, "clicked()", self.install)
        self._connections.add(self.folderButton, "clicked()", self.installFromFolder)
        self._connections.add(self.restartButton, "clicked()", lambda: slicer.util.restart())

    def show(self) -> bool:
        """Look again at what is missing; return whether the engine can run."""
        logic = self._logic
        canInstall = not (logic.hindrance or logic.needsRestart or not logic.missing)
        self.label.setText(logic.sentence)
        self.installButton.setVisible(canInstall)
        self.folderButton.setVisible(canInstall)
        self.restartButton.setVisible(logic.needsRestart)
        self.failure.setVisible(bool(logic.failure))
        self.failure.setPlainText(logic.failure)
        return logic.isReady

    def install(self) -> None:
        """Download and install what is missing."""
        self._run(None)

    def installFromFolder(self) -> None:
        """Install what is missing from a folder that the user chooses."""
        folder = self._choose(_("Folder of wheels"))
        if folder:
            self._run(Path(folder))

    def cleanup(self) -> None:
        """Hear no more of the buttons."""
        self._connections.removeAll()

    def _run(self, wheels: Path | None) -> None:
        for button in (self.installButton, self.folderButton):
            button.setEnabled(False)
        self.label.setText(_("Installing; this takes some minutes..."))
        self.label.repaint()
        try:
            self._logic.install(wheels)
        finally:
            for button in (self.installButton, self.folderButton):
                button.setEnabled(True)
        self.show()
        self._onInstalled()
