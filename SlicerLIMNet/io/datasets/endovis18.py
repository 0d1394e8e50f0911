"""EndoVis 2018, robotic scene segmentation: `seq_1/left_frames` and `seq_1/labels` of each release.

Masks are RGB; `labels.json`, a list of `name`, `color` and `classid`, lies beside the sequences.

Source: endovissub2018-roboticscenesegmentation.grand-challenge.org.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.click_files import read_json
from SlicerLIMNet.io.datasets.cases import Found, Skipped, pair_frames, visible_files
from SlicerLIMNet.io.frames import Rgb


def read_endovis18(folder: Path) -> Iterator[Found]:
    """Yield the sequences of all releases below a folder.

    Raises:
        ConfigError: There are no sequences, or no `labels.json` says what the colours mean.
    """
    sequences = [path.parent for path in sorted(folder.rglob("left_frames")) if path.is_dir()]
    sequences = [path for path in sequences if "__MACOSX" not in path.parts]
    if not sequences:
        raise ConfigError(f"{folder} holds no EndoVis sequences: expected seq_1/left_frames, ...")
    for sequence in sequences:
        name = f"endovis18_{sequence.name}"
        if not (sequence / "labels").is_dir():
            yield Skipped(name, "it has no folder of labels")
            continue
        names, colours = _legend(sequence, folder)
        frames = {path.stem: path for path in visible_files(sequence / "left_frames", "*.png")}
        masks = {path.stem: path for path in visible_files(sequence / "labels", "*.png")}
        yield from pair_frames(name, frames, masks, names, colours)


def _legend(sequence: Path, folder: Path) -> tuple[dict[int, str], dict[int, Rgb]]:
    """Return name and colour of each class but the first, which is the background."""
    above = [path for path in sequence.parents if path == folder or folder in path.parents]
    nearest = [path / "labels.json" for path in above]
    file = next((f for f in [*nearest, *sorted(folder.rglob("labels.json"))] if f.is_file()), None)
    if file is None:
        raise ConfigError(f"{folder} has no labels.json, which says what the colours of masks mean")
    names, colours = {}, {}
    try:
        for entry in read_json(file, "the legend"):
            value = int(entry["classid"])
            red, green, blue = entry["color"]
            if value:
                names[value], colours[value] = str(entry["name"]), (int(red), int(green), int(blue))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file} is no list of name, color and classid") from error
    return names, colours
