"""What is missing is said, installed on a click and only then, and failures are shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import slicer

from LIMNetSegmentLib.InstallLogic import InstallLogic, Machine, addEngineToPath
from LIMNetSegmentLib.NeededPackages import KEPT, NEEDED
from LIMNetSegmentLib.SlicerPackages import SlicerPackages

LINUX = Machine("Linux", "x86_64", (3, 12))
MAC = Machine("Darwin", "arm64", (3, 12))
INTEL_MAC = Machine("Darwin", "x86_64", (3, 12))
NAMES = [package.name for package in NEEDED]


class FakePackages:
    """A Slicer that has what Slicer has, and installs what pip is told to."""

    def __init__(self, **versions: str) -> None:
        self.versions = {"numpy": "2.0.2", "scipy": "1.14.1", "SimpleITK": "2.5.2", **versions}
        self.calls: list[list[str]] = []
        self.constraints: list[str] = []
        self.environment: dict[str, str] = {}
        self.error: Exception | None = None
        self.said = ""
        self.installer: Any = None
        self.nvidia = self.testing = False
        self.engine = True
        self.loaded: set[str] = set()

    def version(self, name: str) -> str | None:
        return self.versions.get(name)

    def isLoaded(self, name: str) -> bool:
        return name in self.loaded

    def pip(self, arguments: list[str], constraints: Path) -> None:
        self.calls.append(arguments)
        self.notice(constraints)
        if self.error is not None:
            Path(os.environ["PIP_LOG"]).write_text(self.said, "utf-8")
            raise self.error
        for argument in arguments:
            if ">=" in argument:
                self.versions.update([argument.split(">=")])

    def notice(self, constraints: Path | None = None) -> None:
        self.environment = {n: v for n, v in os.environ.items() if n.startswith("PIP_")}
        if constraints is not None:
            self.constraints = constraints.read_text("utf-8").splitlines()

    def torchInstaller(self) -> Any:
        return self.installer

    def hasNvidia(self) -> bool:
        return self.nvidia

    def isTesting(self) -> bool:
        return self.testing

    def hasEngine(self) -> bool:
        return self.engine


class FakeTorchUtils:
    """PyTorchUtilsLogic as its extension has it."""

    def __init__(self, packages: FakePackages, version: str | None = "2.13.0") -> None:
        self.packages, self.found = packages, version
        self.asked: list[dict[str, Any]] = []

    def installTorch(self, **options: Any) -> Any:
        self.asked.append(options)
        self.packages.notice()
        if self.found is None:
            raise RuntimeError("light-the-torch found no build for this computer")
        self.packages.versions["torch"] = self.found
        return object()


@pytest.fixture
def packages() -> FakePackages:
    return FakePackages()


def test_what_is_missing_is_named_with_its_size(packages):
    logic = InstallLogic(packages, LINUX)
    assert not logic.isReady
    for name in NAMES:
        assert name in logic.sentence
    assert "about 300 MB" in logic.sentence
    packages.nvidia = True
    assert "about 3 GB" in logic.sentence
    assert "about 150 MB" in InstallLogic(packages, MAC).sentence


def test_nothing_is_installed_unasked(packages):
    logic = InstallLogic(packages, LINUX)
    assert logic.missing
    assert logic.sentence
    assert logic.size
    assert not packages.calls


def test_torch_comes_through_its_extension_and_the_rest_by_pip(packages):
    packages.installer = FakeTorchUtils(packages)
    logic = InstallLogic(packages, LINUX)
    assert logic.install()
    assert packages.installer.asked == [
        {"askConfirmation": False, "torchVersionRequirement": ">=2.10"}
    ]
    assert packages.calls == [[p.requirement for p in NEEDED if p.name != "torch"]]
    assert logic.isReady
    assert logic.sentence == ""


def test_pip_brings_torch_where_its_extension_is_missing(packages):
    assert InstallLogic(packages, MAC).install()
    assert packages.calls[0] == ["torch>=2.10"]


def test_linux_without_nvidia_gets_the_small_torch(packages):
    assert InstallLogic(packages, LINUX).install()
    assert packages.calls[0][0] == "--index-url"
    assert packages.calls[0][1].endswith("/cpu")


def test_what_belongs_to_slicer_is_held_where_it_is(packages):
    packages.installer = FakeTorchUtils(packages)
    InstallLogic(packages, LINUX).install()
    assert packages.constraints == [
        "numpy==2.0.2",
        "scipy==1.14.1",
        "SimpleITK==2.5.2",
        "vtk<0",  # Slicer's own, which pip does not know of: it may not come a second time
    ]
    assert len(packages.constraints) == len(KEPT)
    assert packages.environment["PIP_CONSTRAINT"].startswith("file:")
    assert "PIP_CONSTRAINT" not in os.environ


def test_the_extension_of_torch_works_under_the_same_constraints(packages):
    installer = packages.installer = FakeTorchUtils(packages, version=None)
    InstallLogic(packages, LINUX).install()
    assert installer.asked
    assert "PIP_CONSTRAINT" in packages.environment


def test_an_offline_computer_takes_everything_from_a_folder(packages):
    packages.installer = FakeTorchUtils(packages)
    assert InstallLogic(packages, LINUX).install(Path("wheels"))
    assert packages.calls == [
        ["--no-index", "--find-links", "wheels", *(p.requirement for p in NEEDED)]
    ]
    assert not packages.installer.asked


def test_the_text_of_a_failure_is_kept(packages):
    packages.error = subprocess.CalledProcessError(1, ["pip"])
    packages.said = (
        "2026-01-01T10:00:00 Looking in indexes\n"
        "2026-01-01T10:00:01 ERROR: No matching distribution found for torch>=2.10\n"
    )
    logic = InstallLogic(packages, LINUX)
    assert not logic.install()
    assert "No matching distribution found for torch>=2.10" in logic.failure
    assert "Looking in indexes" not in logic.failure
    assert not logic.isReady


def test_pip_itself_obeys_the_constraints_and_its_words_are_shown(packages):
    """The real pip, without network: the numpy that runs here is not the one that is held."""

    def run_pip(_arguments, _constraints):
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "numpy"]
        subprocess.run(command, check=True, capture_output=True)

    packages.versions["numpy"] = "1.0"
    packages.pip = run_pip
    logic = InstallLogic(packages, LINUX)
    assert not logic.install()
    assert re.search("Cannot install numpy|No matching distribution found", logic.failure)


def test_after_a_failure_it_can_be_tried_again(packages):
    packages.error = RuntimeError("no network")
    logic = InstallLogic(packages, MAC)
    assert not logic.install()
    packages.error = None
    assert logic.install()
    assert logic.failure == ""


def test_a_refusal_is_said(packages):
    packages.error = RuntimeError("User declined package installation")
    logic = InstallLogic(packages, MAC)
    assert not logic.install()
    assert logic.failure == "User declined package installation"


def test_what_is_still_missing_afterwards_is_said(packages):
    packages.installer = FakeTorchUtils(packages, version="2.2.2")
    logic = InstallLogic(packages, LINUX)
    assert not logic.install()
    assert "torch>=2.10" in logic.failure


@pytest.mark.parametrize(
    ("version", "isEnough"),
    [("2.9.1+cu128", False), ("2.10.0", True), ("2.13.0+cpu", True), ("10.0", True), ("?", False)],
)
def test_versions_are_compared_as_numbers(packages, version, isEnough):
    packages.versions.update(dict.fromkeys(NAMES, "99"), torch=version)
    assert InstallLogic(packages, LINUX).isReady == isEnough


def test_any_build_of_opencv_will_do(packages):
    packages.versions.update(dict.fromkeys(NAMES, "99"))
    del packages.versions["opencv-python-headless"]
    assert not InstallLogic(packages, LINUX).isReady
    packages.versions["opencv-python"] = "4.10.0.84"
    assert InstallLogic(packages, LINUX).isReady


def test_slicer_must_restart_where_torch_was_in_use(packages):
    packages.versions["torch"] = "2.4.0"
    packages.loaded = {"torch"}
    packages.installer = FakeTorchUtils(packages)
    logic = InstallLogic(packages, LINUX)
    assert not logic.install()
    assert logic.needsRestart
    assert "restart Slicer" in logic.sentence
    assert not logic.isReady


def test_an_intel_mac_is_told_so_and_nothing_is_tried(packages):
    logic = InstallLogic(packages, INTEL_MAC)
    assert "Intel" in logic.sentence
    assert not logic.install()
    assert not packages.calls


def test_an_old_slicer_is_told_so(packages):
    assert "5.10" in InstallLogic(packages, Machine("Windows", "AMD64", (3, 9))).sentence


def test_a_missing_engine_is_said(packages):
    packages.engine = False
    packages.versions.update(dict.fromkeys(NAMES, "99"))
    logic = InstallLogic(packages, LINUX)
    assert not logic.isReady
    assert "install the extension" in logic.sentence


def test_in_testing_mode_nothing_is_asked_or_installed(packages):
    packages.testing = True
    logic = InstallLogic(packages, LINUX)
    assert not logic.install()
    assert not packages.calls
    assert "testing mode" in logic.failure


def test_this_machine_is_known():
    assert Machine.this().python == sys.version_info[:2]


# The packages of Slicer itself


def test_old_slicers_install_by_their_pip(monkeypatch, tmp_path):
    called: list[list[str]] = []
    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.setattr(slicer.util, "pip_install", called.append)
    SlicerPackages().pip(["safetensors>=0.4"], tmp_path / "c.txt")
    assert called == [["--constraint", str(tmp_path / "c.txt"), "safetensors>=0.4"]]


def test_new_slicers_install_by_their_packaging(monkeypatch, tmp_path):
    called: list[Any] = []
    packaging = SimpleNamespace(pip_install=lambda *a, **k: called.append((a, k)))
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    SlicerPackages().pip(["safetensors>=0.4"], tmp_path / "c.txt")
    wanted = {"constraints": str(tmp_path / "c.txt"), "requester": "LIMNet"}
    assert called == [((["safetensors>=0.4"],), wanted)]


def test_the_extension_of_torch_is_found_where_it_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    assert SlicerPackages().torchInstaller() is None
    logic = object()
    extension = SimpleNamespace(PyTorchUtilsLogic=lambda: logic)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", extension)
    assert SlicerPackages().torchInstaller() is logic


def test_the_packages_of_this_python_are_known(monkeypatch):
    packages = SlicerPackages()
    assert packages.version("numpy") == __import__("numpy").__version__
    assert packages.version("limnet-has-no-such-package") is None
    assert packages.hasEngine()
    assert packages.isLoaded("sys")
    monkeypatch.setattr(slicer.app, "testing", True)
    assert packages.isTesting()


def test_in_a_checkout_the_engine_is_found_beside_the_module(monkeypatch, tmp_path):
    (tmp_path / "SlicerLIMNet").mkdir()
    (tmp_path / "SlicerLIMNet" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    addEngineToPath(tmp_path / "LIMNetSegment")
    assert sys.path[-1] == str(tmp_path)


def test_an_installed_engine_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    addEngineToPath(tmp_path / "LIMNetSegment")
    assert sys.path == before
