"""Imported weights in the panel: what is there, taking in a file, converting, folder, removal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from .Connections import Connections
from .InstallPanel import chooseFolder
from .PublishedImport import PUBLISHED, PublishedImport
from .WeightsFolder import UnknownChecksumError, WeightsFolder, WeightsFolderError

SETTING = "LIMNet/WeightsFolder"
_POLL_MS = 200


class WeightsPanel:
    """One line of text and a menu."""

    def __init__(self, defaultHome: Path, onChanged: Callable[[], None]) -> None:
        self._onChanged = onChanged
        self._connections = Connections()
        self._import: PublishedImport | None = None
        self.folder = WeightsFolder(Path(qt.QSettings().value(SETTING) or defaultHome))
        self.folder.use()
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.label = qt.QLabel()
        self.label.setWordWrap(True)
        self.progress = qt.QProgressBar()
        self.progress.setVisible(False)
        self.button = qt.QPushButton(_("Weights"))
        for widget in (self.label, self.progress, self.button):
            layout.addWidget(widget)
        self.menu = qt.QMenu(self.button)
        self.button.setMenu(self.menu)
        self.actions = self._addActions()
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLL_MS)
        self._connections.add(self._timer, "timeout()", self._poll)
        self.show()

    def show(self, text: str = "") -> None:
        """Show a text, by default what lies in the folder."""
        self.label.setText(text or self.folder.sentence)
        self.widget.setToolTip(str(self.folder.models))
        self.actions["remove"].setEnabled(bool(self.folder.files))

    def addFile(self) -> None:
        """Take in a weights file that the user chooses."""
        path = chooseFile(_("Weights file"), "*.safetensors")
        if not path:
            return
        try:
            self._add(Path(path), isTrusted=False)
        except UnknownChecksumError as error:
            question = _("{fact}\n\nTake the file all the same?").format(fact=error)
            if slicer.util.confirmOkCancelDisplay(question, _("LIMNet weights")):
                self._add(Path(path), isTrusted=True)
        self.progress.setVisible(False)

    def convert(self, kind: str) -> None:
        """Convert published weights that the user chooses, in the background."""
        path = chooseFile(PUBLISHED[kind], "*.pth")
        if path and self._import is None:
            engine = Path(__file__).resolve().parents[1]
            if not (engine / "SlicerLIMNet").is_dir():
                engine = engine.parent  # in a checkout
            self._import = PublishedImport(kind, Path(path), self.folder.home, engine)
            self.progress.setRange(0, 0)
            self.progress.setVisible(True)
            self.show(_("Converting {name}...").format(name=Path(path).name))
            self._timer.start()

    def chooseHome(self) -> None:
        """Let the user choose where imported weights lie; what lies elsewhere stays there."""
        chosen = chooseFolder(_("Folder for imported weights"))
        if chosen:
            qt.QSettings().setValue(SETTING, chosen)
            self.folder = WeightsFolder(Path(chosen))
            self.folder.use()
            self._changed()

    def remove(self) -> None:
        """Remove imported weights, if the user agrees."""
        question = _("Remove {files} from {folder}?").format(
            files=", ".join(file.name for file in self.folder.files), folder=self.folder.models
        )
        if not slicer.util.confirmOkCancelDisplay(question, _("LIMNet weights")):
            return
        self._tried(lambda: self.folder.remove())

    def cleanup(self) -> None:
        """Stop what is under way, hear no more of widgets."""
        self._timer.stop()
        if self._import is not None:
            self._import.stop()
            self._import = None
        self._connections.removeAll()

    def _addActions(self) -> dict[str, qt.QAction]:
        actions = {}
        for key, text, slot in (
            ("add", _("Take in a weights file..."), self.addFile),
            ("ritm", _("Convert published RITM weights..."), lambda: self.convert("ritm")),
            ("xmem", _("Convert published XMem weights..."), lambda: self.convert("xmem")),
            ("home", _("Choose the folder..."), self.chooseHome),
            ("remove", _("Remove imported weights"), self.remove),
        ):
            actions[key] = qt.QAction(text, self.menu)
            self.menu.addAction(actions[key])
            self._connections.add(actions[key], "triggered()", slot)
        return actions

    def _add(self, path: Path, isTrusted: bool) -> None:
        self.progress.setVisible(True)
        self._tried(lambda: self.folder.add(path, isTrusted, self._report))

    def _report(self, done: int, total: int) -> None:
        """Painted at once: no event loop runs meanwhile."""
        self.progress.setRange(0, 100)
        self.progress.setValue(100 * done // max(1, total))
        self.progress.repaint()

    def _poll(self) -> None:
        running = self._import
        if running is None or running.isRunning:
            return
        self._timer.stop()
        self._import = None
        self.progress.setVisible(False)
        self._tried(running.result)

    def _tried(self, action: Callable[[], object]) -> None:
        """Do something with the folder and show what became of it."""
        try:
            action()
        except UnknownChecksumError:
            raise
        except WeightsFolderError as error:
            self.show(str(error))
        else:
            self._changed()

    def _changed(self) -> None:
        self.show()
        self._onChanged()


def chooseFile(title: str, pattern: str) -> str:
    """Ask for a file; empty if the user left."""
    chosen = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", pattern)
    return str(chosen[0] if isinstance(chosen, tuple) else chosen)
