"""`limnet bench`: how fast clicks and rounds are on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from SlicerLIMNet.cli.engine import EngineChoice, EngineMaker, add_engine_options
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.terminal import print_json, reported

_EPILOG = """\
The volume is made: a tube a third of a slice wide, on 60% of the slices. Measured, after one
repeat to warm up: a click, a first round, a later round, and the same later round of an engine that
keeps no features of slices.

examples:
  limnet bench
  limnet bench --slices 40 --size 128 --repeats 5 --json
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bench",
        parents=[everywhere],
        help="measure clicks and rounds on this machine",
        description="Measure seconds of clicks and rounds on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--slices", type=int, default=100, metavar="N", help="of the volume (default: %(default)s)"
    )
    parser.add_argument(
        "--size",
        type=int,
        default=256,
        metavar="PIXELS",
        help="rows and columns of a slice (default: %(default)s)",
    )
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="measured (default: %(default)s)"
    )
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="measure networks with random weights, as is done where the preset's are missing",
    )
    add_engine_options(parser, device="cpu")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Measure and print."""
    choice = EngineChoice.of(arguments)
    from SlicerLIMNet.bench.cases import BenchSize
    from SlicerLIMNet.bench.engines import BenchEngines
    from SlicerLIMNet.bench.runner import run_bench

    size = BenchSize(arguments.slices, arguments.size)
    engines = BenchEngines.load(
        choice.preset, choice.device, choice.precision, choice.threads, arguments.random_weights
    )
    with cancel_on_interrupt() as cancel, reported("bench", "repeat") as report:
        result = run_bench(engines, size, arguments.repeats, report, cancel)
    if arguments.json:
        print_json(result.to_json())
    else:
        print("\n".join(result.lines()))
