"""What the Slicer tests need of the system: looks, installs where it may, else says the command.

Without OpenGL the first picture is a segmentation fault and no exception, so it is tried in a
process of its own. Run by `make test`; `conftest.py` looks again where pytest is run by hand.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

PACKAGES = (
    *("libegl1", "libgl1", "libgl1-mesa-dri"),
    *("libglib2.0-0", "libxkbcommon0", "libfontconfig1", "libdbus-1-3"),
)
INSTALL = (  # what is there stays as it is
    *("apt-get", "install", "--yes", "--no-upgrade", "--no-install-recommends"),
    *PACKAGES,
)
SEEN = "LIMNET_SLICER_LIBRARIES_SEEN"  # one look serves `make` and pytest

TRIAL = """
from PySide6 import QtWidgets
import vtk
application = QtWidgets.QApplication(["trial"])
window, renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
window.SetOffScreenRendering(1)
window.AddRenderer(renderer)
renderer.SetBackground(1, 1, 1)
window.Render()
pixels = vtk.vtkUnsignedCharArray()
window.GetPixelData(5, 5, 5, 5, 0, pixels, 0)
raise SystemExit(pixels.GetValue(0) != 255)
"""

Run = Callable[[Sequence[str]], int]


def run(command: Sequence[str]) -> int:
    """Run a command with its output in sight and return its exit status."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, check=False).returncode


def run_quietly(command: Sequence[str]) -> int:
    """Run a command without its output and return its exit status."""
    return subprocess.run(command, capture_output=True, check=False).returncode


def can_draw() -> bool:
    """Tell whether Qt starts and VTK draws offscreen on this machine."""
    return run_quietly([sys.executable, "-c", TRIAL]) == 0


def missing_python_packages() -> str | None:
    """Return what to do about missing Python packages; None where nothing is missing."""
    _hide_this_folder()
    if all(importlib.util.find_spec(name) for name in ("slicer_core", "PySide6")):
        return None
    if sys.version_info >= (3, 14):
        return (
            "The Slicer tests need Python 3.10 to 3.13 (slicer-core has no wheels for later ones): "
            "name one, such as make PYTHON=python3.13, after removing .venv"
        )
    return "The Slicer tests need slicer-core and PySide6: run make install"


def _hide_this_folder() -> None:
    """Take Testing/ off the search path: slicer would import Testing/slicer as a part of itself."""
    testing = Path(__file__).resolve().parents[1]
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != testing]


def rights(may_run: Run = run_quietly) -> tuple[str, ...] | None:
    """Return what goes before apt-get: nothing for root, or sudo; None where it may not run."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return ()
    sudo = ("sudo", "-n")
    return sudo if shutil.which("sudo") and may_run([*sudo, "true"]) == 0 else None


def install(before: tuple[str, ...], run_command: Run = run) -> None:
    """Install the system's packages; the list of packages is renewed where it is missing or old."""
    sys.stderr.write(f"Installing what the Slicer tests need: {' '.join(PACKAGES)}\n")
    if run_command([*before, *INSTALL]) != 0:
        run_command([*before, "apt-get", "update"])
        run_command([*before, *INSTALL])


def advice() -> str:
    """Return what a person can do."""
    options = {"--yes", "--no-upgrade"}
    command = " ".join(part for part in ("sudo", *INSTALL) if part not in options)
    return (
        "The Slicer tests draw offscreen, and this machine cannot. On Debian and Ubuntu:\n"
        f"  {command}\nElsewhere install EGL with a software driver of Mesa."
    )


def prepare(
    look: Callable[[], bool] = can_draw,
    rights_now: Callable[[], tuple[str, ...] | None] = rights,
    install_now: Callable[[tuple[str, ...]], None] = install,
) -> str | None:
    """See to it that the tests can draw; return what is wrong where they cannot."""
    if look():
        return None
    before = rights_now()
    if before is not None:
        install_now(before)
        if look():
            return None
    return advice()


def demand() -> None:
    """Stop loudly where the Slicer tests cannot run; nothing is installed."""
    problem = missing_python_packages()
    if problem is None and not os.environ.get(SEEN) and not can_draw():
        problem = advice()
    if problem is not None:
        raise RuntimeError(problem)
    os.environ[SEEN] = "1"


if __name__ == "__main__":
    problem = missing_python_packages() or prepare()
    sys.exit(problem)
