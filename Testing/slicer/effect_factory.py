"""The effects that Slicer knows: one prototype per name, of which every editor has a clone."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, ClassVar


class qSlicerSegmentEditorAbstractEffect:
    """The constants that effects use."""

    ModificationModeSet, ModificationModeAdd = 0, 1
    ModificationModeRemove, ModificationModeRemoveAll = 2, 3
    NotConfirmed, ConfirmedWithoutDialog, ConfirmedWithDialog = 0, 1, 2


class qSlicerSegmentEditorEffectFactory:
    """One prototype per name."""

    registered: ClassVar[dict[str, Any]] = {}

    @classmethod
    def instance(cls) -> type:
        """Return the one factory."""
        return cls

    @classmethod
    def registerEffect(cls, effect: Any) -> bool:
        """Keep a prototype; a second one of the same name is ignored."""
        if effect.name in cls.registered:
            return False
        cls.registered[effect.name] = effect
        return True


def register_effect(path: Path | str) -> None:
    """Register an effect from its file; the package around it is imported first, as it must be."""
    folder = Path(path).resolve().parent
    if str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
    if (folder / "__init__.py").exists():
        importlib.import_module(folder.name)
    from Testing.slicer.scripted_effect import qSlicerSegmentEditorScriptedEffect

    prototype = qSlicerSegmentEditorScriptedEffect(None)
    prototype.setPythonSource(str(Path(path).resolve()).replace("\\", "/"))
    prototype.self().register()
