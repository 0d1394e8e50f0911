"""`limnet demo`: organs of a torso CT from six clicks each, and a page that shows them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SlicerLIMNet.cli.engine import EngineChoice, EngineMaker, add_engine_options
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.terminal import print_json, reported, say
from SlicerLIMNet.session.parts import EngineInfo

_EPILOG = """\
The input is the torso CT of the environment variable LIMNET_SAMPLE (a folder), else of its public
address, else a phantom that this package makes.

examples:
  limnet demo
  limnet demo --phantom --rounds 3 --output /tmp/demo
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "demo",
        parents=[everywhere],
        help="segment five organs of a torso CT and show the result",
        description="Segment liver, spleen, both kidneys and aorta of a torso CT with a robot "
        "user's clicks, with and without fusion, and write pictures, figures and a page.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="FOLDER",
        help="where to write (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=6, metavar="N", help="of one click (default: %(default)s)"
    )
    parser.add_argument("--phantom", action="store_true", help="take the phantom, download nothing")
    add_engine_options(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, engines: EngineMaker) -> None:
    """Run the demonstration, write its page, print Dice and seconds a round."""
    from SlicerLIMNet.evaluation.demo import run_demo, text_lines
    from SlicerLIMNet.evaluation.demo_input import demo_input, phantom_input
    from SlicerLIMNet.evaluation.demo_output import prepare_folder, write_demo
    from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
    from SlicerLIMNet.evaluation.runner import sessions_on

    choice = EngineChoice.of(arguments)
    robot = RobotConfig(rounds=arguments.rounds)
    prepare_folder(arguments.output)
    engine = engines(choice)
    source = phantom_input() if arguments.phantom else demo_input(say)
    with cancel_on_interrupt() as cancel, reported("demo", "round") as report:
        result = run_demo(source, sessions_on(engine), engine.default_config, robot, report, cancel)
    page = write_demo(result, arguments.output, _facts(engine.info))
    if arguments.json:
        print_json(result.summary())
    else:
        print("\n".join([source.name, *text_lines(result)]))
    say(f"the result is in {arguments.output}; open {page}")


def _facts(info: EngineInfo) -> Mapping[str, str]:
    """Return what the page states about the engine."""
    return {
        "version": info.engine_version,
        "preset": info.preset,
        "device": f"{info.device}, {info.precision}, {info.threads} threads",
        **{f"{role} weights (sha256)": sha256 for role, sha256 in info.weights.items()},
    }
