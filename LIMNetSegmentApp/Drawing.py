"""Whether this machine can draw: without OpenGL the first picture ends the process, unasked."""

from __future__ import annotations

import subprocess
import sys

from .AppError import AppError

_TRIAL = """
from LIMNetSegmentApp.SlicerModules import prepare
prepare()
import vtk
window, renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
window.SetOffScreenRendering(1)
window.AddRenderer(renderer)
renderer.SetBackground(1, 1, 1)
window.Render()
pixels = vtk.vtkUnsignedCharArray()
window.GetPixelData(5, 5, 5, 5, 0, pixels, 0)
raise SystemExit(pixels.GetValue(0) != 255)
"""


def checkDrawing() -> None:
    """Draw a picture in a process of its own.

    Raises:
        AppError: That failed; says what to install.
    """
    command = [sys.executable, "-c", _TRIAL]
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return
    what = "install OpenGL's libraries"
    if sys.platform == "linux":
        what += " (Debian, Ubuntu: apt-get install libegl1 libgl1 libgl1-mesa-dri)"
    raise AppError(f"This machine cannot draw the views; {what}.")
