"""Makes `slicer` and the effect's library importable where there is no application around them."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_GL_WINDOW = "VTK_DEFAULT_OPENGL_WINDOW"


def prepare() -> None:
    """Do what Slicer does at its start; to be called before anything of it is imported.

    Raises:
        ModuleNotFoundError: slicer-core is not installed.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault(_GL_WINDOW, "vtkEGLRenderWindow")  # draws without a screen
    import slicer

    if not hasattr(slicer, "i18n"):  # the application's own; the wheel speaks one language
        translation = ModuleType("slicer.i18n")
        translation.tr = lambda text, *_: text  # type: ignore[attr-defined]
        translation.translate = lambda _context, text, *_: text  # type: ignore[attr-defined]
        sys.modules[translation.__name__] = slicer.i18n = translation
    _findLibrary()


def _findLibrary() -> None:
    """In a checkout the library stands in the module's folder; installed, it is found."""
    module = Path(__file__).resolve().parents[1] / "LIMNetSegment"
    if find_spec("LIMNetSegmentLib") is None and (module / "LIMNetSegmentLib").is_dir():
        sys.path.append(str(module))
