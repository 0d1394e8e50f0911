"""PySide6 with the manners of PythonQt: `qt.QLabel().text`, `button.connect("clicked()", f)`.

Where PythonQt would print an error and go on (an unknown signal, an unknown attribute), this
raises, so that tests see it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtWidgets

FLAT = (QtCore, QtGui, QtWidgets)
PLAIN = ("QObject", "QApplication", "QCoreApplication", "QGuiApplication")
_Shiboken: Any = type(QtCore.QObject)


class _PythonQtType(_Shiboken):
    """`isinstance` looks at the Qt class, since every wrapped class hangs on its own branch."""

    def __instancecheck__(cls, instance: object) -> bool:
        wrapped = cls.__dict__.get("qt_class")
        return isinstance(instance, wrapped) if wrapped else type.__instancecheck__(cls, instance)


def connect(self: Any, signal: str, *target: Any) -> bool:
    """Connect by signature; extra arguments are cut, and the callable is kept alive."""
    count = _argument_count(self, signal)
    called = target[-1] if len(target) == 1 else getattr(target[0], target[1].partition("(")[0])
    assert callable(called), f"{signal} connected to {called!r}"

    def slot(*values: Any) -> None:
        called(*values[:count])

    connection = getattr(self, signal.partition("(")[0]).connect(slot)
    _slots(self).append((signal, called, connection))
    return True


def disconnect(self: Any, signal: str, *target: Any) -> bool:
    """Undo `connect`; without a target all of the signal go."""
    called = target[-1] if len(target) == 1 else None
    if len(target) == 2:
        called = getattr(target[0], target[1].partition("(")[0])
    found = [s for s in _slots(self) if s[0] == signal and called in (None, s[1])]
    for entry in found:
        # The signal's own disconnect() of PySide6 6.12 takes one reference of True too many.
        QtCore.QObject.disconnect(entry[2])
        _slots(self).remove(entry)
    return bool(found)


def connections(instance: Any) -> list[tuple[str, Callable[..., Any]]]:
    """Return what is connected to an object by signature: signal and callable."""
    return [(signal, called) for signal, called, _ in _slots(instance)]


def _slots(instance: Any) -> list[tuple[str, Any, Any]]:
    return instance.__dict__.setdefault("_python_qt_slots", [])


def _argument_count(instance: Any, signal: str) -> int:
    """Return how many arguments a signature has; it must be one of the object's signals."""
    name, _, rest = signal.partition("(")
    meta = type(instance).staticMetaObject  # the instance's may be gone while it is read
    wanted = bytes(QtCore.QMetaObject.normalizedSignature(signal).data()).decode()
    known = [
        bytes(meta.method(index).methodSignature().data()).decode()
        for index in range(meta.methodCount())
        if meta.method(index).methodType() == QtCore.QMetaMethod.MethodType.Signal
    ]
    by_name = [entry for entry in known if entry.partition("(")[0] == name]
    if wanted not in known and not any("PyObject" in entry for entry in by_name):
        raise ValueError(f"{meta.className()} has no signal {signal}; by name: {by_name}")
    return len([part for part in rest.rstrip(")").split(",") if part.strip()])


def _set_attribute(self: Any, name: str, value: Any) -> None:
    """Refuse new attributes on Qt's own classes, as PythonQt does; subclasses may have them."""
    own = "qt_class" in type(self).__dict__ and not name.startswith("_")
    if own and not hasattr(type(self), name):
        raise AttributeError(f"{type(self).__name__} has no property {name!r}")
    _qt_class_of(type(self)).__setattr__(self, name, value)


def _qt_class_of(cls: type) -> Any:
    """Return the class of Qt's that a wrapped class or its subclass is made of."""
    return next(base.__dict__["qt_class"] for base in cls.__mro__ if "qt_class" in base.__dict__)


def python_qt_class(qt_class: type) -> type:
    """Return a class of Qt's with PythonQt's manners."""
    space: dict[str, Any] = _properties(qt_class)
    space.update(
        qt_class=qt_class,
        connect=connect,
        disconnect=disconnect,
        className=lambda self: self.metaObject().className(),
        __setattr__=_set_attribute,
        __init_subclass__=classmethod(_keep_manners),
    )
    return _PythonQtType(qt_class.__name__, (qt_class,), space)


def _keep_manners(cls: Any, **options: Any) -> None:
    """Give a subclass its own `connect`: PySide6 6.12 looks for it in the leaf class only."""
    cls.connect, cls.disconnect = connect, disconnect


def _properties(qt_class: Any) -> dict[str, Any]:
    """Return a Python property for every property of Qt's."""
    meta = qt_class.staticMetaObject
    space = {}
    for index in range(meta.propertyCount()):
        name = meta.property(index).name()
        capital = name[0].upper() + name[1:]
        candidates = (name, f"is{capital}", f"get{capital}", f"has{capital}")
        getters = (getattr(qt_class, candidate, None) for candidate in candidates)
        getter = next((found for found in getters if callable(found)), None)
        setter = getattr(qt_class, f"set{capital}", None)
        if (qt_class, name) == (QtCore.QTimer, "singleShot"):
            space[name] = _SingleShot()
        elif getter is not None:
            space[name] = property(getter, setter)
    return space


class _SingleShot:
    """PythonQt: the static method hides the property, so it can be called but not set."""

    def __get__(self, timer: Any, owner: Any) -> Any:
        return QtCore.QTimer.singleShot

    def __set__(self, timer: Any, value: bool) -> None:
        raise AttributeError("singleShot is a static method here; call setSingleShot()")


class Settings(QtCore.QSettings):
    """Settings in a temporary file; numbers come back as text, as from a file on disk."""

    folder = tempfile.TemporaryDirectory(prefix="limnet-settings-")

    def __init__(self, *_: Any) -> None:
        super().__init__(
            str(Path(self.folder.name) / "Slicer.ini"), QtCore.QSettings.Format.IniFormat
        )

    def value(self, key: str, default: Any = None, *_: Any) -> Any:  # type: ignore[override]
        """Return a value; whole numbers and truth values are text."""
        found = super().value(key, default)
        if isinstance(found, bool):
            return "true" if found else "false"
        return str(found) if isinstance(found, int | float) else found


class QtModule(ModuleType):
    """The module `qt`: all of QtCore, QtGui and QtWidgets under one name."""

    QSettings = Settings

    def __getattr__(self, name: str) -> Any:
        for module in FLAT:
            if hasattr(module, name):
                found = getattr(module, name)
                if isinstance(found, _Shiboken) and _is_wrapped(name, found):
                    found = python_qt_class(found)
                setattr(self, name, found)
                return found
        raise AttributeError(f"Qt has no {name}")


def _is_wrapped(name: str, found: Any) -> bool:
    return name not in PLAIN and QtCore.QObject in found.__mro__


qt = QtModule("qt")


def application() -> QtWidgets.QApplication:
    """Return the one Qt application of the process."""
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])


def let_qt_work() -> None:
    """Serve what is due: timers, repaints, deferred deletions."""
    application().processEvents()
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)


def grab(widget: QtWidgets.QWidget, path: Path | str | None = None) -> QtGui.QImage:
    """Return a picture of a widget; write it where a path is given."""
    picture = QtWidgets.QWidget.grab(widget).toImage()
    if path is not None:
        assert picture.save(str(path))
    return picture
