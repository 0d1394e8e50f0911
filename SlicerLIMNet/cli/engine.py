"""The engine that commands work with, made late: importing torch takes longer than `--help` may."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from SlicerLIMNet.domain.config import PAPER, PERMANENT, PRESETS, UNTIL_END, WHOLE
from SlicerLIMNet.session.parts import Networks

EngineMaker = Callable[[str, str], Networks]
"""Preset and device, by name, to an engine."""

DEVICES = ("auto", "cpu", "cuda", "mps")


def make_engine(preset: str, device: str) -> Networks:
    """Return an engine with the weights of a preset.

    Raises:
        ConfigError: There is no such preset.
        WeightsError: Its weights are missing or damaged.
        DeviceError: There is no such device here.
    """
    from SlicerLIMNet.session.engine import Engine

    return Engine(preset, device)


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add `--preset` and `--device`."""
    parser.add_argument(
        "--preset",
        default="light",
        metavar="NAME",
        help=f"which networks: {', '.join(PRESETS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        default="auto",
        choices=DEVICES,
        help="where to compute; auto takes a GPU if there is one (default: %(default)s)",
    )


def add_round_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen about a round: `--range`, `--memory`, `--no-fusion`."""
    parser.add_argument(
        "--range",
        dest="range_",
        type=_range,
        metavar="until-end|whole|N",
        help="how far a round goes: until the object ends, through the whole volume, or N slices "
        "each way (default: the preset's)",
    )
    parser.add_argument(
        "--memory",
        choices=(PERMANENT, PAPER),
        help="references of a round: every slice clicked so far, or, as in the paper, only the "
        "one just clicked (default: the preset's)",
    )
    parser.add_argument(
        "--no-fusion",
        action="store_true",
        help="let a slice's new mask always replace the old one",
    )


def round_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was chosen about a round, by the names of `RoundConfig`."""
    chosen: dict[str, Any] = {}
    if arguments.range_ is not None:
        chosen["range"] = arguments.range_
    if arguments.memory is not None:
        chosen["memory"] = arguments.memory
    if arguments.no_fusion:
        chosen["fusion"] = False
    return chosen


def _range(text: str) -> str | int:
    named = {"until-end": UNTIL_END, "until_end": UNTIL_END, "whole": WHOLE}
    if text in named:
        return named[text]
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(
            f"expected until-end, whole or a number of slices each way, not {text!r:.50}"
        )
    return int(text)
