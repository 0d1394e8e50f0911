"""The effect LIMNet of the Segment Editor: Slicer's calls, handed on to logic and panel."""

from __future__ import annotations

import logging
from pathlib import Path

import qt
import slicer
import vtk
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _

from . import PanelKeys
from .Connections import Connections
from .EffectLogic import EffectLogic
from .EffectPanel import EffectPanel
from .InstallLogic import InstallLogic, addEngineToPath
from .MrmlBridge import MrmlBridge
from .NeededPackages import Packages
from .PanelShortcuts import PanelShortcuts
from .Parameter import EffectOptions, readOptions, setDefaults, writeOptions
from .SessionDesk import sharedWorker
from .SlicerPackages import SlicerPackages

UNDO_STATES = 50
"""Of the segment editor, which has 10 by default: too few for clicks."""

_LOG = logging.getLogger(__name__)
_SLICE_WIDGET = "qMRMLSliceWidget"
_PRESSES = (vtk.vtkCommand.LeftButtonPressEvent, vtk.vtkCommand.LeftButtonDoubleClickEvent)


class SegmentEditorEffect(AbstractScriptedSegmentEditorEffect):
    """Segments a structure from a few clicks on slices, propagation and fusion."""

    def __init__(self, scriptedEffect):
        scriptedEffect.name = "LIMNet"  # never translated: it is the key of parameters
        scriptedEffect.title = _("LIMNet")
        scriptedEffect.perSegment = True
        scriptedEffect.requireSegments = True
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        self.logic = None  # made with the options frame: the prototype needs none
        self.panel = None
        self.timer = None
        self._connections = Connections()
        self._shortcuts = None
        self._isPressed = False

    # What the effect is

    def clone(self):
        import qSlicerSegmentationsEditorEffectsPythonQt as effects

        copy = effects.qSlicerSegmentEditorScriptedEffect(None)
        copy.setPythonSource(Path(__file__).as_posix())
        return copy

    def icon(self):
        return qt.QIcon(str(Path(__file__).with_suffix(".png")))

    def helpText(self):
        return _(
            "<html>Click the structure in any slice view, then press <b>Propagate</b>. Where the "
            "result is wrong, click there: Ctrl+left click says that the structure is <i>not</i> "
            "here. Then propagate again; slices that were better before stay.<p>"
            "Keys: <b>N</b> switches the sign of clicks, <b>Enter</b> propagates, <b>C</b> goes "
            "to the next slice to check, <b>L</b> locks a slice, <b>D</b> shows what changed, "
            "<b>Backspace</b> removes a click. Undo is Slicer's own.</html>"
        )

    # Options

    def setMRMLDefaults(self):
        setDefaults(self.scriptedEffect)

    def setupOptionsFrame(self):
        addEngineToPath(Path(__file__).resolve().parents[1])
        data = _dataFolder()
        self.logic = self.makeLogic(data)
        install = InstallLogic(self.makePackages())
        self.panel = EffectPanel(self.logic, install, self.storeOptions, self._begin, data)
        self.scriptedEffect.addOptionsWidget(self.panel.widget)
        self._shortcuts = PanelShortcuts(self.scriptedEffect.optionsFrame())
        self.timer = qt.QTimer()
        self.timer.setInterval(0)
        self._connections.add(self.timer, "timeout()", self._poll)
        self.logic.stateChanged.connect(self.panel.showWork)
        self.logic.workStarted.connect(self.timer.start)
        self.logic.workEnded.connect(self.timer.stop)

    def makeLogic(self, dataFolder: Path) -> EffectLogic:
        """Return the logic over this effect's scene and the application's one worker."""
        journals = dataFolder / "Journals"
        return EffectLogic(MrmlBridge(self.scriptedEffect), sharedWorker(journals), journals)

    def makePackages(self) -> Packages:
        """Return what is installed in this application."""
        return SlicerPackages()

    def updateGUIFromMRML(self):
        if self.logic is not None and self.scriptedEffect.parameterSetNode() is not None:
            self.logic.setOptions(readOptions(self.scriptedEffect))

    def updateMRMLFromGUI(self):
        """Every widget stores what was changed in it at once."""

    def storeOptions(self, options: EffectOptions) -> None:
        """Keep options in the node of the editor; that tells the logic and the panel."""
        if self.scriptedEffect.parameterSetNode() is not None:
            writeOptions(self.scriptedEffect, options)
            self.updateGUIFromMRML()  # an effect that is not active is told of nothing

    def switchPolarity(self) -> None:
        """Let clicks have the other sign."""
        options = self.logic.options
        self.storeOptions(options.with_(positive=not options.positive))

    # Life

    def activate(self):
        self._raiseUndoLimit()
        self.panel.showState()
        if self.panel.isReady:
            self._begin()

    def _begin(self) -> None:
        """The effect is chosen and the engine is there."""
        if self.scriptedEffect.active():
            self.logic.activate()
            self.logic.startEngine()  # so that the first click need not wait for it
            if self.logic.state.isBusy:  # with what was begun before the effect was left
                self.timer.start()
            actions = self._actions()
            self._shortcuts.add({key: actions[key] for key in PanelKeys.EVERYWHERE})

    def deactivate(self):
        if self.logic is None:
            return
        self._shortcuts.removeAll()
        self._isPressed = False
        self.logic.deactivate()
        self.timer.stop()

    def cleanup(self):
        if self.logic is None:
            return
        self.deactivate()
        self.logic.cleanup()
        self.panel.cleanup()
        self._connections.removeAll()
        self.logic = None

    def sourceVolumeNodeChanged(self):
        self._refresh()

    def referenceGeometryChanged(self):
        self._refresh()

    def layoutChanged(self):
        self._refresh()

    # Views

    def processInteractionEvents(self, callerInteractor, eventId, viewWidget) -> bool:
        try:
            return self._handle(callerInteractor, eventId, viewWidget)
        except Exception as error:  # else Slicer would take the event for unheard, and pan
            _LOG.exception("An event could not be handled")
            self.panel.showError(error)
            return True

    def processViewNodeEvents(self, _callerViewNode, _eventId, _viewWidget) -> None:
        if self.logic is not None:
            self.logic.viewChanged()

    def _handle(self, interactor, eventId: int, viewWidget) -> bool:
        if self.panel is None or not self.panel.isReady:
            return False
        if eventId == vtk.vtkCommand.KeyPressEvent:
            return self._keyPressed(interactor, viewWidget)
        if viewWidget.className() != _SLICE_WIDGET:
            return False
        if eventId in _PRESSES:
            return self._leftPressed(interactor, eventId, viewWidget)
        if eventId == vtk.vtkCommand.LeftButtonReleaseEvent:
            wasOurs, self._isPressed = self._isPressed, False
            return wasOurs
        return False

    def _leftPressed(self, interactor, eventId: int, viewWidget) -> bool:
        """A plain or a Ctrl click is ours; Shift and Alt belong to Slicer."""
        if interactor.GetShiftKey() or interactor.GetAltKey():
            return False
        self._isPressed = True
        isFirst = eventId == vtk.vtkCommand.LeftButtonPressEvent  # a double click was heard before
        if isFirst and self._mayEdit():
            isOther = bool(interactor.GetControlKey())
            sign = not self.logic.options.positive if isOther else None
            self.logic.click(viewWidget, tuple(interactor.GetEventPosition()), sign)
        return True

    def _mayEdit(self) -> bool:
        """Let Slicer ask before a hidden segment is edited."""
        refused = slicer.qSlicerSegmentEditorAbstractEffect.NotConfirmed
        isReady = self.logic.state.isReady
        return not isReady or self.scriptedEffect.confirmCurrentSegmentVisible() != refused

    def _keyPressed(self, interactor, viewWidget) -> bool:
        if interactor.GetControlKey() or interactor.GetAltKey() or interactor.GetShiftKey():
            return False
        key = PanelKeys.keyOf(interactor.GetKeySym())
        if key == PanelKeys.REMOVE and viewWidget.className() == _SLICE_WIDGET:
            self.logic.removeClickAt(viewWidget, tuple(interactor.GetEventPosition()))
            return True
        action = self._actions().get(key)
        if action is None:
            return False
        action()
        return True

    # Keys, the timer, and what belongs to the editor around us

    def _actions(self):
        return {
            PanelKeys.POLARITY: self.switchPolarity,
            PanelKeys.PROPAGATE: self.logic.propagate,
            PanelKeys.NEXT: self.logic.goToNextSlice,
            PanelKeys.LOCK: self.panel.slices.toggleLock,
            PanelKeys.CHANGE: self.panel.slices.toggleChange,
            PanelKeys.REMOVE: self.panel.clicks.removeLast,
        }

    def _poll(self) -> None:
        self.logic.poll()

    def _refresh(self) -> None:
        if self.logic is not None and self.scriptedEffect.active():
            self.logic.refresh()

    def _raiseUndoLimit(self) -> None:
        """The editor around us is no part of the effect's interface; it is our frame's ancestor."""
        widget = self.scriptedEffect.optionsFrame()
        while widget is not None and not hasattr(widget, "setMaximumNumberOfUndoStates"):
            widget = widget.parent()
        if widget is not None:
            widget.setMaximumNumberOfUndoStates(UNDO_STATES)


def _dataFolder() -> Path:
    """Where Slicer keeps what belongs to the user; it survives an update of the extension."""
    return Path(slicer.app.slicerUserSettingsFilePath).parent / "LIMNet"
