"""Weights that others publish, converted in a process of its own; Slicer stays free meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from slicer.i18n import tr as _

from .WeightsFolder import HOME_VARIABLE, WeightsFolderError

PUBLISHED = {"ritm": "coco_lvis_h32_itermask.pth", "xmem": "XMem.pth"}
"""Kind of published weights, and the name of their file."""


class PublishedImport:
    """Runs `limnet weights import`, which executes nothing of the file."""

    def __init__(self, kind: str, source: Path, home: Path, engine: Path) -> None:
        """Start it.

        Args:
            kind: Key of `PUBLISHED`.
            source: The file as its authors published it.
            home: What LIMNET_HOME names.
            engine: Folder in which the package SlicerLIMNet lies.
        """
        self._output = tempfile.TemporaryFile(  # noqa: SIM115 - closed with the result
            mode="w+", encoding="utf-8", errors="replace"
        )
        path = [str(engine), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {HOME_VARIABLE: str(home), "PYTHONPATH": os.pathsep.join(path)}
        self._process = subprocess.Popen(
            [*_python(), "-m", "SlicerLIMNet", "weights", "import", "--kind", kind, str(source)],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    @property
    def isRunning(self) -> bool:
        """Whether it is under way."""
        return self._process.poll() is None

    def result(self) -> str:
        """What the conversion printed; it waits for the end.

        Raises:
            WeightsFolderError: The weights could not be converted.
        """
        code = self._process.wait()
        self._output.seek(0)
        text = self._output.read().strip()
        self._output.close()
        if code:
            raise WeightsFolderError(text or _("The weights could not be converted."))
        return text

    def stop(self) -> None:
        """End it before its time."""
        if self.isRunning:
            self._process.kill()
        self._process.wait()
        self._output.close()


def _python() -> Sequence[str]:
    """Slicer's own console Python; elsewhere the one that runs."""
    return [shutil.which("PythonSlicer") or sys.executable]
