"""What is measured: a made volume, and the clicks on it."""

from __future__ import annotations

from dataclasses import dataclass

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.made_volumes import tube_volume

PLANE = Plane(axis=0)

_LEAST_SLICES, _LEAST_PIXELS = 5, 16
_WIDTH_SHARE = 1 / 3
_LENGTH_SHARE = 0.6
_DRIFT_SHARE = 0.1  # of the slice, from the first to the last slice of the object
_CONTRAST, _NOISE = 100, 15.0


@dataclass(frozen=True)
class BenchSize:
    """Size of the volume.

    Raises:
        ConfigError: It is too small to hold an object.
    """

    slices: int = 100
    """Along z."""
    pixels: int = 256
    """Rows and columns."""

    def __post_init__(self) -> None:
        if self.slices < _LEAST_SLICES or self.pixels < _LEAST_PIXELS:
            raise ConfigError(
                f"a bench needs {_LEAST_SLICES} slices or more of {_LEAST_PIXELS} pixels or more, "
                f"not {self.slices} of {self.pixels}"
            )

    @property
    def first_last(self) -> tuple[int, int]:
        """First and last slice of the object."""
        length = round(_LENGTH_SHARE * self.slices)
        first = (self.slices - length) // 2
        return first, first + length - 1

    @property
    def drift(self) -> float:
        """How far the object moves a slice, in rows and in columns."""
        return _DRIFT_SHARE * self.pixels / (_LENGTH_SHARE * self.slices)


def made_volume(size: BenchSize) -> Volume:
    """Return a noisy volume with a tube a third of the slice wide on 60% of the slices."""
    shape = (size.slices, size.pixels, size.pixels)
    image, _ = tube_volume(
        shape,
        radius=size.pixels * _WIDTH_SHARE / 2,
        drift_yx=(size.drift, -size.drift),
        first_last=size.first_last,
        contrast=_CONTRAST,
        noise=_NOISE,
    )
    return Volume(image, Geometry(shape, (1.0, 1.0, 1.0)), "MR", "bench")


def made_clicks(size: BenchSize) -> tuple[Click, Click]:
    """Return the clicks of a first and a later round, in the tube's middle and near its end."""
    first, last = size.first_last
    return _centre(size, (first + last) // 2), _centre(size, first + (last - first) // 5)


def _centre(size: BenchSize, index: int) -> Click:
    middle = (size.pixels - 1) / 2
    moved = size.drift * (index - (size.slices - 1) / 2)
    return Click(index, middle + moved, middle - moved)
