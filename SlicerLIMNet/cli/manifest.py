"""`limnet manifest`: list labelled volumes, so that they can be evaluated and trained on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SlicerLIMNet.cli.engine import EngineMaker
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.cli.terminal import reported, say
from SlicerLIMNet.domain.plane import PLANE_NAMES
from SlicerLIMNet.errors import ConfigError

DATASETS = ("msd", "kits19", "amos", "btcv", "endovis18", "davis", "coco-lvis", "ishape")

_MOST_LINES = 20

_EPILOG = """\
Without --dataset, volumes and segmentations of the folder and all folders in it are paired by
their names: ct1.nii.gz with ct1_seg.nii.gz, ct1.seg.nrrd or ct1_liver_mask.nii.gz; images/ct1.nrrd
with labels/ct1.nrrd; case1/ct.nii.gz with case1/segmentations/liver.nii.gz. Objects are named by
--names, by the segments of a .seg.nrrd, or by their label values.

examples:
  limnet manifest my-data -o my-data/manifest.json --modality CT
  limnet manifest my-data -o my-data/manifest.json --names names.json
  limnet manifest Task06_Lung --dataset msd -o Task06_Lung/manifest.json
  limnet evaluate my-data/manifest.json
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "manifest",
        parents=[everywhere],
        help="list labelled volumes of a folder, to evaluate or train on",
        description="Write a manifest of labelled volumes: what `limnet evaluate` reads.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="that holds the data")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE.json",
        help="the manifest, in the folder or one above it; packs of single images go beside it",
    )
    parser.add_argument(
        "--dataset", choices=DATASETS, help="a public data set in the layout of its publisher"
    )
    parser.add_argument(
        "--names", type=Path, metavar="JSON", help='names of the label values: {"1": "liver"}'
    )
    parser.add_argument("--modality", metavar="CT|MR|...", help="of all volumes")
    parser.add_argument(
        "--slices",
        choices=PLANE_NAMES,
        help="which slices are clicked on (default: those of the first array axis)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N cases")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Find the cases, look at each, write the manifest, say what was left out."""
    from SlicerLIMNet.io.datasets.survey import check_place, write_manifest

    _check_options(arguments)
    check_place(arguments.folder, arguments.output)
    check_can_write(arguments.output)
    found = _found(arguments)
    with cancel_on_interrupt() as cancel, reported("manifest", "case") as report:
        survey = write_manifest(found, arguments.output, arguments.limit, report, cancel)
    packs = f", {len(survey.packs)} packs" if survey.packs else ""
    print(
        f"wrote {arguments.output}: {len(survey.volumes)} volumes with {survey.targets} "
        f"targets{packs}; skipped {len(survey.skipped)}"
    )
    for case in survey.skipped[:_MOST_LINES]:
        print(f"  {case.name}: {case.reason}")
    if len(survey.skipped) > _MOST_LINES:
        print(f"  and {len(survey.skipped) - _MOST_LINES} more")
    if not survey.volumes:
        say("limnet: none of the images can be evaluated; the packs serve for training")


def _check_options(arguments: argparse.Namespace) -> None:
    """Do nothing for options that go together.

    Raises:
        ConfigError: They do not, or the limit leaves nothing.
    """
    if arguments.limit is not None and arguments.limit < 1:
        raise ConfigError(f"the limit must be 1 or more, not {arguments.limit}")
    own = {name: getattr(arguments, name) for name in ("names", "modality", "slices")}
    given = [f"--{name}" for name, value in own.items() if value is not None]
    if arguments.dataset and given:
        raise ConfigError(
            f"{' and '.join(given)} is for data of one's own; {arguments.dataset} says it itself"
        )


def _found(arguments: argparse.Namespace) -> Any:
    from SlicerLIMNet.io.datasets.catalogue import READERS
    from SlicerLIMNet.io.datasets.pairs import read_pairs
    from SlicerLIMNet.io.segment_names import read_names

    folder = arguments.folder.resolve()
    if arguments.dataset:
        return READERS[arguments.dataset](folder)
    names = None if arguments.names is None else read_names(arguments.names)
    return read_pairs(folder, names, arguments.modality, arguments.slices)
