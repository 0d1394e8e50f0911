"""What readers of data sets find: volumes, sequences and single images, and what they pass over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.io.frames import Rgb


@dataclass(frozen=True)
class VolumeCase:
    """A volume and its labelmap."""

    name: str
    """Unique in its data set."""
    image: Path
    """An image file, or the folder of a DICOM series."""
    labels: Path
    """On the same grid."""
    names: Mapping[int, str] | None
    """The object of each label value that counts; None takes all values."""
    modality: str | None = None
    """CT, MR, ...; None where nobody said."""
    window: tuple[float, float] | None = None
    """The voxel values that become 0 and 1; None where a session chooses."""
    slices: str | None = None
    """axial, coronal or sagittal: the array axis closest to it becomes the first."""
    object_name: str = "object"
    """Of the only label value, where values have no names."""


@dataclass(frozen=True)
class SequenceCase:
    """Frames and their masks."""

    name: str
    """Unique in its data set."""
    frames: tuple[Path, ...]
    """In their order."""
    masks: tuple[Path, ...]
    """One a frame."""
    names: Mapping[int, str] | None
    """As for volumes."""
    colours: Mapping[int, Rgb] = field(default_factory=dict)
    """The colour of each label value where masks are RGB."""


@dataclass(frozen=True)
class PictureCase:
    """A single image; its label map is made when it is asked for."""

    name: str
    """Unique in its data set."""
    image: Path
    """JPEG or PNG."""
    draw: Callable[[], tuple[npt.NDArray[np.integer[Any]], Mapping[int, str]]]
    """Gives the label map (rows, columns), 0 is background, and the name of each value."""


@dataclass(frozen=True)
class Skipped:
    """What was found and cannot be used."""

    name: str
    """Of the file or case."""
    reason: str
    """One clause for the user."""


Case = VolumeCase | SequenceCase | PictureCase
Found = Case | Skipped
Reader = Callable[[Path], Iterable[Found]]
"""Looks into the folder of a data set.

Raises:
    ConfigError: The folder holds no data set of this kind.
"""


def visible_files(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield files by their names' order; what an archive of a Mac adds is left out."""
    for path in sorted(folder.glob(pattern)):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(p.startswith(".") or p == "__MACOSX" for p in parts):
            yield path


def pair_frames(
    name: str,
    frames: Mapping[str, Path],
    masks: Mapping[str, Path],
    names: Mapping[int, str] | None,
    colours: Mapping[int, Rgb] | None = None,
) -> Iterator[Found]:
    """Yield a sequence of the frames that have a mask.

    Args:
        name: Of the sequence.
        frames: By the name that a frame and its mask share.
        masks: Likewise.
        names: Of the label values.
        colours: Of the label values in RGB masks.
    """
    both = sorted(frames.keys() & masks.keys())
    if both:
        chosen, drawn = (tuple(files[key] for key in both) for files in (frames, masks))
        yield SequenceCase(name, chosen, drawn, names, colours or {})
    alone = len(frames.keys() ^ masks.keys())
    if alone or not both:
        yield Skipped(name, f"{alone} frames or masks have no partner")
