"""What the demonstration leaves: a segmentation, pictures, figures, and a page that holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

from matplotlib.colors import to_rgb

from SlicerLIMNet.errors import OutputError
from SlicerLIMNet.evaluation.demo import DemoResult
from SlicerLIMNet.evaluation.plots import Curves, dice_plot
from SlicerLIMNet.evaluation.report import heading, page, paragraph, picture, table
from SlicerLIMNet.evaluation.slice_pictures import (
    COLOURS,
    ObjectRun,
    overview_picture,
    rounds_picture,
    spoken,
)
from SlicerLIMNet.io.labelmaps import write_segments
from SlicerLIMNet.io.segments import Segment
from SlicerLIMNet.io.write_aside import write_aside

PAGE_NAME = "index.html"

_TITLE = "SlicerLIMNet: five organs from six clicks each"
_INTRODUCTION = (
    "A robot user clicked once a round, six rounds an organ: first in the middle of the largest "
    "slice, then on the slice that was worst, at the deepest point of the larger error. Each click "
    "gives the mask of its slice, and the memory network carries it through the volume. With "
    "fusion, the quality network then chooses between the old and the new mask of every slice."
)
_OVERVIEW = (
    "The result after the last round (in colour) and the truth (thin, white), in the slices that "
    "show most of the organs. Figures: Dice of the whole organ."
)
_ROUNDS = (
    "The slice clicked in each round, with the result after that round; Dice of the whole organ. "
    "Clicks of earlier rounds on the same slice are smaller."
)
_CURVES = (
    "Dice after each round. The two runs are separate: in each the robot user clicks on what that "
    "run shows it."
)


def prepare_folder(folder: Path) -> None:
    """Make the output folder, and find out now, not after the work, whether it takes files.

    Raises:
        OutputError: It cannot be made or written to.
    """
    probe = folder / ".limnet-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be written to ({error.strerror}); choose another one"
        ) from error


def write_demo(result: DemoResult, folder: Path, facts: Mapping[str, str]) -> Path:
    """Write everything into a folder, each file whole or not at all.

    Args:
        result: From `run_demo`.
        folder: From `prepare_folder`.
        facts: What else the page should state, such as weights and device.

    Returns:
        The page to open.

    Raises:
        OutputError: A file could not be written; an older one is untouched.
    """
    runs = [ObjectRun(organ.name, organ.truth, organ.with_fusion) for organ in result.organs]
    pictures = {
        "slices.png": overview_picture(result.source.volume, runs),
        "rounds.png": rounds_picture(result.source.volume, runs),
        "dice.png": dice_plot(_mean_curves(result), _organ_curves(result)),
    }
    for name, png in pictures.items():
        _write(folder / name, png)
    write_segments(folder / "organs.seg.nrrd", _segments(result), result.source.volume)
    summary = json.dumps(result.summary(), indent=1, ensure_ascii=False) + "\n"
    _write(folder / "summary.json", summary.encode("utf-8"))
    _write(folder / PAGE_NAME, _page(result, pictures, facts).encode("utf-8"))
    return folder / PAGE_NAME


def _page(result: DemoResult, pictures: Mapping[str, bytes], facts: Mapping[str, str]) -> str:
    header, rows = result.table()
    mean_rows = [number for number, row in enumerate(rows) if row[0] == "mean"]
    strong = [number + offset for number in mean_rows for offset in (0, 1)]
    parts = [
        paragraph(f"Input: {result.source.name}."),
        paragraph(_INTRODUCTION),
        picture(pictures["slices.png"], _OVERVIEW),
        heading("Round by round, with fusion"),
        picture(pictures["rounds.png"], _ROUNDS),
        heading("With and without fusion"),
        picture(pictures["dice.png"], _CURVES),
        table(header, [[spoken(row[0]), *row[1:]] for row in rows], strong),
        heading("About this run"),
        table(["what", "value"], [[name, value] for name, value in facts.items()]),
        paragraph(result.source.credit, is_faint=True),
    ]
    return page(_TITLE, parts)


def _segments(result: DemoResult) -> list[Segment]:
    """Return the last results with fusion, in the colours of the pictures."""
    return [
        Segment(organ.name, organ.with_fusion[-1].mask, to_rgb(colour))
        for organ, colour in zip(result.organs, cycle(COLOURS), strict=False)
    ]


def _organ_curves(result: DemoResult) -> list[Curves]:
    return [Curves(spoken(organ.name), *organ.scores) for organ in result.organs]


def _mean_curves(result: DemoResult) -> Curves:
    return Curves(f"mean of {len(result.organs)} organs", *result.mean)


def _write(path: Path, content: bytes) -> None:
    with write_aside(path) as aside:
        aside.write_bytes(content)
