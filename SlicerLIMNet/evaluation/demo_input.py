"""What the demonstration runs on: a public torso CT, or a phantom where that cannot be had."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs
import pooch

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.phantom import torso_phantom
from SlicerLIMNet.io.labelmaps import read_labelmap
from SlicerLIMNet.io.volumes import read_volume

BoolArray = npt.NDArray[np.bool_]

SAMPLE_VARIABLE = "LIMNET_SAMPLE"
"""Environment variable: a folder that holds the sample already; nothing is written to it."""
CACHE_VARIABLE = "LIMNET_CACHE"
"""Environment variable: the folder where downloads are kept, else the platform's own."""

ORGANS = {"liver": 5, "spleen": 1, "kidney_right": 2, "kidney_left": 3, "aorta": 52}
"""The organs of the demonstration and their labels in the sample."""

PHANTOM_SHAPE_ZYX = (80, 160, 200)
PHANTOM_SPACING_ZYX_MM = (4.0, 2.0, 2.0)

_DOWNLOAD_TIMEOUT_S = 20
_ADDRESS = (
    "https://raw.githubusercontent.com/wasserth/TotalSegmentator/"
    "0e65a448d557382b1e925276212b3bec7f5aff83/tests/reference_files/"
)


@dataclass(frozen=True)
class SampleFile:
    """A file of the sample, pinned by its checksum."""

    name: str
    """Here, in a folder of the sample or the cache."""
    address: str
    """Where the public keeps it."""
    sha256: str
    """Of its bytes."""

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds this very file."""
        path = folder / self.name
        return path.is_file() and pooch.file_hash(str(path)) == self.sha256


IMAGE = SampleFile(
    "image.nii.gz",
    _ADDRESS + "example_ct.nii.gz",
    "dbd3ae6d614d1d7ef3a46925c30c70038ed52da6b37fdd6afdc7b9b71387e3e1",
)
LABELS = SampleFile(
    "labels.nii.gz",
    _ADDRESS + "example_seg_fast_force_split.nii.gz",
    "e8097758e56e73099075b6caaebce23ef11bc6fad66a4ec3753b9406846558c7",
)


@dataclass(frozen=True)
class DemoInput:
    """A volume, the true organs in it, and what to say about them."""

    name: str
    """For reports, one line."""
    credit: str
    """Where volume and labels come from."""
    volume: Volume
    """The image."""
    organs: Mapping[str, BoolArray]
    """[z, y, x] each; the truth that the robot user knows."""


Fetch = Callable[[SampleFile, Path], None]
Say = Callable[[str], None]


def download(file: SampleFile, folder: Path) -> None:
    """Put a file into a folder unless it is there, and check it.

    Raises:
        OSError: The network or the folder cannot be used.
        ValueError: What came is not the pinned file.
    """
    pooch.get_logger().setLevel("WARNING")
    pooch.retrieve(
        file.address,
        known_hash=f"sha256:{file.sha256}",
        fname=file.name,
        path=folder,
        downloader=pooch.HTTPDownloader(timeout=_DOWNLOAD_TIMEOUT_S),
    )


def phantom_input(
    shape_zyx: tuple[int, int, int] = PHANTOM_SHAPE_ZYX,
    spacing_zyx_mm: tuple[float, float, float] = PHANTOM_SPACING_ZYX_MM,
) -> DemoInput:
    """Return the made torso with its exact organs."""
    image, labels, names = torso_phantom(shape_zyx, spacing_zyx_mm)
    return DemoInput(
        name="torso phantom (made by this package)",
        credit="Image and labels are made: a schematic torso with exact labels.",
        volume=Volume(image, Geometry(shape_zyx, spacing_zyx_mm), "CT", "torso phantom"),
        organs={name: np.asarray(labels == names[name]) for name in ORGANS},
    )


def demo_input(
    say: Say,
    environment: Mapping[str, str] = os.environ,
    fetch: Fetch = download,
    phantom: Callable[[], DemoInput] = phantom_input,
) -> DemoInput:
    """Return the sample CT from a folder or its public address, else the phantom.

    Args:
        say: Told in one sentence what is used, and why if it is not the CT.
        environment: Names the folders.
        fetch: Puts a file into the cache.
        phantom: Makes what is taken otherwise.
    """
    folder = _sample_folder(say, environment, fetch)
    if folder is None:
        return phantom()
    volume = read_volume(folder / IMAGE.name, modality="CT")
    labels, _ = read_labelmap(folder / LABELS.name)
    return DemoInput(
        name="torso CT (TotalSegmentator sample)",
        credit=(
            "CT and labels: wasserth/TotalSegmentator (Apache-2.0), Wasserthal et al., Radiology: "
            "Artificial Intelligence 2023. The labels are the output of its 3 mm model, not "
            "manual contours."
        ),
        volume=volume,
        organs={name: np.asarray(labels == value) for name, value in ORGANS.items()},
    )


def _sample_folder(say: Say, environment: Mapping[str, str], fetch: Fetch) -> Path | None:
    """Return a folder with both files, after a download if need be; None if there is no way."""
    given = environment.get(SAMPLE_VARIABLE)
    if given and IMAGE.is_in(Path(given)) and LABELS.is_in(Path(given)):
        say(f"The input is the torso CT in {given}.")
        return Path(given)
    cache = Path(environment.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("limnet"))
    try:
        for file in (IMAGE, LABELS):
            fetch(file, cache)
    except (OSError, ValueError) as error:
        say(
            f"The torso CT is neither in a cache nor to be had from its public address "
            f"({type(error).__name__}), so the input is a made phantom. With the files "
            f"{IMAGE.name} and {LABELS.name} in a folder, set {SAMPLE_VARIABLE} to it."
        )
        return None
    say(f"The input is the torso CT from its public address, kept in {cache}.")
    return cache
