"""`limnet bench`: how fast clicks and rounds are on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from SlicerLIMNet.cli.engine import EngineChoice, EngineMaker, add_engine_options
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.terminal import print_json, reported

_EPILOG = """\
The volume is made: a tube a third of a slice wide, on 60% of the slices. Measured, after one
repeat to warm up: a click, a first round, a later round with its fusion, the whole mask, and the
later round of an engine that keeps no features. Slices a second are those that truly went through
the propagation network, by the time of the whole round.

examples:
  limnet bench
  limnet bench --slices 100 1000 --size 256 480 --json
  limnet bench --preset paper --random-weights --slices 20 --naive
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
        "--slices", type=int, nargs="+", default=[100], metavar="N", help="of the volume (100)"
    )
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=[256],
        metavar="PIXELS",
        help="rows and columns of a slice (256)",
    )
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="measured (default: %(default)s)"
    )
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="measure networks with random weights, as is done where the preset's are missing",
    )
    parser.add_argument(
        "--naive",
        action="store_true",
        help="do the same work on the plain path, too: whole affinity, nothing kept, one direction "
        "at a time, float32, on whole slices and in a region; takes many times as long",
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

    sizes = [BenchSize(n, pixels) for pixels in arguments.size for n in arguments.slices]
    engines = BenchEngines.load(
        choice.preset, choice.device, choice.precision, choice.threads, arguments.random_weights
    )
    results = []
    for size in sizes:
        with cancel_on_interrupt() as cancel, reported("bench", "repeat") as report:
            result = run_bench(
                engines, size, arguments.repeats, report, cancel, naive=arguments.naive
            )
        results.append(result)
        if not arguments.json:
            print("\n".join(result.lines()))
    if arguments.json:
        ratios = {choice.preset: results[0].ratios}
        runs = [result.to_json() for result in results]
        print_json({"format": 2, "ratios": ratios, "runs": runs})
