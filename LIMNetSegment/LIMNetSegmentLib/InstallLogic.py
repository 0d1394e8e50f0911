"""What the engine still needs, and how it gets it: no widgets, and torch is not imported.

Nothing is ever installed unasked: `install` is for a button. numpy, SciPy, SimpleITK and VTK are
Slicer's own and are held where they are by constraints.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from .NeededPackages import KEPT, NEEDED, TORCH, Package, Packages

_CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
_LEAST_PYTHON = (3, 10)
_LOG_LINES = 12


@dataclass(frozen=True)
class Machine:
    """What decides whether torch exists for this computer."""

    system: str
    """Linux, Windows or Darwin."""
    processor: str
    """x86_64, AMD64, arm64 ..."""
    python: tuple[int, int]
    """Version of Python."""

    @classmethod
    def this(cls) -> Machine:
        """Return the computer that we run on."""
        return cls(platform.system(), platform.machine(), sys.version_info[:2])

    @property
    def hindrance(self) -> str:
        """One sentence on why the engine cannot run here; empty if it can."""
        if self.system == "Darwin" and self.processor == "x86_64":
            return _(
                "LIMNet does not run on Macs with an Intel processor, nor in the Intel build of "
                "Slicer: PyTorch is no longer made for it. On a Mac with an Apple processor, "
                "install the arm64 build of Slicer."
            )
        if self.python < _LEAST_PYTHON:
            return _("LIMNet needs Slicer 5.10 or later; please update Slicer.")
        return ""


class InstallLogic:
    """Knows what is missing, installs it when it is told to, and keeps the text of a failure."""

    def __init__(self, packages: Packages, machine: Machine | None = None) -> None:
        self._packages = packages
        self._machine = machine or Machine.this()
        self.failure = ""
        """What went wrong the last time; empty if nothing did."""
        self.needsRestart = False
        """Whether something was replaced that is in use, so that Slicer must be restarted."""

    @property
    def missing(self) -> tuple[Package, ...]:
        """What is not installed, or too old."""
        return tuple(package for package in NEEDED if not self._isInstalled(package))

    @property
    def hindrance(self) -> str:
        """One sentence on why nothing can be installed; empty if it can."""
        if self._machine.hindrance:
            return self._machine.hindrance
        if not self._packages.hasEngine():
            return _("The engine of LIMNet is not installed; install the extension LIMNet again.")
        return ""

    @property
    def isReady(self) -> bool:
        """Whether the engine can run."""
        return not (self.hindrance or self.needsRestart or self.missing)

    @property
    def sentence(self) -> str:
        """What a user should know: what is missing, and how large it is."""
        if self.hindrance:
            return self.hindrance
        if self.needsRestart:
            return _("Packages that were in use were replaced; restart Slicer to use LIMNet.")
        if not self.missing:
            return ""
        return _("LIMNet needs {packages}, once. Download: {size}.").format(
            packages=_listed([package.name for package in self.missing]), size=self.size
        )

    @property
    def size(self) -> str:
        """How much is downloaded, in words."""
        if TORCH not in self.missing:
            return _("about 60 MB")
        if self._machine.system == "Darwin":
            return _("about 150 MB")
        if self._packages.hasNvidia():
            return _("about 3 GB, as it contains CUDA for the NVIDIA graphics card")
        return _("about 300 MB")

    def install(self, wheels: Path | None = None) -> bool:
        """Install what is missing; True if the engine can run then.

        Args:
            wheels: A folder of wheels to take everything from, for computers without network.
        """
        self.failure = ""
        if self.hindrance or not self.missing:
            return self.isReady
        if self._packages.isTesting():
            self.failure = _("Slicer runs in testing mode; nothing is installed.")
            return False
        torchWas = self._packages.version(TORCH.name) if self._packages.isLoaded("torch") else None
        with tempfile.TemporaryDirectory(prefix="limnet-") as folder:
            log = Path(folder, "pip.log")
            constraints = Path(folder, "constraints.txt")
            constraints.write_text("\n".join(self._constraints()) + "\n", "utf-8")
            try:
                with _environment(PIP_CONSTRAINT=constraints.as_uri(), PIP_LOG=str(log)):
                    self._installMissing(wheels, constraints)
            except Exception as error:  # installers of others raise what they like
                self.failure = _failureText(error, log)
        self.needsRestart = torchWas not in (None, self._packages.version(TORCH.name))
        if not self.failure and self.missing:
            names = _listed([package.requirement for package in self.missing])
            self.failure = _("After the installation {packages} is still missing.").format(
                packages=names
            )
        return not self.failure and self.isReady

    def _installMissing(self, wheels: Path | None, constraints: Path) -> None:
        missing = list(self.missing)
        if wheels is not None:
            source = ["--no-index", "--find-links", str(wheels)]
            self._packages.pip([*source, *(p.requirement for p in missing)], constraints)
            return
        if TORCH in missing:
            missing.remove(TORCH)
            self._installTorch(constraints)
        if missing:
            self._packages.pip([package.requirement for package in missing], constraints)

    def _installTorch(self, constraints: Path) -> None:
        """The extension PyTorch knows which build suits the graphics card; without it, pip."""
        installer = self._packages.torchInstaller()
        if installer is not None:
            version = TORCH.requirement.removeprefix(TORCH.name)
            installer.installTorch(askConfirmation=False, torchVersionRequirement=version)
            return
        isSmall = self._machine.system == "Linux" and not self._packages.hasNvidia()
        source = ["--index-url", _CPU_WHEELS] if isSmall else []
        self._packages.pip([*source, TORCH.requirement], constraints)

    def _isInstalled(self, package: Package) -> bool:
        names = (package.name, *package.alsoAs)
        versions = (self._packages.version(name) for name in names)
        return any(v is not None and _numbers(v) >= _numbers(package.least) for v in versions)

    def _constraints(self) -> list[str]:
        """What Slicer brings stays at its version; what pip does not know of it may not come."""
        versions: Mapping[str, str | None] = {n: self._packages.version(n) for n in KEPT}
        return [f"{name}=={v}" if v else f"{name}<0" for name, v in versions.items()]


def addEngineToPath(moduleFolder: Path) -> None:
    """In a checkout the engine stands beside the folder of the module; installed, it is found."""
    from importlib.util import find_spec

    root = moduleFolder.parent
    if find_spec("SlicerLIMNet") is None and (root / "SlicerLIMNet" / "__init__.py").is_file():
        sys.path.append(str(root))


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set variables of the environment, which installers hand on to pip, for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _failureText(error: Exception, log: Path) -> str:
    """What was raised, and what pip said to it."""
    said: list[str] = []
    with suppress(OSError):
        lines = log.read_text("utf-8", "replace").splitlines()
        said = [line.partition("ERROR:")[2].strip() for line in lines if "ERROR:" in line]
    text = str(error) or type(error).__name__
    return "\n".join([text, *dict.fromkeys(said[-_LOG_LINES:])])


def _numbers(version: str) -> tuple[int, ...]:
    """2.13.0+cpu -> (2, 13, 0); what follows the numbers does not count here."""
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in release.group().split(".")) if release else ()


def _listed(names: list[str]) -> str:
    """A, B and C."""
    if len(names) == 1:
        return names[0]
    return _("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])
