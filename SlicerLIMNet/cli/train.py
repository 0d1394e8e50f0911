"""`limnet train`: one stage of the training, from its configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SlicerLIMNet.cli.engine import EngineMaker
from SlicerLIMNet.cli.terminal import say
from SlicerLIMNet.errors import Cancelled

STAGES = ("prompt", "memory", "fusion")

_EPILOG = """\
A run goes on from its last checkpoint when it is started again. Paths in the configuration are
relative to the working folder.

examples:
  limnet train prompt --config Resources/Training/prompt.json
  limnet train fusion --config my-fusion.json
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        parents=[everywhere],
        help="train one of the three networks",
        description="Train one of the three networks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=STAGES, help="which network")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="settings of the run, as JSON"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Train, and say where the checkpoint lies."""
    from SlicerLIMNet.training.trainer import train

    try:
        checkpoint = train(arguments.stage, arguments.config)
    except KeyboardInterrupt:
        raise Cancelled("cancelled; the same call goes on from the last checkpoint") from None
    say(f"trained; the checkpoint is {checkpoint}")
