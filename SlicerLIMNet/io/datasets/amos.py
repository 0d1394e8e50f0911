"""AMOS 2022: the Decathlon's layout, with labelled cases for training and for validation.

CT and MR share its folders; a case above 500 is an MR. Slices are the third axis of the files.

Source: amos22.grand-challenge.org; zenodo.org/records/7262581.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.cases import Found, Skipped, VolumeCase, visible_files
from SlicerLIMNet.io.datasets.msd import SOFT_TISSUE, label_names

LAST_CT = 500

NAMES = {
    1: "spleen",
    2: "right kidney",
    3: "left kidney",
    4: "gallbladder",
    5: "oesophagus",
    6: "liver",
    7: "stomach",
    8: "aorta",
    9: "inferior vena cava",
    10: "pancreas",
    11: "right adrenal gland",
    12: "left adrenal gland",
    13: "duodenum",
    14: "bladder",
    15: "prostate or uterus",
}
"""Where the folder has no `dataset.json`."""


def read_amos(folder: Path) -> Iterator[Found]:
    """Yield the labelled cases of `labelsTr` and `labelsVa`.

    Raises:
        ConfigError: There are no such folders, or they are empty.
    """
    file = folder / "dataset.json"
    names = label_names(file) if file.is_file() else NAMES
    labelled = [path for part in ("Tr", "Va") for path in _labels(folder, part)]
    if not labelled:
        raise ConfigError(f"{folder} holds no AMOS cases: expected labelsTr/amos_0001.nii.gz, ...")
    for labels in labelled:
        name = labels.name.partition(".")[0]
        image = labels.parent.parent / labels.parent.name.replace("labels", "images") / labels.name
        number = re.search(r"\d+", name)
        if not image.is_file() or number is None:
            yield Skipped(name, "its image is not there" if number else "its name has no number")
        elif int(number[0]) <= LAST_CT:
            yield VolumeCase(name, image, labels, names, "CT", SOFT_TISSUE, "axial")
        else:
            yield VolumeCase(name, image, labels, names, "MR", None, "axial")


def _labels(folder: Path, part: str) -> Iterator[Path]:
    return visible_files(folder / f"labels{part}", "*.nii.gz")
