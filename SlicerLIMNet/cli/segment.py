"""`limnet segment`: clicks from a file to a segmentation on disk."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.cli.click_plan import Rounds, place_clicks, rounds_left
from SlicerLIMNet.cli.engine import (
    EngineMaker,
    add_engine_options,
    add_round_options,
    round_options,
)
from SlicerLIMNet.cli.interrupt import cancel_on_interrupt
from SlicerLIMNet.cli.kept_session import KeptSession
from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.cli.terminal import bar, print_json, say
from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import preset_by_name
from SlicerLIMNet.domain.plane import PLANE_NAMES, default_plane, plane_from_name, plane_name
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import Cancelled, GeometryError
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.io.click_files import read_clicks
from SlicerLIMNet.io.labelmaps import check_output, read_labelmap, write_segmentation
from SlicerLIMNet.io.volumes import read_volume
from SlicerLIMNet.session.session import Session

JOURNAL_TAG = "LIMNet.session"
"""Tag of a segment in `.seg.nrrd` that holds the session's journal."""

_EPILOG = """\
clicks, as JSON; a round is a list of clicks, and slice, row and column count from 0 in the plane:
  {"rounds": [[{"slice": 10, "row": 32, "column": 40, "positive": true}],
              [{"lps": [12.5, -80.0, 40.0], "positive": false}]]}
or markups of Slicer (.mrk.json), whose lists named "negative" are negative clicks.

examples:
  limnet segment ct.nii.gz --clicks clicks.json -o liver.seg.nrrd
  limnet segment dicom-folder --series 2 --clicks points.mrk.json -o tumour.dcm
  limnet segment mr.nrrd --clicks more.json -o out.nii.gz --session tumour.limnet
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "segment",
        parents=[everywhere],
        help="segment one object of a volume from clicks",
        description="Segment one object of a volume from clicks, in rounds.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_files(parser)
    _add_image_options(parser)
    add_round_options(parser)
    add_engine_options(parser)
    parser.add_argument(
        "--json", action="store_true", help="print what was done as JSON on stdout"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, engines: EngineMaker) -> None:
    """Check everything, click and run round by round, then write the result."""
    preset_by_name(arguments.preset)
    check_can_write(arguments.output)
    rounds = read_clicks(arguments.clicks)
    window = None if arguments.window is None else Window(*arguments.window)
    volume = read_volume(arguments.volume, arguments.modality, arguments.series)
    check_output(arguments.output, volume)
    mask = None if arguments.mask is None else _start_mask(arguments.mask, volume)
    kept = KeptSession.find(arguments.session, volume, engines(arguments.preset, arguments.device))
    if arguments.plane is not None:
        plane = plane_from_name(arguments.plane, volume.geometry)
    else:
        plane = default_plane(volume.geometry) if kept.stored is None else kept.stored.plane
    placed = place_clicks(rounds, volume, plane)
    session = kept.begin(plane, window, mask, round_options(arguments))
    left = rounds_left(placed, session, plane)
    if not left:
        say("the session has had all these clicks before; nothing is left to do but to write")
    done = _run_rounds(session, left, kept)
    result = session.mask_volume()
    if not result.any():
        say("note: the mask is empty; add a positive click on the object")
    tags = {JOURNAL_TAG: session.journal_text}
    write_segmentation(arguments.output, result, volume, arguments.name, tags=tags)
    summary = _summary(arguments, session, result, done)
    if arguments.json:
        print_json(summary)
    else:
        print(_line(summary))
