"""Starting the stand-in, in tests and in scripts: the first thing to be imported and called."""

from __future__ import annotations

import sys
from pathlib import Path

from Testing.slicer import system_libraries

EFFECT = Path(__file__).parents[2] / "LIMNetSegment" / "LIMNetSegmentLib" / "SegmentEditorEffect.py"


def start() -> None:
    """Make `slicer`, `qt`, `ctk` and the rest importable; calling it twice is fine.

    Raises:
        RuntimeError: The machine cannot run it; says what to do.
    """
    system_libraries.demand()
    import slicer

    from Testing.slicer import python_qt, slicer_modules

    python_qt.application()
    if not hasattr(slicer, "app"):
        slicer_modules.install()
    module_folder = str(EFFECT.parents[1])
    if module_folder not in sys.path:  # as "Additional module paths" do
        sys.path.insert(0, module_folder)
