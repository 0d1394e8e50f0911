"""`limnet train`: stages, whole campaigns, training packs, and fine-tuning on one's own volumes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SlicerLIMNet.cli.engine import DEVICES, EngineMaker
from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.cli.terminal import print_json, say
from SlicerLIMNet.errors import Cancelled, ConfigError

STAGES = {
    "prompt": "train the prompt network: clicks to a mask",
    "memory": "train the propagation network: from slice to slice",
    "fusion": "train the quality network on rollouts of the other two",
}

_AGAIN = "cancelled; the same call goes on from the last checkpoint"

_EPILOG = """\
A run goes on from its last checkpoint when it is started again. Paths in a configuration are
relative to the working folder. Several GPUs or machines: start the same words with torchrun; all
processes must see the run's folder, and `batch` counts for each of them.

examples:
  limnet train prompt --config Resources/Training/prompt.json
  limnet train all --config Resources/Training/hour-gpu.json
  limnet train pack --config Resources/Training/prompt.json -o packs/campaign.npz
  limnet train finetune my-volumes -o my-weights
  limnet train --finetune my-volumes -o my-weights
  torchrun --nproc-per-node 4 -m SlicerLIMNet train memory --config Resources/Training/memory.json
"""

_FINETUNE_EPILOG = """\
FOLDER holds pairs such as case1.nii.gz and case1_labels.nii.gz (or _label, _seg, _mask), or two
folders, images and labels (imagesTr and labelsTr), with files of the same names; every value of a
labelmap is an object. Some of the volumes are kept to measure on and never trained on. Without a
GPU this takes about a quarter of an hour.

examples:
  limnet train finetune my-volumes -o my-weights
  limnet train finetune manifest.json --only '^neck' --measured-share 0.5 -o neck-weights
  limnet segment ct.nii.gz --clicks clicks.json -o out.nii.gz --weights my-weights
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        parents=[everywhere],
        help="train the networks, or fine-tune them on your own volumes",
        description="Train the networks, or fine-tune them on your own volumes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(title="what to do", metavar="WHAT", required=True)
    group = parser.add_argument_group("the same as finetune FOLDER, where all options are told")
    group.add_argument(
        "--finetune", dest="source", type=Path, metavar="FOLDER", action=_Instead, kinds=kinds
    )
    _add_finetune_options(group, is_told=False)
    parser.set_defaults(run=run_finetune)
    for stage, told in STAGES.items():
        one = _add(kinds, stage, told, everywhere, run_stage)
        _add_config(one, "settings of the run, as JSON")
        one.set_defaults(stage=stage)
    _add_config(
        _add(kinds, "all", "train all stages of a campaign in order", everywhere, run_all),
        "shared settings and a list of stages, as JSON; what is finished is passed over",
    )
    _add_pack(_add(kinds, "pack", "put all training data into one file", everywhere, run_pack))
    tune = _add(kinds, "finetune", "train on your own volumes", everywhere, run_finetune)
    tune.epilog = _FINETUNE_EPILOG
    tune.add_argument(
        "source",
        type=Path,
        metavar="FOLDER",
        help="your volumes with their segmentations, see below, or a manifest",
    )
    _add_finetune_options(tune, is_told=True)


def run_stage(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Train, and say where the checkpoint lies."""
    from SlicerLIMNet.training.trainer import train

    try:
        checkpoint = train(arguments.stage, arguments.config)
    except KeyboardInterrupt:
        raise Cancelled(_AGAIN) from None
    say(f"trained; the checkpoint is {checkpoint}")


def run_all(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Train every stage that is not finished."""
    from SlicerLIMNet.training.campaign import train_all

    try:
        checkpoints = train_all(arguments.config, say)
    except KeyboardInterrupt:
        raise Cancelled(_AGAIN) from None
    say(f"trained; the checkpoints are {', '.join(map(str, checkpoints))}")


def run_pack(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Write a training pack, and say how large it is."""
    from SlicerLIMNet.training.config import read_config
    from SlicerLIMNet.training.training_pack import write_training_pack

    config = read_config(arguments.config)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    check_can_write(arguments.output)
    most = round(arguments.megabytes * 1e6)
    missing = write_training_pack(config, arguments.output, most)
    size = arguments.output.stat().st_size / 1e6
    left = f"; {' and '.join(missing)} did not fit and will be made anew" if missing else ""
    say(f'{arguments.output}: {size:.1f} MB{left}; use it with "pack" in place of "volumes"')


def run_finetune(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Fine-tune, measure, and say plainly whether it helped.

    Raises:
        ConfigError: No folder for the new weights is named.
    """
    if arguments.output is None:
        raise ConfigError("name a folder for the new weights with -o FOLDER")
    from SlicerLIMNet.session.engine_networks import weights_in
    from SlicerLIMNet.training.finetune import FinetuneConfig, finetune

    config = FinetuneConfig(
        source=arguments.source,
        output=arguments.output,
        only=arguments.only,
        measured_share=arguments.measured_share,
        steps=arguments.steps,
        minutes=arguments.minutes,
        rounds=arguments.rounds,
        most_objects=arguments.objects,
        device=arguments.device,
        seed=arguments.seed,
    )
    base = weights_in(arguments.weights) if arguments.weights else {}
    try:
        report = finetune(config, base, say)
    except KeyboardInterrupt:
        raise Cancelled(_AGAIN) from None
    if arguments.json:
        print_json(report.to_json())
        return
    for measured in report.objects:
        name = f"{measured.volume} {measured.name}"
        print(f"{name:40} {measured.before[-1]:.3f} -> {measured.after[-1]:.3f}")
    print(f"{report.verdict}; weights and report.json are in {config.output}")


class _Instead(argparse.Action):
    """An option that stands in place of a word that says what to do."""

    def __init__(self, *words: Any, kinds: Any, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self._kinds = kinds

    def __call__(self, _: Any, namespace: argparse.Namespace, value: Any, __: Any = None) -> None:
        setattr(namespace, self.dest, value)
        self._kinds.required = False


def _add(kinds: Any, name: str, told: str, everywhere: argparse.ArgumentParser, run: Any) -> Any:
    parser = kinds.add_parser(
        name,
        parents=[everywhere],
        help=told,
        description=f"{told[0].upper()}{told[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_config(parser: Any, told: str) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help=told)


def _add_pack(parser: Any) -> None:
    _add_config(parser, "settings that name the data: volumes, images, held_out, leave_out")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the pack, .npz"
    )
    parser.add_argument(
        "--megabytes",
        type=float,
        default=50.0,
        metavar="N",
        help="largest size; pseudo-objects that do not fit are left out (default: %(default)s)",
    )


def _add_finetune_options(parser: Any, is_told: bool) -> None:
    """Add the options of fine-tuning; where they stand a second time they are not told again."""

    def add(*names: str, told: str, **settings: Any) -> None:
        parser.add_argument(*names, help=told if is_told else argparse.SUPPRESS, **settings)

    output = {"required": True} if is_told else {}
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="folder of the new weights, for `limnet segment --weights FOLDER`",
        **output,
    )
    add("--only", told="only volumes whose name fits this regular expression", metavar="PATTERN")
    add(
        "--weights",
        told="weights to start from, a folder or a file (default: those of preset light)",
        type=Path,
        metavar="FOLDER",
    )
    add(
        "--measured-share",
        told="share of the volumes that are not trained on, to measure (default: %(default)s)",
        type=float,
        default=0.3,
        metavar="SHARE",
    )
    add(
        "--steps",
        told="optimiser steps of each network (default: %(default)s)",
        type=int,
        default=400,
        metavar="N",
    )
    add(
        "--minutes",
        told="longest time of each network; it ends training early (default: %(default)s)",
        type=float,
        default=15.0,
        metavar="N",
    )
    add(
        "--rounds",
        told="clicks on each object that is measured (default: %(default)s)",
        type=int,
        default=3,
        metavar="N",
    )
    add(
        "--objects",
        told="objects that are measured at most (default: %(default)s)",
        type=int,
        default=24,
        metavar="N",
    )
    add(
        "--device",
        told="where to compute (default: %(default)s)",
        choices=DEVICES,
        default="auto",
    )
    add(
        "--seed",
        told="of the choice of volumes and of training (default: %(default)s)",
        type=int,
        default=1,
        metavar="N",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print all figures as JSON on stdout" if is_told else argparse.SUPPRESS,
    )
