"""A user's own folder: volumes and segmentations, paired by their names.

A file is a segmentation if it is a `.seg.nrrd`, or a word of its name or of a folder on the way to
it says so (label, seg, mask, ...). It belongs to the volume

- of the same name, words such as image, label and numbers of channels apart: `a.nii.gz` and
  `a_seg.nii.gz`, `images/a.nrrd` and `labels/a.nrrd`, `img01` and `label01`; or
- of a name that its own begins with, the rest naming the object: `a_liver_mask.nii.gz`; or
- that is the only one in its folder, or else in a folder above: `case1/ct.nii.gz` and
  `case1/segmentations/liver.nii.gz`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from SlicerLIMNet.errors import ConfigError, VolumeError
from SlicerLIMNet.io.datasets.cases import Found, Skipped, VolumeCase, visible_files
from SlicerLIMNet.io.itk_images import is_image_file
from SlicerLIMNet.io.segment_names import read_segment_names
from SlicerLIMNet.io.volumes import volume_name

_LABEL_WORDS = """
label labels labelmap labelstr labelsts labelsva seg segs segmentation segmentations mask masks msk
gt groundtruth truth annotation annotations contour contours
"""
_IMAGE_WORDS = """
image images imagestr imagests imagesva img imgs imaging volume volumes scan scans 0000
"""  # the last: the first channel of nnU-Net's files
LABEL_WORDS = frozenset(_LABEL_WORDS.split())
IMAGE_WORDS = frozenset(_IMAGE_WORDS.split())

_GLUED = re.compile(r"(label|seg|segmentation|mask|img|image|volume)(\d+)")


@dataclass(frozen=True)
class _File:
    """An image file and the words by which it is paired."""

    path: Path
    name: str  # from the folder, without the ending
    folder: tuple[str, ...]  # words of the folders
    words: tuple[str, ...]  # words of the name
    is_labels: bool


def read_pairs(
    folder: Path,
    names: Mapping[int, str] | None = None,
    modality: str | None = None,
    slices: str | None = None,
) -> Iterator[Found]:
    """Yield every segmentation with its volume, in the order of the volumes' names.

    Args:
        folder: Searched with all folders in it.
        names: The object of each label value; None takes a `.seg.nrrd`'s own names, else numbers.
        modality: Of all volumes; None where nobody said.
        slices: axial, coronal or sagittal; None takes the first array axis.

    Raises:
        ConfigError: The folder holds no image files.
    """
    files = [_file(path, folder) for path in visible_files(folder, "**/*") if is_image_file(path)]
    if not files:
        raise ConfigError(f"{folder} holds no image files (.nii.gz, .nrrd, .mha, ...)")
    images = [file for file in files if not file.is_labels]
    found: dict[str, list[Found]] = defaultdict(list)
    for labels in (file for file in files if file.is_labels):
        owners = _owners(labels, images)
        if len(owners) != 1:
            what = (
                "no volume" if not owners else f"{len(owners)} volumes, {owners[0].name} and more,"
            )
            found[labels.name].append(Skipped(labels.name, f"{what} can be its image"))
            continue
        case = _case(owners[0], labels, names, modality, slices)
        found[owners[0].name].append(case)
    for image in images:
        if image.name not in found:
            found[image.name].append(Skipped(image.name, "it has no segmentation"))
    for name in sorted(found):
        yield from found[name]


def _file(path: Path, root: Path) -> _File:
    place = path.relative_to(root)
    stem = volume_name(path)
    folders = [_words(part) for part in place.parts[:-1]]
    words = _words(stem)
    every = {word for part in (*folders, words) for word in part}
    return _File(
        path,
        (place.parent / stem).as_posix(),
        _without_kind([word for part in folders for word in part]),
        _without_kind(words),
        path.name.lower().endswith(".seg.nrrd") or bool(every & LABEL_WORDS),
    )


def _words(text: str) -> list[str]:
    """Return the words of a name; `img01` is two."""
    words = re.split(r"[_\-. ]+", text.lower())
    glued = (_GLUED.fullmatch(word) for word in words)
    return [
        part
        for word, match in zip(words, glued, strict=True)
        for part in (match.groups() if match else (word,))
        if part
    ]


def _without_kind(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in LABEL_WORDS | IMAGE_WORDS)


def _owners(labels: _File, images: Sequence[_File]) -> list[_File]:
    """Return the volumes that a segmentation may belong to, by the first rule that finds any."""
    beside = [image for image in images if image.folder == labels.folder]
    same = [image for image in beside if image.words == labels.words]
    if same:
        return same
    begun = [i for i in beside if i.words and labels.words[: len(i.words)] == i.words]
    if begun:
        longest = max(len(image.words) for image in begun)
        return [image for image in begun if len(image.words) == longest]
    for above in labels.path.parents:
        inside = [image for image in images if image.path.parent == above]
        if inside:
            return inside
    return []


def _case(
    image: _File,
    labels: _File,
    names: Mapping[int, str] | None,
    modality: str | None,
    slices: str | None,
) -> Found:
    rest = labels.words[len(image.words) :] if _begins(labels, image) else labels.words
    thing = " ".join(rest) if labels.words != image.words else ""
    name = f"{image.name} {thing}".strip()
    if names is None and labels.path.name.lower().endswith(".seg.nrrd"):
        try:
            names = read_segment_names(labels.path)
        except VolumeError as error:
            return Skipped(labels.name, str(error))
    return VolumeCase(
        name, image.path, labels.path, names, modality, None, slices, thing or "object"
    )


def _begins(labels: _File, image: _File) -> bool:
    return labels.words[: len(image.words)] == image.words
