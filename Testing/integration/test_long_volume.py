"""A long volume fits into the memory of a small computer: the bound is the system's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("resource", reason="Windows cannot limit the memory of a process")

ROOT = Path(__file__).resolve().parents[2]
ADDRESSES_GIB = 8
"""Of address space, which is more than memory: libraries that are mapped count in full."""


def segmented(slices: int, pixels: int) -> dict[str, Any]:
    bootstrap = f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); sys.argv = sys.argv[1:]; "
    command = [
        sys.executable, "-c", bootstrap + "runpy.run_path(sys.argv[0], run_name='__main__')",
        str(ROOT / "Testing" / "integration" / "long_volume.py"),
        str(slices), str(pixels), str(ADDRESSES_GIB),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_two_rounds_over_2000_slices_of_512_pixels_fit_into_8_gib():
    found = segmented(2000, 512)
    assert found["reached"] == 2000
    assert found["filled"] > 0
    assert found["feature_mib"] <= 1024
    assert found["peak_mib"] < ADDRESSES_GIB * 1024


def test_the_same_in_small():
    found = segmented(12, 64)
    assert found["reached"] == 12
    assert 0 < found["feature_mib"] < 64
