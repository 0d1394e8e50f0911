"""The modules that only the application has: qt, ctk, slicer.app, slicer.i18n, effects."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import slicer
import slicer.util

from Testing.slicer import ctk_widgets, segment_editor_effects
from Testing.slicer.application import Application
from Testing.slicer.dialogs import DIALOGS
from Testing.slicer.effect_factory import (
    qSlicerSegmentEditorAbstractEffect,
    qSlicerSegmentEditorEffectFactory,
)
from Testing.slicer.faults import FAULTS
from Testing.slicer.python_qt import qt
from Testing.slicer.scripted_effect import qSlicerSegmentEditorScriptedEffect
from Testing.slicer.segment_editor import qMRMLSegmentEditorWidget


class SlicerApp:
    """`slicer.app` without a window."""

    majorVersion, minorVersion = 5, 11
    applicationVersion = "5.11.0"
    applicationName = "Slicer"
    os = "linux"

    def __init__(self) -> None:
        self.testing = False
        self.application: Application | None = None
        self.started: list[Callable[[], None]] = []
        self.temporaryPath = qt.QSettings.folder.name
        self.slicerHome = self.temporaryPath
        self.slicerUserSettingsFilePath = str(Path(self.temporaryPath) / "Slicer.ini")
        self.slicerUserSettingsFilePath = f"{self.temporaryPath}/Slicer.ini"

    def testingEnabled(self) -> bool:
        """Tell whether nothing may be asked; tests set `testing`."""
        return self.testing

    def connect(self, signal: str, called: Callable[[], None]) -> bool:
        """Keep what is to be done at start-up; `start_up()` does it."""
        assert signal == "startupCompleted()", f"slicer.app has no signal {signal} here"
        self.started.append(called)
        return True

    def disconnect(self, signal: str, called: Callable[[], None]) -> bool:
        """Undo `connect`."""
        self.started.remove(called)
        return True

    def start_up(self) -> None:
        """Do what is done when the application is ready."""
        for called in tuple(self.started):
            called()

    def processEvents(self, *_: Any) -> None:
        """Forbidden: it re-enters the handlers of the one who calls."""
        FAULTS.record(AssertionError("slicer.app.processEvents() was called"))

    def settings(self) -> Any:
        """Return the user's settings."""
        return qt.QSettings()

    userSettings = revisionUserSettings = settings

    def applicationLogic(self) -> Any:
        """Return the application logic of the scene."""
        return self.application.logic if self.application else None

    def layoutManager(self) -> Any:
        """Return None: without a main window there is none."""

    def mrmlScene(self) -> Any:
        """Return the scene."""
        return slicer.mrmlScene

    def pauseRender(self) -> None:
        """Nothing is drawn unasked."""

    resumeRender = pauseRender


class _ScriptedLoadableModule:
    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__


class _ScriptedLoadableModuleTest(unittest.TestCase):
    def delayDisplay(self, message: str, *_: Any) -> None:
        """Show a message for a moment."""


def module_parent() -> SimpleNamespace:
    """Return the empty `parent` that a scripted module fills."""
    return SimpleNamespace(title="", categories=[], dependencies=[], contributors=[], hidden=False)


def install() -> None:
    """Put all of it into `sys.modules` and `slicer`; to be called once."""
    effects = _module(
        "qSlicerSegmentationsEditorEffectsPythonQt",
        qSlicerSegmentEditorScriptedEffect=qSlicerSegmentEditorScriptedEffect,
        qSlicerSegmentEditorScriptedLabelEffect=qSlicerSegmentEditorScriptedEffect,
        qSlicerSegmentEditorEffectFactory=qSlicerSegmentEditorEffectFactory,
    )
    translation = _module(
        "slicer.i18n", tr=lambda text, *_: text, translate=lambda context, text, *_: text
    )
    modules = _module(
        "slicer.ScriptedLoadableModule",
        ScriptedLoadableModule=_ScriptedLoadableModule,
        ScriptedLoadableModuleTest=_ScriptedLoadableModuleTest,
    )
    sys.modules.update(
        {
            "qt": qt,
            "ctk": ctk_widgets.ctk,
            "vtkITK": sys.modules["slicer_core.vtkITK"],
            "SegmentEditorEffects": segment_editor_effects,
            effects.__name__: effects,
            translation.__name__: translation,
            modules.__name__: modules,
        }
    )
    slicer.i18n, slicer.ScriptedLoadableModule = translation, modules
    slicer.qSlicerSegmentEditorAbstractEffect = qSlicerSegmentEditorAbstractEffect
    slicer.qSlicerSegmentEditorEffectFactory = qSlicerSegmentEditorEffectFactory
    slicer.qMRMLSegmentEditorWidget = qMRMLSegmentEditorWidget
    slicer.app = SlicerApp()
    slicer.modules = SimpleNamespace()
    slicer.mrmlScene = None
    for widget in ctk_widgets.MRML:
        setattr(slicer, widget.__name__, widget)
    _answer_for_the_user()


def _module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(content)
    return made


def _answer_for_the_user() -> None:
    """Take the dialogs of slicer.util and of Qt: none may wait for a hand that never comes."""

    def question(text: str, *_: Any, **__: Any) -> Any:
        return DIALOGS.ask(text)

    def message(kind: str) -> Callable[..., None]:
        return lambda text, *_, **__: DIALOGS.tell(kind, text)

    for name in ("confirmOkCancelDisplay", "confirmYesNoDisplay", "confirmRetryCloseDisplay"):
        _replace(name, question)
    for name, kind in (("errorDisplay", "error"), ("warningDisplay", "warning")):
        _replace(name, message(kind))
    _replace("infoDisplay", message("info"))
    _replace("showStatusMessage", message("status"))
    _replace("mainWindow", lambda *_: None)
    _replace("pip_install", lambda requirements, **_: DIALOGS.ask(f"pip install {requirements}"))
    _forbid_waiting()


def _replace(name: str, function: Callable[..., Any]) -> None:
    setattr(slicer.util, name, function)
    setattr(slicer, name, function)


def _forbid_waiting() -> None:
    """Answer Qt's own modal dialogs, too."""

    def chosen(parent: Any = None, caption: str = "", *_: Any) -> Any:
        return DIALOGS.ask(caption, refusal="")

    def pressed(kind: Any) -> Callable[..., Any]:
        def ask(parent: Any, title: str, text: str, *_: Any) -> Any:
            agreed = DIALOGS.ask(text)
            return qt.QMessageBox.Yes if agreed else kind

        return ask

    for name in ("getOpenFileName", "getSaveFileName", "getExistingDirectory"):
        setattr(qt.QFileDialog, name, staticmethod(chosen))
    qt.QMessageBox.question = staticmethod(pressed(qt.QMessageBox.No))
    for name, kind in (("information", "info"), ("warning", "warning"), ("critical", "error")):
        told = staticmethod(lambda parent, title, text, *_, kind=kind: DIALOGS.tell(kind, text))
        setattr(qt.QMessageBox, name, told)
    for dialog in (qt.QMessageBox, qt.QDialog, qt.QFileDialog):
        dialog.exec = dialog.exec_ = lambda self: DIALOGS.ask(self.windowTitle)
