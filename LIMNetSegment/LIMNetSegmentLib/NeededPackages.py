"""What the engine needs and Slicer does not bring, and what of Slicer's must stay as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

KEPT = ("numpy", "scipy", "SimpleITK", "vtk")
"""What belongs to Slicer and stays as it is."""


@dataclass(frozen=True)
class Package:
    """Something that the engine needs and Slicer does not bring."""

    name: str
    """As pip names it."""
    least: str
    """The oldest version that will do."""
    alsoAs: tuple[str, ...] = ()
    """Other names under which the same module is distributed."""

    @property
    def requirement(self) -> str:
        """As pip takes it."""
        return f"{self.name}>={self.least}"


TORCH = Package("torch", "2.10")
_OPENCV_NAMES = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")
NEEDED = (
    TORCH,
    Package("opencv-python-headless", "4.9", _OPENCV_NAMES),
    Package("safetensors", "0.4"),
    Package("platformdirs", "4"),
    Package("tqdm", "4.66"),
)


class Packages(Protocol):
    """The Python packages of the application; `SlicerPackages` is the real one."""

    def version(self, name: str, /) -> str | None:
        """The installed version of a distribution; None if it is not installed."""

    def isLoaded(self, name: str, /) -> bool:
        """Whether the module of a distribution was imported already."""

    def pip(self, arguments: list[str], constraints: Path, /) -> None:
        """Run pip install; raises whatever the application raises."""

    def torchInstaller(self) -> Any | None:
        """PyTorchUtilsLogic of the extension PyTorch; None if it is not installed."""

    def hasNvidia(self) -> bool:
        """Whether a driver of NVIDIA is there."""

    def isTesting(self) -> bool:
        """Whether the application runs tests, in which nothing is asked or installed."""

    def hasEngine(self) -> bool:
        """Whether the engine's own package is there."""
