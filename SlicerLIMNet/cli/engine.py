"""The engine that commands work with, made late: importing torch takes longer than `--help` may."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SlicerLIMNet.domain.config import (
    PAPER,
    PERMANENT,
    PRESETS,
    UNTIL_END,
    WHOLE,
    preset_by_name,
)
from SlicerLIMNet.session.parts import Networks

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class EngineChoice:
    """Which engine the user asked for.

    Raises:
        ConfigError: There is no such preset.
    """

    preset: str = "light"
    """By name."""
    device: str = "auto"
    """One of `DEVICES`."""
    precision: str = "auto"
    """One of `PRECISIONS`."""
    threads: int | None = None
    """Of the CPU; None leaves what there is."""
    with_fusion: bool = True
    """Whether the quality network is needed."""
    weights: Path | None = None
    """File or folder of weights that take the place of the preset's."""

    def __post_init__(self) -> None:
        preset_by_name(self.preset)  # a wrong name is found before any work

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> EngineChoice:
        """Return what the options of `add_engine_options` say.

        Raises:
            ConfigError: There is no such preset.
        """
        return cls(
            arguments.preset,
            arguments.device,
            arguments.precision,
            arguments.threads,
            with_fusion=getattr(arguments, "fusion", None) is not False,
            weights=arguments.weights,
        )


EngineMaker = Callable[[EngineChoice], Networks]


def make_engine(choice: EngineChoice) -> Networks:
    """Return an engine with the weights of a preset.

    Raises:
        WeightsError: Its weights are missing or damaged.
        DeviceError: There is no such device here.
    """
    from SlicerLIMNet.session.engine import Engine
    from SlicerLIMNet.session.engine_networks import weights_in

    return Engine(
        choice.preset,
        choice.device,
        precision=choice.precision,
        threads=choice.threads,
        weights=None if choice.weights is None else weights_in(choice.weights),
        with_fusion=choice.with_fusion,
    )


def add_engine_options(parser: argparse.ArgumentParser, device: str = "auto") -> None:
    """Add `--preset`, `--device`, `--precision` and `--threads`."""
    parser.add_argument(
        "--preset",
        default="light",
        metavar="NAME",
        help=f"which networks: {', '.join(PRESETS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="weights that take the place of the preset's, such as `limnet train finetune` writes: "
        "a folder, or one file",
    )
    parser.add_argument(
        "--device",
        default=device,
        choices=DEVICES,
        help="where to compute; auto takes a GPU if there is one (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        default="auto",
        choices=PRECISIONS,
        help="auto takes bfloat16 where it is measured to be fast (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of the CPU (default: as many as are fast while it runs)",
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
        "--fusion",
        action=argparse.BooleanOptionalAction,
        help="whether the better of old and new mask of a slice is kept, or always the new one "
        "(default: the preset's)",
    )


def round_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was chosen about a round, by the names of `RoundConfig`."""
    chosen: dict[str, Any] = {}
    if arguments.range_ is not None:
        chosen["range"] = arguments.range_
    if arguments.memory is not None:
        chosen["memory"] = arguments.memory
    if arguments.fusion is not None:
        chosen["fusion"] = arguments.fusion
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
