"""BTCV, abdomen ("Beyond the Cranial Vault"): `img/img0001.nii.gz` and `label/label0001.nii.gz`.

Both lie in `RawData/Training` of the archive. Slices are the third axis of the files.

Source: synapse.org, syn3193805.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.cases import Found, Skipped, VolumeCase, visible_files
from SlicerLIMNet.io.datasets.msd import SOFT_TISSUE

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
    10: "portal and splenic vein",
    11: "pancreas",
    12: "right adrenal gland",
    13: "left adrenal gland",
}

_PLACES = (".", "Training", "RawData/Training", "Abdomen/RawData/Training")


def read_btcv(folder: Path) -> Iterator[Found]:
    """Yield the training cases; those for testing have no labels.

    Raises:
        ConfigError: There are no folders `img` and `label`.
    """
    roots = (folder / place for place in _PLACES)
    root = next((r for r in roots if (r / "img").is_dir() and (r / "label").is_dir()), None)
    if root is None:
        raise ConfigError(
            f"{folder} holds no BTCV cases: expected img/img0001.nii.gz and label/label0001.nii.gz"
        )
    for image in visible_files(root / "img", "img*.nii.gz"):
        number = image.name.partition(".")[0].removeprefix("img")
        labels = root / "label" / f"label{number}.nii.gz"
        if labels.is_file():
            yield VolumeCase(f"btcv_{number}", image, labels, NAMES, "CT", SOFT_TISSUE, "axial")
        else:
            yield Skipped(f"btcv_{number}", f"{labels.name} is not there")
