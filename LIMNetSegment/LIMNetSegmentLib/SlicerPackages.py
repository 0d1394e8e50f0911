"""The Python packages of the running Slicer, for `InstallLogic`."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import slicer

REQUESTER = "LIMNet"


class SlicerPackages:
    """Asks Slicer; see `NeededPackages.Packages`."""

    def version(self, name: str) -> str | None:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None

    def isLoaded(self, name: str) -> bool:
        return name in sys.modules

    def pip(self, arguments: list[str], constraints: Path) -> None:
        try:
            packaging = importlib.import_module("slicer.packaging")  # Slicer 5.12 and later
        except ImportError:
            slicer.util.pip_install(["--constraint", str(constraints), *arguments])
        else:
            packaging.pip_install(arguments, constraints=str(constraints), requester=REQUESTER)
        importlib.invalidate_caches()

    def torchInstaller(self) -> Any | None:
        try:
            extension = importlib.import_module("PyTorchUtils")
        except ImportError:
            return None
        return extension.PyTorchUtilsLogic()

    def hasNvidia(self) -> bool:
        return shutil.which("nvidia-smi") is not None

    def isTesting(self) -> bool:
        return bool(slicer.app.testingEnabled())

    def hasEngine(self) -> bool:
        return importlib.util.find_spec("SlicerLIMNet") is not None
