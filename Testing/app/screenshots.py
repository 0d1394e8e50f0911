"""Make the pictures of the browser app anew, from a first visit in a real browser.

    python -m Testing.app.screenshots [--phantom] [--size WIDTH HEIGHT] [--output FOLDER]

The sample CT is looked for in the folder that LIMNET_SAMPLE names, as `limnet demo` does.
Only the sample CT, which is free (see the README), or the made phantom is ever shown.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from Testing.app import chromium
from Testing.app.app_page import CORONAL, SIZE, AppPage
from Testing.app.organs import Liver, liver, phantom
from Testing.app.server import ROOT, Server
from Testing.app.visit import Visit

FOLDER = ROOT / "Resources" / "Screenshots"
_PATIENCE_MS = 900_000
_SETTLED_MS = 1500  # until the surface is drawn, too


def take_pictures(page: AppPage, server: Server, target: Liver, folder: Path) -> None:
    """Make a visit and take a picture at every step."""
    with tempfile.TemporaryDirectory(prefix="limnet-") as downloads:
        visit = Visit(page, target, Path(downloads))
        page.part("open-sample").wait_for()
        visit.load()
        visit.click()
        visit.begin_round()
        page.wait("f.done > 15 || f.rounds === 1")
        with server.holding(page.tab):
            take(page, folder / "app-running.png")
        page.wait("f.rounds === 1 && !f.busy")
        visit.correct()
        visit.propagate()
        page.part(f"view-{CORONAL}").hover()
        take(page, folder / "app-corrected.png")
        sys.stderr.write(f"Dice {visit.dice:.3f}\n")


def take(page: AppPage, path: Path) -> None:
    """Write what the page shows, once it has settled."""
    page.page.wait_for_timeout(_SETTLED_MS)
    shown = Image.open(io.BytesIO(page.page.screenshot())).convert("RGB")
    shown.save(path, optimize=True)  # with few colours those of the page would suffer


def main(argv: list[str] | None = None) -> int:
    """Serve the app, visit it, write the pictures; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--phantom", action="store_true", help="show the made phantom")
    parser.add_argument("--size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="FOLDER")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    target = phantom() if arguments.phantom else liver()
    width, height = arguments.size or SIZE.values()
    with tempfile.TemporaryDirectory(prefix="limnet-") as folder, sync_playwright() as playwright:
        server = Server(Path(folder), environment=target.environment)
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        page = AppPage(browser, server.address, size={"width": width, "height": height})
        page.page.set_default_timeout(_PATIENCE_MS)
        take_pictures(page, server, target, arguments.output)
        page.close()
        browser.close()
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
