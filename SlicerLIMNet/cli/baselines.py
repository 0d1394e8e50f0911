"""`limnet baselines`: choose the parameters of the tools that results are compared with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from SlicerLIMNet.cli.engine import EngineMaker
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.terminal import print_json, reported
from SlicerLIMNet.errors import ConfigError

METHODS = ("grow-from-seeds", "random-walker", "region-growing")

_DESCRIPTION = """\
Choose the parameters of the tools that `limnet evaluate --method` compares with: the robot user
clicks in every candidate, on volumes that no figure is measured on. Printed are the mean Dice
after every round and the parameters; the best of each method comes first.
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "baselines",
        parents=[everywhere],
        help="choose the parameters of the tools for comparison on training volumes",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("manifest", type=Path, metavar="TRAIN.json", help="of training volumes")
    parser.add_argument(
        "--method",
        choices=METHODS,
        action="append",
        help="only this one; may be given several times (default: all)",
    )
    parser.add_argument(
        "--targets",
        type=int,
        default=12,
        metavar="N",
        help="of as many different sources as there are (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=int, default=4, metavar="N", help="of one click (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Try every candidate and print what it led to."""
    from SlicerLIMNet.evaluation.baselines.choice import CANDIDATES, spread_choice, try_candidates
    from SlicerLIMNet.io.manifest import read_manifest

    if arguments.targets < 1 or arguments.rounds < 1:
        raise ConfigError("the candidates need one target and one round or more")
    chosen = spread_choice(read_manifest(arguments.manifest), arguments.targets)
    if not chosen:
        raise ConfigError(f"no volume of {arguments.manifest} has targets")
    methods = arguments.method or METHODS
    candidates = {method: CANDIDATES[method] for method in METHODS if method in methods}
    with cancel_on_interrupt() as cancel, reported("baselines", "trial") as report:
        trials = try_candidates(chosen, arguments.rounds, candidates, report, cancel)
    rows: list[dict[str, Any]] = [
        {"method": trial.method, "dice": [*trial.mean_dice], "parameters": _parameters(trial)}
        for trial in trials
    ]
    names = [volume.name for volume in chosen]
    if arguments.json:
        print_json({"volumes": names, "trials": rows})
        return
    print(f"{len(names)} targets, of: {', '.join(names)}")
    for row in rows:
        print(_line(row["method"], row["dice"], row["parameters"]))


def _parameters(trial: Any) -> dict[str, Any]:
    return asdict(trial.grower)


def _line(method: str, dice: Sequence[float], parameters: dict[str, Any]) -> str:
    curve = " ".join(f"{value:.3f}" for value in dice)
    return f"{method:16} {curve}  {' '.join(f'{k}={v}' for k, v in parameters.items())}"
