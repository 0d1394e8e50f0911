"""`limnet segment`: clicks from a file to a segmentation on disk."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.cli.click_plan import Rounds, place_clicks, rounds_left
from SlicerLIMNet.cli.engine import (
    EngineChoice,
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
from SlicerLIMNet.domain.plane import (
    PLANE_NAMES,
    AnyPlane,
    default_plane,
    plane_from_name,
    plane_name,
)
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
    parser.add_argument("--json", action="store_true", help="print what was done as JSON on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, engines: EngineMaker) -> None:
    """Check everything, click and run round by round, then write the result."""
    choice = EngineChoice.of(arguments)
    check_can_write(arguments.output)
    rounds = read_clicks(arguments.clicks)
    window = None if arguments.window is None else Window(*arguments.window)
    volume = read_volume(arguments.volume, arguments.modality, arguments.series)
    check_output(arguments.output, volume)
    mask = None if arguments.mask is None else _start_mask(arguments.mask, volume)
    kept = KeptSession.find(arguments.session, volume, engines(choice))
    plane = _plane(arguments.plane, kept)
    placed = place_clicks(rounds, volume, plane)
    session = kept.begin(plane, window, mask, round_options(arguments))
    done = _run_rounds(session, rounds_left(placed, session, plane), plane, kept)
    segmented = session.mask_volume()
    tags = {JOURNAL_TAG: session.journal_text}
    write_segmentation(arguments.output, segmented, volume, arguments.name, tags=tags)
    summary = _summary(arguments, kept, session, segmented) | {"rounds": done}
    if arguments.json:
        print_json(summary)
    else:
        print(_line(summary))


def _plane(name: str | None, kept: KeptSession) -> AnyPlane:
    """Return the plane asked for, else the session's, else that of the coarsest spacing."""
    if name is not None:
        return plane_from_name(name, kept.volume.geometry)
    return default_plane(kept.volume.geometry) if kept.stored is None else kept.stored.plane


def _start_mask(path: Path, volume: Volume) -> npt.NDArray[np.bool_]:
    labels, geometry = read_labelmap(path)
    if not geometry.is_close(volume.geometry):
        raise GeometryError(
            f"the mask {path.name} lies on another grid than the volume: {geometry.shape_zyx} "
            f"voxels, not {volume.geometry.shape_zyx}, or spacing, origin or direction differ"
        )
    return np.asarray(labels != 0)


def _run_rounds(
    session: Session, left: Rounds, plane: AnyPlane, kept: KeptSession
) -> list[dict[str, Any]]:
    """Run what is left, and return what to say of each round."""
    if not left:
        say("note: the session has had all these clicks before; its result is written again")
    first = session.state.rounds + 1
    done = []
    told = _Told(session)
    with cancel_on_interrupt() as cancel:
        for number, clicks in enumerate(left, first):
            text = f"round {number}/{first + len(left) - 1}"
            try:
                seconds = _run_round(session, clicks, plane, cancel, text)
            except Cancelled:
                raise Cancelled(kept.farewell) from None
            finally:
                told.tell_news()
                kept.save(session)
            done.append(_round_facts(session, number, seconds))
    return done


def _run_round(
    session: Session, clicks: list[Click], plane: AnyPlane, cancel: CancelToken, text: str
) -> float:
    """Make the clicks of a round and run it; return how many seconds that took."""
    start = time.perf_counter()
    for click in clicks:
        cancel.raise_if_cancelled()
        update = session.add_click(click, plane)
        if update.message:
            say(f"note: {update.message}")
    reached = set()
    with bar(text, "slice", _most_slices(session)) as shown:
        for result in session.run_round(cancel):
            shown.update(result.slice_index not in reached)  # fusion may correct a slice
            reached.add(result.slice_index)
        shown.total = shown.n  # what keeps its mask, or lies beyond the object, is not visited
        shown.refresh()
    return time.perf_counter() - start


def _most_slices(session: Session) -> int:
    slices, reach = session.shape[0], session.config.range
    return slices if isinstance(reach, str) else min(slices, 2 * reach + 1)


class _Told:
    """Tells each notice of a session once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._count = 0
        self.tell_news()

    def tell_news(self) -> None:
        for notice in self._session.notices[self._count :]:
            say(f"note: {notice}")
        self._count = len(self._session.notices)


def _round_facts(session: Session, number: int, seconds: float) -> dict[str, Any]:
    placed = [p.click for p in session.state.current.clicks if p.round_number == number]
    return {
        "round": number,
        "clicks": [click.to_json() for click in placed],
        "seconds": round(seconds, 3),
    }


def _summary(
    arguments: argparse.Namespace,
    kept: KeptSession,
    session: Session,
    segmented: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    voxels = int(np.count_nonzero(segmented))
    geometry = session.volume.geometry
    return {
        "output": str(arguments.output),
        "name": arguments.name,
        "voxels": voxels,
        "volume_ml": round(voxels * geometry.voxel_volume_mm3 / 1000, 4),
        "rounds_in_all": session.state.rounds,
        "next_slice_to_check": session.next_slice_to_check(),
        "plane": plane_name(session.plane, geometry),
        "window": session.state.window,
        "options": session.config.to_json(),
        "engine": kept.engine.info.to_json(),
        "session": None if kept.path is None else str(kept.path),
        "notices": session.notices,
    }


def _line(summary: Mapping[str, Any]) -> str:
    if not summary["voxels"]:
        return f"{summary['output']}: the mask is empty; add a positive click on the object"
    check = summary["next_slice_to_check"]
    advice = "" if check is None else f"; next slice to check: {check}"
    count = summary["rounds_in_all"]
    rounds = "1 round" if count == 1 else f"{count} rounds"
    return (
        f"{summary['output']}: {summary['voxels']} voxels, {summary['volume_ml']:.3g} ml, after "
        f"{rounds} in {summary['plane']} slices{advice}"
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "volume",
        type=Path,
        metavar="VOLUME",
        help="NIfTI, NRRD or MetaImage file, or the folder of a DICOM series",
    )
    parser.add_argument(
        "--clicks", type=Path, required=True, metavar="FILE", help="clicks in rounds, see below"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="what to write, by its ending: .seg.nrrd (Slicer), .nii.gz, .nii, .nrrd, .mha, or "
        ".dcm (DICOM SEG, for a DICOM series); an old file is replaced at the very end",
    )
    parser.add_argument(
        "--session",
        type=Path,
        metavar="FOLDER",
        help="keep every step in this folder (or NAME.zip); a later call with further clicks, or "
        "the same call after a crash or Ctrl-C, goes on from there",
    )
    parser.add_argument(
        "--mask", type=Path, metavar="FILE", help="a mask of the volume to start from"
    )
    parser.add_argument(
        "--name", default="object", help="name of the segment (default: %(default)s)"
    )


def _add_image_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plane",
        choices=PLANE_NAMES,
        help="slices to click in (default: the session's, else those of the coarsest spacing)",
    )
    parser.add_argument(
        "--series",
        metavar="N",
        help="which series of a DICOM folder: its number in the list that is shown without this "
        "option, or its UID",
    )
    parser.add_argument(
        "--modality", metavar="CT|MR|...", help="of the volume, where its file does not say"
    )
    parser.add_argument(
        "--window",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="voxel values shown as black and white (default: chosen by the first click)",
    )
