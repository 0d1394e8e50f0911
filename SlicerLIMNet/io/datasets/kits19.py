"""KiTS19: `case_00000/imaging.nii.gz` and `segmentation.nii.gz`, in `data` of its repository.

Its slices are the first axis of the NIfTI files, the last of arrays; which one runs from foot to
head is read from each file's directions, so copies that were stored anew are right as well.

Source: kits19.grand-challenge.org.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.io.datasets.cases import Found, Skipped, VolumeCase

NAMES = {1: "kidney", 2: "tumour"}
WINDOW = (-79.0, 304.0)


def read_kits19(folder: Path) -> Iterator[Found]:
    """Yield the labelled cases; kidney is the tissue without its tumour.

    Raises:
        ConfigError: There are no folders of cases.
    """
    root = folder / "data" if (folder / "data").is_dir() else folder
    cases = [case for case in sorted(root.glob("case_*")) if case.is_dir()]
    if not cases:
        raise ConfigError(f"{folder} holds no KiTS19 cases: expected folders case_00000, ...")
    for case in cases:
        files = {kind: _file(case, kind) for kind in ("imaging", "segmentation")}
        image, labels = files["imaging"], files["segmentation"]
        if image is None or labels is None:
            missing = " and ".join(kind for kind, file in files.items() if file is None)
            yield Skipped(case.name, f"it has no {missing}")
        else:
            yield VolumeCase(f"kits19_{case.name}", image, labels, NAMES, "CT", WINDOW, "axial")


def _file(case: Path, kind: str) -> Path | None:
    files = (case / f"{kind}{ending}" for ending in (".nii.gz", ".nii"))
    return next((file for file in files if file.is_file()), None)
