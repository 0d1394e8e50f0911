"""What a session asks of an engine, in numbers and masks: no tensor passes this border."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.guides import NO_GUIDES, Guides
from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.errors import DeviceError
from SlicerLIMNet.imaging.resample import Pixels

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Zoom = tuple[int, ...] | None
RegionNumbers = tuple[float, ...] | None


class OutOfDeviceMemory(DeviceError):  # noqa: N818 - what happened, as torch names it
    """The device has no memory left for this step; `fall_back` may make it smaller."""


@dataclass(frozen=True)
class EngineInfo:
    """What results depend on, besides volume, clicks and options."""

    engine_version: str
    """Of this package."""
    preset: str
    """By name."""
    weights: Mapping[str, str]
    """sha256 of each weights file, by role."""
    device: str
    """As torch names it."""
    precision: str
    """float32, bfloat16 or float16."""
    threads: int
    """Of the CPU."""
    fallback: str = ""
    """What was given up for want of memory: nothing, `small` or `cpu`."""

    def to_json(self) -> dict[str, Any]:
        """Return all as plain values."""
        return {**asdict(self), "weights": dict(self.weights)}


class PromptAnswer(NamedTuple):
    """What the prompt network made of the clicks of a slice."""

    probability: FloatArray
    """(rows, columns), 0..1."""
    zoom: Zoom
    """Where it looked; handed back at the next click on the slice."""


@dataclass(frozen=True)
class SpreadSlice:
    """One slice that the propagation reached."""

    index: int
    """Slice in the plane."""
    probability: SparseProbability
    """Of the object."""


@dataclass(frozen=True)
class SpreadTask:
    """A propagation from one slice in both directions."""

    stack_key: tuple[Any, ...]
    """Tells stacks of images apart: cached features belong to one of them."""
    images: Callable[[int], Pixels]
    """Slice index to (rows, columns) or (rows, columns, 3), 0..1."""
    n_slices: int
    """Of the stack."""
    start: int
    """Slice that was clicked."""
    references: Mapping[int, BoolArray]
    """Masks by slice, the start's among them."""
    config: RoundConfig
    """Range and memory mode."""
    region: RegionNumbers
    """Where to look, from `choose_region`."""
    slice_step: float
    """From slice to slice, in pixels of a slice."""
    settled: frozenset[int] = frozenset()
    """Slices that keep their masks: whole runs between references."""


class Networks(Protocol):
    """The three networks on their device, and what they do for a session."""

    @property
    def info(self) -> EngineInfo:
        """What results depend on, as of now."""

    @property
    def default_config(self) -> RoundConfig:
        """Defaults of the preset."""

    def prompt(
        self,
        image: FloatArray,
        clicks: Sequence[Click],
        previous: FloatArray,
        zoom: Zoom,
        guides: Guides = NO_GUIDES,
    ) -> PromptAnswer:
        """Segment the object that was clicked on a slice.

        Args:
            image: (rows, columns) or (rows, columns, 3), 0..1.
            clicks: All clicks on the slice, in order.
            previous: (rows, columns), probabilities of the mask before; zeros for none.
            zoom: From the last answer on this slice in this round.
            guides: Other slices of the object; networks that know of none leave them alone.

        Raises:
            OutOfDeviceMemory: See there.
        """

    def choose_region(self, masks: Sequence[BoolArray], in_use: RegionNumbers) -> RegionNumbers:
        """Return where to look for an object with these masks; None for the whole slice."""

    def spread(self, task: SpreadTask, cancel: Callable[[], bool]) -> Iterator[SpreadSlice]:
        """Yield every slice that a round reaches, but the start.

        Raises:
            Cancelled: `cancel` said so; what was yielded so far is valid.
            OutOfDeviceMemory: See there.
        """

    def prefer(
        self,
        images: Sequence[Pixels],
        previous: Sequence[BoolArray],
        current: Sequence[BoolArray],
        facts: Sequence[FloatArray],
    ) -> npt.NDArray[np.float64]:
        """Return for each slice how probable it is that the previous mask is the better one.

        Args:
            images: (rows, columns) or (rows, columns, 3) each, 0..1.
            previous: Masks, (rows, columns) each.
            current: Likewise.
            facts: What is known of each pair besides, see `pair_facts`.

        Raises:
            OutOfDeviceMemory: See there.
        """

    def fall_back(self) -> bool:
        """Make all later work smaller, then move it to the CPU; False if nothing is left to do."""
