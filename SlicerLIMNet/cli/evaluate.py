"""`limnet evaluate`: the robot user on the targets of a manifest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from SlicerLIMNet.cli.engine import (
    EngineChoice,
    EngineMaker,
    add_engine_options,
    add_round_options,
    round_options,
)
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.cli.terminal import reported
from SlicerLIMNet.io.write_aside import write_aside

PROTOCOLS = ("worst-slice", "error-centre")

_EPILOG = """\
worst-slice   click the largest slice first, then the slice that is worst, at the deepest point of
              its larger error
error-centre  click the largest slice first, then the centre of the largest error in 3D

examples:
  limnet evaluate manifest.json --protocol worst-slice --rounds 6 --json figures.json
  limnet evaluate manifest.json --no-fusion --memory paper --limit 3
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        parents=[everywhere],
        help="let a robot user click on labelled volumes, and measure",
        description="Let a robot user segment the targets of labelled volumes, and measure Dice.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "manifest",
        type=Path,
        metavar="MANIFEST.json",
        help='{"format": 1, "volumes": [{"name", "image", "labels", "modality", "targets": {...}}]}'
        ", with paths relative to it",
    )
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default=PROTOCOLS[0],
        help="where the robot clicks (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=6, metavar="N", help="of one click (default: %(default)s)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N targets")
    parser.add_argument(
        "--jitter",
        type=float,
        default=0.0,
        metavar="PIXELS",
        help="move clicks at random by up to this distance, within the error",
    )
    add_round_options(parser)
    add_engine_options(parser)
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write all figures here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, engines: EngineMaker) -> None:
    """Run every target, write the figures, print the mean."""
    from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
    from SlicerLIMNet.evaluation.robot_user import ClickRule
    from SlicerLIMNet.evaluation.runner import evaluate, sessions_on
    from SlicerLIMNet.io.manifest import read_manifest

    choice = EngineChoice.of(arguments)
    robot = RobotConfig(ClickRule(arguments.protocol), arguments.rounds, arguments.jitter)
    volumes = read_manifest(arguments.manifest)
    if arguments.json is not None:
        check_can_write(arguments.json)
    engine = engines(choice)
    rounds = replace(engine.default_config, **round_options(arguments))
    with cancel_on_interrupt() as cancel, reported("evaluate", "round") as report:
        result = evaluate(
            volumes, sessions_on(engine), rounds, robot, arguments.limit, report, cancel
        )
    if arguments.json is not None:
        content = result.to_json() | {"engine": engine.info.to_json()}
        _write(arguments.json, content)
    for target in result.targets:
        print(_row(f"{target.volume} {target.label}", target.dice))
    print(_row(f"mean of {len(result.targets)}", result.mean_dice))


def _row(name: str, dice: Sequence[float]) -> str:
    return f"{name:40} {' '.join(f'{value:.3f}' for value in dice)}"


def _write(path: Path, content: object) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    with write_aside(path) as aside:
        aside.write_text(text, "utf-8")
