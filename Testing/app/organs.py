"""What the tests of the app segment: the liver of the sample, else of the phantom."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from SlicerLIMNet.evaluation.demo_input import (
    IMAGE,
    LABELS,
    ORGANS,
    SAMPLE_VARIABLE,
    phantom_input,
)
from SlicerLIMNet.io.labelmaps import read_labelmap
from Testing.app.app_page import Voxel
from Testing.app.server import ROOT

BoolArray = npt.NDArray[np.bool_]

_BESIDE = ROOT.parent / "shared" / "data" / "sample"


@dataclass(frozen=True)
class Liver:
    """A volume that the app offers, and the true liver in it."""

    button: str
    """What opens the volume."""
    environment: dict[str, str]
    """Of the server."""
    truth: BoolArray
    """[k, j, i]."""


def liver() -> Liver:
    """Return the sample's where it lies here, else the phantom's; nothing is fetched."""
    folder = Path(os.environ.get(SAMPLE_VARIABLE) or _BESIDE)
    if IMAGE.is_in(folder) and LABELS.is_in(folder):
        labels, _ = read_labelmap(folder / LABELS.name)
        environment = {SAMPLE_VARIABLE: str(folder)}
        return Liver("open-sample", environment, labels == ORGANS["liver"])
    return phantom()


def phantom() -> Liver:
    """Return the made one."""
    return Liver("open-phantom", {}, phantom_input().organs["liver"])


def largest_slice(mask: BoolArray, axis: int) -> int:
    """Return the slice along an axis that holds most of a mask."""
    others = tuple(other for other in range(3) if other != axis)
    return int(mask.sum(axis=others).argmax())


def middle_of(mask: BoolArray, axis: int) -> Voxel:
    """Return the voxel deepest inside a mask, in the slice that holds most of it."""
    index = largest_slice(mask, axis)
    flat = np.take(mask, index, axis)
    depth = ndimage.distance_transform_edt(np.pad(flat, 1))[1:-1, 1:-1]
    row, column = (int(place) for place in np.unravel_index(depth.argmax(), depth.shape))
    k, j, i = np.insert([row, column], axis, index).tolist()
    return k, j, i


def dice(one: BoolArray, other: BoolArray) -> float:
    """Return how far two masks agree, 0 to 1."""
    return 2 * int((one & other).sum()) / int(one.sum() + other.sum())
