"""The options of `limnet evaluate`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from SlicerLIMNet.domain.config import CLICKED, NEAREST

PROTOCOLS = ("worst-slice", "error-centre", "cvpr25")
LIMNET = "limnet"
METHODS = (LIMNET, "grow-from-seeds", "random-walker", "region-growing")
ALL = "all"

CHALLENGE = "cvpr25"
ROUNDS, CHALLENGE_ROUNDS = 6, 5
MOST_CLICKS = 20
"""As the literature counts clicks to a given Dice."""


def add_robot_options(parser: argparse.ArgumentParser) -> None:
    """Add how the robot user works: `--protocol`, `--rounds`, `--most-clicks`, ..."""
    group = parser.add_argument_group("the robot user")
    group.add_argument(
        "--protocol",
        type=partial(_names, PROTOCOLS),
        default=PROTOCOLS[:1],
        metavar="NAME[,NAME]|all",
        help=f"where the robot clicks: {', '.join(PROTOCOLS)} (default: {PROTOCOLS[0]})",
    )
    group.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help=f"of one click (default: {ROUNDS}; for {CHALLENGE} {CHALLENGE_ROUNDS})",
    )
    group.add_argument(
        "--most-clicks",
        type=int,
        default=0,
        metavar="N",
        help="go on to N clicks, of which only Dice is kept, for the clicks to 0.80, 0.85 and 0.90 "
        "and the curve over 10 rounds; 20 is usual (default: the rounds; with --all 20 for "
        "the first run and its likes without fusion)",
    )
    group.add_argument("--limit", type=int, metavar="N", help="only the first N targets")
    group.add_argument(
        "--jitter",
        type=float,
        default=0.0,
        metavar="PIXELS",
        help="move clicks at random by up to this distance, within the error",
    )


def add_comparison_options(parser: argparse.ArgumentParser) -> None:
    """Add what is run side by side: `--all`, `--method`, `--compare-fusion`, ..."""
    group = parser.add_argument_group("what is compared")
    group.add_argument(
        "--all",
        action="store_true",
        help="everything: all protocols, all methods, --compare-fusion and --compare-memory",
    )
    group.add_argument(
        "--method",
        type=partial(_names, METHODS),
        default=METHODS[:1],
        metavar="NAME[,NAME]|all",
        help=f"{', '.join(METHODS)} (default: {LIMNET}); the others are what one would use instead",
    )
    group.add_argument(
        "--compare-fusion",
        action="store_true",
        help="with fusion; without it; and without it on the clicks of the run with it",
    )
    group.add_argument("--compare-memory", action="store_true", help="both memory modes")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add where figures go: `--json`, `--html`, `--results`, and how many processes work."""
    group = parser.add_argument_group("the report")
    group.add_argument("--json", type=Path, metavar="OUT.json", help="write all figures here")
    group.add_argument(
        "--html",
        type=Path,
        metavar="OUT.html",
        help="write one page with tables, curves, and pictures of the best and worst cases",
    )
    group.add_argument(
        "--results",
        type=Path,
        metavar="FILE.jsonl",
        help="keep finished targets here (default: OUT.targets.jsonl beside the report)",
    )
    group.add_argument(
        "--surface",
        action=argparse.BooleanOptionalAction,
        help="whether the surface Dice is measured (default: if its library is installed)",
    )
    group.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes that work at a time (default: one a core, on a GPU one)",
    )


def add_path_options(parser: argparse.ArgumentParser) -> None:
    """Add what else can be chosen about a round: `--follow`, `--incremental`, ..."""
    parser.add_argument(
        "--follow",
        choices=(NEAREST, CLICKED),
        help="whether a slice is followed from its nearest reference or from the slice just "
        "clicked (default: the preset's)",
    )
    parser.add_argument(
        "--incremental",
        action=argparse.BooleanOptionalAction,
        help="whether masks between two slices that were clicked in earlier rounds stay as they "
        "are (default: the preset's)",
    )
    parser.add_argument(
        "--fusion-margin",
        type=float,
        metavar="P",
        help="the old mask of a slice stays if its probability of being better is above 0.5 by "
        "more than this (default: the preset's)",
    )


def _names(known: Sequence[str], text: str) -> tuple[str, ...]:
    """Return the names in a list with commas, each once; `all` for all of them."""
    if text == ALL:
        return tuple(known)
    names = tuple(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"invalid choice: {unknown[0]!r:.50} (choose from {', '.join(known)}, {ALL})"
        )
    return names
