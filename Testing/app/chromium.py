"""The browser of the app's tests: found, installed where it may be, else the command is told.

Run by `make test`; `conftest.py` looks again where pytest is run by hand.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from Testing.slicer.system_libraries import Run, rights, run

VARIABLE = "LIMNET_CHROMIUM"
"""Environment variable: a Chromium of your own."""
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
INSTALL = ("apt-get", "install", "--yes", "--no-upgrade", "--no-install-recommends", "chromium")


def find() -> str | None:
    """Return the path of a Chromium; None where there is none."""
    named = os.environ.get(VARIABLE)
    if named:
        return named if Path(named).is_file() else None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def advice() -> str:
    """Return what a person can do."""
    return (
        "The tests of the browser app need Chromium, which is not there: install it (Debian: sudo "
        f"apt-get install chromium), or name one: {VARIABLE}=/path/to/chromium"
    )


def install(before: tuple[str, ...], run_command: Run = run) -> None:
    """Install it; the list of packages is renewed where it is missing or old."""
    sys.stderr.write("Installing chromium, which the tests of the browser app need\n")
    if run_command([*before, *INSTALL]) != 0:
        run_command([*before, "apt-get", "update"])
        run_command([*before, *INSTALL])


def prepare(
    look: Callable[[], str | None] = find,
    rights_now: Callable[[], tuple[str, ...] | None] = rights,
    install_now: Callable[[tuple[str, ...]], None] = install,
) -> str | None:
    """See to it that there is a browser; return what is wrong where there is none."""
    if look() is not None:
        return None
    before = rights_now()
    if before is not None:
        install_now(before)
    return None if look() is not None else advice()


def missing() -> str | None:
    """Return what is missing for the tests; None for nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "The tests of the browser app need playwright: run make install"
    return None if find() is not None else advice()


if __name__ == "__main__":
    sys.exit(prepare() or missing())
