"""DAVIS 2016 and 2017: `JPEGImages/480p/bear/00000.jpg`, `Annotations/480p/bear/00000.png`.

Masks are PNG: of 2017 with a palette, in which each place is an object; of 2016 grey, with 255 for
the one object. The lists of sequences in `ImageSets` are not needed.

Source: davischallenge.org.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.cases import Found, Skipped, pair_frames, visible_files
from SlicerLIMNet.io.frames import read_palette

_RESOLUTIONS = ("480p", "Full-Resolution")
_OBJECTS = {value: f"object {value}" for value in range(1, 255)}  # 255 is a border, if anything
_ONE_OBJECT = {255: "object"}


def read_davis(folder: Path) -> Iterator[Found]:
    """Yield all annotated sequences, in 480p where both resolutions are there.

    Raises:
        ConfigError: There are no such folders.
    """
    pairs = ((folder / "JPEGImages" / r, folder / "Annotations" / r) for r in _RESOLUTIONS)
    found = next(((i, a) for i, a in pairs if i.is_dir() and a.is_dir()), None)
    if found is None:
        raise ConfigError(
            f"{folder} holds no DAVIS sequences: expected JPEGImages/480p and Annotations/480p"
        )
    images, annotations = found
    for sequence in sorted(path for path in images.iterdir() if path.is_dir()):
        name = f"davis_{sequence.name}"
        masks = {path.stem: path for path in visible_files(annotations / sequence.name, "*.png")}
        if not masks:
            yield Skipped(name, "it has no annotations")
            continue
        first = next(iter(masks.values()))
        names = _OBJECTS if read_palette(first) else _ONE_OBJECT
        frames = {path.stem: path for path in visible_files(sequence, "*.jpg")}
        yield from pair_frames(name, frames, masks, names)
