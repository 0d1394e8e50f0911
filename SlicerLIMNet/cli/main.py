"""`limnet`: the parser of all commands, and what becomes of errors at the border to the user.

Exit codes: 0 done, 1 something the user can set right (one sentence on stderr), 2 wrong usage, 130
cancelled with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from SlicerLIMNet import __version__
from SlicerLIMNet.cli import (
    app,
    baselines,
    bench,
    demo,
    evaluate,
    manifest,
    segment,
    train,
    weights,
)
from SlicerLIMNet.cli.engine import EngineMaker, make_engine
from SlicerLIMNet.cli.terminal import logging_to_stderr, say
from SlicerLIMNet.errors import Cancelled, LIMNetError

DONE, USER_ERROR, WRONG_USAGE, CANCELLED = 0, 1, 2, 130

COMMANDS = (segment, evaluate, manifest, baselines, weights, train, demo, app, bench)

_DESCRIPTION = "Click-based 3D segmentation of CT and MR."
_EPILOG = """\
examples:
  limnet segment ct.nii.gz --clicks clicks.json -o liver.seg.nrrd
  limnet demo
  limnet app ct.nii.gz
  limnet evaluate manifest.json --protocol worst-slice --json figures.json
  limnet COMMAND --help
"""

_EXTRAS = {
    "matplotlib": "demo",
    "pooch": "demo",
    "surface_distance": "evaluate",
    "lightning_fabric": "train",
    "skimage": "train",
    "highdicom": "dicom",
    "pydicom": "dicom",
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; `run` of what it parses is the command."""
    parser = argparse.ArgumentParser(
        "limnet",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"limnet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--verbose", action="store_true", help="show on stderr what is done")
    for command in COMMANDS:
        command.add_parser(commands, everywhere)
    return parser


def main(argv: Sequence[str] | None = None, engines: EngineMaker = make_engine) -> int:
    """Run a command and return its exit code; no error that a user can cause leaves a traceback.

    Args:
        argv: Without the program's name; those of this process if not given.
        engines: How to make an engine.
    """
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # after --help, --version or wrong usage
        return int(stop.code or DONE)
    with logging_to_stderr(arguments.verbose):
        try:
            arguments.run(arguments, engines)
            sys.stdout.flush()
            return DONE
        except (Cancelled, KeyboardInterrupt) as stop:
            say(f"limnet: {str(stop) or 'cancelled'}")
            return CANCELLED
        except (LIMNetError, OSError, MemoryError, ModuleNotFoundError) as error:
            sentence = _sentence(error)
            if sentence is None:
                raise
            say(f"limnet: {sentence}")
            return USER_ERROR


def _sentence(error: Exception) -> str | None:
    """Return what to tell the user, or None where the error is a bug of ours."""
    if isinstance(error, LIMNetError):
        return str(error)
    if isinstance(error, BrokenPipeError):
        _close_stdout()
        return "the output was closed before all of it was written"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return "there is not enough memory for this volume; free some, or crop the volume"
    missing = (getattr(error, "name", None) or "").partition(".")[0]
    if missing == "torch":
        return "torch is not installed; install it with: pip install torch"
    if missing in _EXTRAS:
        extra = _EXTRAS[missing]
        return f"{missing} is not installed; install it with: pip install 'SlicerLIMNet[{extra}]'"
    return None


def _close_stdout() -> None:
    """Keep Python from writing to a closed pipe once more when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
