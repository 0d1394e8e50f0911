"""What must work where torch is not installed: the Slicer module imports it before it asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FORBID = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden!r}:
            raise ImportError(name + " was imported")

sys.meta_path.insert(0, NoTorch())
"""


def run_without(forbidden: set[str], code: str) -> None:
    """Run code in a new Python that has no such packages."""
    program = FORBID.format(forbidden=forbidden) + code
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_is_imported_with_nothing_but_python():
    run_without({"torch", "numpy", "SimpleITK", "cv2", "scipy"}, "import SlicerLIMNet")


@pytest.mark.parametrize(
    "module",
    [
        "SlicerLIMNet.errors",
        "SlicerLIMNet.domain.clicks",
        "SlicerLIMNet.domain.config",
        "SlicerLIMNet.domain.geometry",
        "SlicerLIMNet.domain.plane",
        "SlicerLIMNet.domain.progress",
        "SlicerLIMNet.domain.rounds",
        "SlicerLIMNet.domain.volume",
    ],
)
def test_the_nouns_need_no_more_than_numpy(module):
    run_without({"torch", "SimpleITK", "cv2", "scipy"}, f"import {module}")


def test_a_session_is_imported_without_torch():
    run_without({"torch"}, "from SlicerLIMNet import Session, read_volume, write_segmentation")


def test_the_command_line_says_how_to_help_itself_without_torch():
    run_without({"torch"}, "from SlicerLIMNet.cli.main import main; assert main(['--help']) == 0")
