"""`limnet evaluate`: the robot user on the targets of a manifest."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerLIMNet.cli.engine import (
    EngineChoice,
    EngineMaker,
    add_engine_options,
    add_round_options,
    make_engine,
    round_options,
)
from SlicerLIMNet.cli.evaluate_options import (
    CHALLENGE,
    CHALLENGE_ROUNDS,
    LIMNET,
    METHODS,
    MOST_CLICKS,
    PROTOCOLS,
    ROUNDS,
    add_comparison_options,
    add_output_options,
    add_path_options,
    add_robot_options,
)
from SlicerLIMNet.cli.evaluate_report import report_on
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.cli.terminal import reported, say
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.session.parts import Networks

if TYPE_CHECKING:  # imported when they are needed: --help must not wait for libraries
    from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
    from SlicerLIMNet.evaluation.run_settings import RunSettings


_EPILOG = """\
protocols (where the robot clicks, once a round):
  worst-slice   the largest slice first, then the slice that is worst, at the deepest point of its
                larger error
  error-centre  the largest slice first, then the centre of the largest error in 3D, in mm
  cvpr25        always the centre of the largest error in 3D, in voxels; five clicks

The work is done on all cores, each object by one process with one thread: apart from the seconds
every run gives the same figures. With --json or --html finished targets are kept beside them, and
the same command goes on where it was stopped; targets of other settings, weights or data are run
anew.

examples:
  limnet evaluate manifest.json --protocol worst-slice --rounds 6 --json figures.json
  limnet evaluate manifest.json --compare-fusion --most-clicks 20 --html report.html
  limnet evaluate manifest.json --all --html report.html --json figures.json
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        parents=[everywhere],
        help="let a robot user click on labelled volumes, and measure",
        description="Let a robot user segment the targets of labelled volumes, and measure how "
        "good the masks are after every click, for one way of working or several side by side.",
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
    add_robot_options(parser)
    add_comparison_options(parser)
    add_round_options(parser)
    add_path_options(parser)
    add_engine_options(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, engines: EngineMaker) -> None:
    """Run every target, write the report, print the means."""
    from SlicerLIMNet.evaluation.methods import Methods
    from SlicerLIMNet.evaluation.results_file import ResultsFile
    from SlicerLIMNet.evaluation.runner import evaluate
    from SlicerLIMNet.io.manifest import read_manifest

    methods, choice = _methods(arguments), _engine_choice(arguments)
    robots = _robots(arguments)
    volumes = read_manifest(arguments.manifest)
    results = ResultsFile(_results_path(arguments))
    engine = engines(choice) if LIMNET in methods else None
    runs = _runs(arguments, methods, robots, engine)
    processes = _processes(arguments, engine)
    if engines is not make_engine:
        processes = 1  # an engine that was handed in lives in this process
    here = partial(Methods, lambda: engine or engines(choice))
    elsewhere = partial(Methods, partial(engines, choice))
    with cancel_on_interrupt() as cancel, reported("evaluate", "round") as report:
        evaluations = evaluate(
            volumes,
            runs,
            here if processes == 1 else elsewhere,
            limit=arguments.limit,
            with_surface=_with_surface(arguments),
            results=results,
            processes=processes,
            report=report,
            cancel=cancel,
        )
    report_on(evaluations, volumes, engine, arguments)


def _methods(arguments: argparse.Namespace) -> tuple[str, ...]:
    return METHODS if arguments.all else arguments.method


def _engine_choice(arguments: argparse.Namespace) -> EngineChoice:
    """Return the engine: one thread a process unless said, and a judge where fusion is compared."""
    choice = EngineChoice.of(arguments)
    if arguments.all or arguments.compare_fusion:
        choice = replace(choice, with_fusion=True)
    return replace(choice, threads=choice.threads or 1)


def _robots(arguments: argparse.Namespace) -> list[RobotConfig]:
    """Return how the robot clicks, one a protocol."""
    from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
    from SlicerLIMNet.evaluation.robot_user import ClickRule

    protocols = PROTOCOLS if arguments.all else arguments.protocol
    robots = []
    for protocol in protocols:
        usual = CHALLENGE_ROUNDS if protocol == CHALLENGE else ROUNDS
        rounds = usual if arguments.rounds is None else arguments.rounds
        most = arguments.most_clicks
        robots.append(RobotConfig(ClickRule(protocol), rounds, arguments.jitter, most))
    return robots


def _runs(
    arguments: argparse.Namespace,
    methods: Sequence[str],
    robots: Sequence[RobotConfig],
    engine: Networks | None,
) -> list[RunSettings]:
    from SlicerLIMNet.evaluation.methods import figures_depend_on
    from SlicerLIMNet.evaluation.run_settings import compared_runs, with_long_first

    rounds = RoundConfig() if engine is None else engine.default_config
    chosen = round_options(arguments)
    if arguments.follow is not None:
        chosen["follow"] = arguments.follow
    if arguments.incremental is not None:
        chosen["incremental"] = arguments.incremental
    if arguments.fusion_margin is not None:
        chosen["fusion_margin"] = arguments.fusion_margin
    depends_on = {name: figures_depend_on(name, engine) for name in methods}
    runs = compared_runs(
        methods,
        robots,
        replace(rounds, **chosen),
        depends_on,
        arguments.all or arguments.compare_fusion,
        arguments.all or arguments.compare_memory,
    )
    is_long = arguments.all and not arguments.most_clicks
    return with_long_first(runs, MOST_CLICKS) if is_long else runs


def _processes(arguments: argparse.Namespace, engine: Networks | None) -> int:
    """Return how many processes work at a time: one on a GPU, which does not gain by more."""
    if arguments.jobs is not None:
        if arguments.jobs < 1:
            raise ConfigError(f"--jobs is 1 or more, not {arguments.jobs}")
        return arguments.jobs
    if engine is not None and not engine.info.device.startswith("cpu"):
        return 1
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def _results_path(arguments: argparse.Namespace) -> Path | None:
    """Return where finished targets are kept; the outputs have been found to be writable.

    Raises:
        ConfigError: A page is asked for and cannot be drawn.
        OutputError: An output cannot be written.
    """
    if arguments.html is not None and find_spec("matplotlib") is None:
        raise ConfigError("--html needs matplotlib; run: pip install 'SlicerLIMNet[evaluate]'")
    outputs = [path for path in (arguments.json, arguments.html) if path is not None]
    path = arguments.results
    if path is None and outputs:
        path = outputs[0].with_suffix(".targets.jsonl")
    for output in (*outputs, *([] if path is None else [path])):
        check_can_write(output)
    return path


def _with_surface(arguments: argparse.Namespace) -> bool:
    """Return whether the surface Dice is measured; where its library is missing that is said."""
    if arguments.surface is not None:
        return arguments.surface
    if find_spec("surface_distance") is None:
        say("without surface Dice, which needs: pip install 'SlicerLIMNet[evaluate]'")
        return False
    return True
