"""Make the pictures of the README anew, from a scripted walk-through in the stand-in.

    python -m Testing.slicer.screenshots [--phantom] [--output FOLDER]

The sample CT is looked for in the folder that LIMNET_SAMPLE names, as `limnet demo` does.
Only the sample CT, which is free (see the README), or the made phantom is ever shown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    from Testing.slicer.start import start

    start()

from PIL import Image

from LIMNetSegmentLib.InstallLogic import InstallLogic, Machine
from LIMNetSegmentLib.InstallPanel import InstallPanel, chooseFolder
from SlicerLIMNet.evaluation.demo_input import demo_input, phantom_input
from Testing.slicer.panel_doubles import FakePackages
from Testing.slicer.pictures import PANEL_WIDTH, STYLE
from Testing.slicer.python_qt import grab, let_qt_work, qt
from Testing.slicer.walkthrough import Walkthrough, walkthrough

FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "Screenshots"
ORGAN = "liver"
PICTURES = {
    "first-click": "first-click",
    "round-1-running": "running",
    "round-1": "1",
    "round-3": "corrected",
}
"""Pictures of the walk-through, and their names in the README."""
COLOURS = 256


def take_walk(day: Walkthrough) -> None:
    """Click, propagate and correct once; the walk-through takes its pictures meanwhile."""
    day.click_first()
    day.propagate("propagate")
    day.correct()
    day.propagate("correct in the axial view, propagate")


def picture_of_options(editor: Any, path: Path) -> None:
    """The panel with its advanced options."""
    panel = editor.effectByName("LIMNet").self().panel
    panel.advancedButton.click()
    editor.resize(PANEL_WIDTH, 800)
    let_qt_work()
    grab(editor.effectByName("LIMNet").optionsFrame(), path)
    panel.advancedButton.click()


def picture_of_installation(path: Path) -> None:
    """What a new user sees before torch is installed."""
    machine = Machine("Linux", "x86_64", (3, 12))
    install = InstallLogic(FakePackages(isComplete=False), machine)
    panel = InstallPanel(install, lambda: None, chooseFolder)
    frame = qt.QFrame()
    layout = qt.QVBoxLayout(frame)
    layout.addWidget(panel.widget)
    frame.setStyleSheet(STYLE)
    panel.show()
    frame.resize(PANEL_WIDTH, 1)
    frame.show()
    frame.resize(PANEL_WIDTH, frame.sizeHint.height())
    let_qt_work()
    grab(frame, path)
    frame.close()
    panel.cleanup()


def keep(source: Path, target: Path) -> None:
    """Store a picture with few colours: a repository remembers every byte."""
    with Image.open(source) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(target, optimize=True)


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=FOLDER, help="default: %(default)s")
    parser.add_argument("--phantom", action="store_true", help="show the phantom, not the CT")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")

    source = phantom_input() if arguments.phantom else demo_input(say)
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        with walkthrough(source, ORGAN, say, made) as day:
            take_walk(day)
            picture_of_options(day.editor, made / "options.png")
        picture_of_installation(made / "install.png")
        for taken, kept in PICTURES.items():
            keep(made / f"{ORGAN}-{taken}.png", arguments.output / f"{kept}.png")
        for kept in ("options", "install"):
            keep(made / f"{kept}.png", arguments.output / f"{kept}.png")


if __name__ == "__main__":
    main()
