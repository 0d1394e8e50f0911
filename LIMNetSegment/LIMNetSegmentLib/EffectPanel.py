"""The panel of the effect: it shows the logic's state, and hands on what the user does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
from slicer.i18n import tr as _

from .AdvancedOptions import AdvancedOptions
from .ClickSection import ClickSection
from .Connections import Connections
from .EffectLogic import EffectLogic
from .InstallLogic import InstallLogic
from .InstallPanel import InstallPanel, chooseFolder
from .PanelState import PanelState
from .PanelTexts import hintOf, planeTextOf
from .Parameter import EffectOptions
from .RoundSection import RoundSection
from .SessionFiles import SessionFiles
from .SliceSection import SliceSection
from .WeightsPanel import WeightsPanel

_ERROR_STYLE = "color: #d9534f"
_HEIGHT_OF_STATUS = 2.2  # lines, so that what stands below does not jump

OptionsCallback = Callable[[EffectOptions], None]


class EffectPanel:
    """All widgets of the effect; without engine it shows how to get it instead.

    `onOptions` is called with the options as the user changed them; where they are stored, and
    that the panel then shows them, is the effect's part. `onReady` is called when the engine was
    installed.
    """

    def __init__(
        self,
        logic: EffectLogic,
        install: InstallLogic,
        onOptions: OptionsCallback,
        onReady: Callable[[], None],
        dataFolder: Path,
    ) -> None:
        self._logic, self._onOptions, self._onReady = logic, onOptions, onReady
        self._connections = Connections()
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.status = qt.QLabel()
        self.status.setWordWrap(True)
        height = int(self.status.fontMetrics().height() * _HEIGHT_OF_STATUS)
        self.status.setMinimumHeight(height)
        self.status.setAlignment(qt.Qt.AlignTop)
        self.status.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Minimum)
        self.install = InstallPanel(install, self._installed, chooseFolder)
        self.clicks = ClickSection(logic, self._changePolarity)
        self.rounds = RoundSection(logic, self._changeAutomatic)
        self.slices = SliceSection(logic)
        self.advanced = AdvancedOptions(self._changeAdvanced)
        self.weights = WeightsPanel(dataFolder, self.showState)
        self.advanced.addRow(_("Weights:"), self.weights.widget)
        self.files = SessionFiles(logic)
        self.advanced.addRow(_("Session:"), self.files.widget)
        self.planeLabel = qt.QLabel()
        self.planeLabel.setWordWrap(True)
        self._work = qt.QWidget()
        work = qt.QVBoxLayout(self._work)
        work.setContentsMargins(0, 0, 0, 0)
        for section in (self.clicks, self.rounds, self.slices):
            work.addWidget(section.widget)
        work.addWidget(self.planeLabel)
        self.advancedButton = self._makeAdvancedButton()
        work.addWidget(self.advancedButton)
        work.addWidget(self.advanced.widget)
        for widget in (self.status, self.install.widget, self._work):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.isReady = False
        """Whether the engine can run, so that the effect takes clicks and keys."""
        self._sections = (
            *(self.clicks, self.rounds, self.slices),
            *(self.advanced, self.weights, self.files),
        )

    @property
    def statusText(self) -> str:
        """What the panel says to the user now, be it about the work or about the installation."""
        return self.status.text if self.isReady else self.install.label.text

    def showState(self) -> None:
        """Show the logic's state and options; look again whether the engine can run."""
        self.isReady = self.install.show()
        self.install.widget.setVisible(not self.isReady)
        self._work.setVisible(self.isReady)
        self.status.setVisible(self.isReady)
        if self.isReady:
            self._showWork(self._logic.state, self._logic.options)

    def showWork(self) -> None:
        """Show the logic's state and options, where the engine can run."""
        if self.isReady:
            self._showWork(self._logic.state, self._logic.options)

    def showError(self, error: Exception) -> None:
        """Show what went wrong where nobody expected it."""
        self.status.setText(_("Something went wrong: {error}").format(error=error))
        self.status.setStyleSheet(_ERROR_STYLE)

    def cleanup(self) -> None:
        """Hear no more of any widget."""
        for part in (*self._sections, self.install):
            part.cleanup()
        self._connections.removeAll()

    def _installed(self) -> None:
        self.showState()
        if self.isReady:
            self._onReady()

    def _showWork(self, state: PanelState, options: EffectOptions) -> None:
        self.status.setText(state.statusText or hintOf(state))
        self.status.setStyleSheet(_ERROR_STYLE if state.isError else "")
        self.clicks.show(state, options)
        self.rounds.show(state, options)
        self.slices.show(state)
        self.files.show(state)
        self.advanced.show(options, state.deviceText)
        self.planeLabel.setText(planeTextOf(state))
        self.planeLabel.setVisible(bool(state.planeName))

    def _makeAdvancedButton(self) -> qt.QToolButton:
        button = qt.QToolButton()
        button.setText(_("Advanced"))
        button.setCheckable(True)
        button.setAutoRaise(True)
        button.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        button.setArrowType(qt.Qt.RightArrow)
        self.advanced.widget.setVisible(False)
        self._connections.add(button, "toggled(bool)", self._showAdvanced)
        return button

    def _showAdvanced(self, isOpen: bool) -> None:
        arrow = qt.Qt.DownArrow if isOpen else qt.Qt.RightArrow
        self.advancedButton.setArrowType(arrow)
        self.advanced.widget.setVisible(isOpen)

    def _changePolarity(self, isPositive: bool) -> None:
        self._onOptions(self._logic.options.with_(positive=isPositive))

    def _changeAutomatic(self, isOn: bool) -> None:
        self._onOptions(self._logic.options.with_(automatic=isOn))

    def _changeAdvanced(self) -> None:
        self._onOptions(self.advanced.read(self._logic.options))
