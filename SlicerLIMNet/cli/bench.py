"""`limnet bench`: how fast clicks and rounds are on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerLIMNet.cli.engine import EngineChoice, EngineMaker, add_engine_options
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.terminal import print_json, reported

if TYPE_CHECKING:
    from SlicerLIMNet.bench.engines import BenchEngines

_EPILOG = """\
The volume is made: a tube a third of a slice wide, on 60% of the slices. Measured, after one
repeat to warm up: a click, a first round, a later round with its fusion, the whole mask, and the
later round of an engine that keeps no features. Slices a second are those that truly went through
the propagation network, by the time of the whole round.

With --agreement nothing is timed: a robot user clicks on the objects of labelled volumes, and its
clicks are repeated without what makes rounds faster. Told is how much the masks differ, if all
rounds up to then go another way, and if only one of them does.

examples:
  limnet bench
  limnet bench --slices 100 1000 --size 256 480 --json
  limnet bench --preset paper --random-weights --slices 20 --naive
  limnet bench --agreement manifest.json --against float32 plain
"""


WAYS = ("float32", "plain", "anew", "whole-slices")
"""What --agreement compares with; the module that does it loads torch."""


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
    parser.add_argument(
        "--agreement",
        type=Path,
        metavar="MANIFEST.json",
        help="compare masks of labelled volumes instead, as for limnet evaluate",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        choices=WAYS,
        default=WAYS[:3],
        metavar="WAY",
        help="what to compare masks with: float32, plain (no shortcut, float32), anew (later "
        "rounds through all slices), whole-slices (plain, without a region; slow) (default: the "
        "first three)",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="compared (default: %(default)s)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="compare only the first N objects")
    add_engine_options(parser, device="cpu")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Measure and print."""
    choice = EngineChoice.of(arguments)
    from SlicerLIMNet.bench.engines import BenchEngines

    engines = BenchEngines.load(
        choice.preset, choice.device, choice.precision, choice.threads, arguments.random_weights
    )
    if arguments.agreement is None:
        _measure_speed(engines, choice, arguments)
    else:
        _measure_agreement(engines, arguments)


def _measure_speed(
    engines: BenchEngines, choice: EngineChoice, arguments: argparse.Namespace
) -> None:
    from SlicerLIMNet.bench.cases import BenchSize
    from SlicerLIMNet.bench.runner import run_bench

    sizes = [BenchSize(n, pixels) for pixels in arguments.size for n in arguments.slices]
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


def _measure_agreement(engines: BenchEngines, arguments: argparse.Namespace) -> None:
    from SlicerLIMNet.bench.agreement import measure_agreement
    from SlicerLIMNet.io.manifest import read_manifest

    volumes = read_manifest(arguments.agreement)
    with cancel_on_interrupt() as cancel, reported("compare", "object") as report:
        found = measure_agreement(
            engines, volumes, arguments.against, arguments.rounds, arguments.limit, report, cancel
        )
    if arguments.json:
        print_json(found.to_json())
    else:
        print("\n".join(found.lines()))
