"""A tool for comparison as a session that the robot user can click in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.evaluation.baselines.coarse import coarse_grid
from SlicerLIMNet.evaluation.baselines.seeds import OBJECT, SeedRules, Seeds, seeded_box
from SlicerLIMNet.imaging.window import Window, choose_window

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]


class Grower(Protocol):
    """Makes a mask from seeds; its fields are its parameters, fixed for a whole evaluation."""

    @property
    def most_voxels(self) -> int:
        """Larger boxes are made coarser."""

    def check_installed(self) -> None:
        """Do nothing where the tool's library is there.

        Raises:
            ConfigError: It is not; the sentence says how to install it.
        """

    def grow(
        self, values: FloatArray, seeds: Seeds, spacing_zyx_mm: Sequence[float]
    ) -> npt.NDArray[Any]:
        """Return the probability of the object, or its mask, [z, y, x].

        Args:
            values: [z, y, x], 0..1 within the intensity window, less and more outside of it.
            seeds: [z, y, x], with at least one seed of the object.
            spacing_zyx_mm: Distance of neighbouring voxels.
        """


class BaselineSession:
    """Clicks, and what a tool makes of all of them at every round.

    Nothing of a round is kept for the next but the clicks: these tools start from seeds.
    """

    def __init__(
        self,
        volume: Volume,
        grower: Grower,
        rules: SeedRules | None = None,
        window: Window | None = None,
    ) -> None:
        """Begin without clicks.

        Args:
            volume: Slices are taken along its first array axis; colours are made grey.
            grower: The tool.
            rules: How clicks become seeds.
            window: Voxel values that become 0 and 1; chosen by the first click if not given.
        """
        self._volume = volume
        self._grower = grower
        self._rules = rules
        self._window = window
        self._clicks: list[Click] = []
        self._mask = np.zeros(volume.shape_zyx, bool)

    def add_click(self, click: Click) -> None:
        """Add a click; the mask waits for `run_round`."""
        self._clicks.append(click)

    def run_round(self, cancel: CancelToken) -> Iterator[BoolArray]:
        """Grow from all clicks anew, and yield the mask.

        Raises:
            Cancelled: Somebody asked the work to stop before it began.
            ConfigError: The tool is not installed.
        """
        cancel.raise_if_cancelled()
        self._mask = self._grown()
        yield self._mask

    def mask_volume(self) -> BoolArray:
        """Return the mask of the last round, [z, y, x]."""
        return self._mask.copy()

    def _grown(self) -> BoolArray:
        volume = self._volume
        spacing = volume.geometry.spacing_zyx_mm
        mask = np.zeros(volume.shape_zyx, bool)
        box = seeded_box(self._clicks, volume.shape_zyx, spacing, self._rules)
        if box is None:
            return mask
        values = self._values(volume.array[box.place])
        grid = coarse_grid(values.shape, spacing, self._grower.most_voxels)
        if grid.is_fine:
            probability = self._grower.grow(values, box.seeds, spacing)
        else:
            grown = self._grower.grow(
                grid.values(values), grid.seeds(box.seeds), grid.spacing_zyx_mm(spacing)
            )
            probability = grid.to_fine(grown)
        part = np.asarray(probability) > 0.5
        seeded = box.seeds != 0
        part[seeded] = box.seeds[seeded] == OBJECT
        mask[box.place] = part
        return mask

    def _values(self, voxels: npt.NDArray[Any]) -> FloatArray:
        """Return a part of the volume in the window, unclipped."""
        window = self._window or self._chosen_window()
        grey = voxels.mean(axis=-1) if self._volume.is_colour else voxels
        return (np.asarray(grey, np.float32) - np.float32(window.low)) / np.float32(
            window.high - window.low
        )

    def _chosen_window(self) -> Window:
        if self._volume.window is not None:
            return Window(*self._volume.window)
        first = self._clicks[0]
        around = (first.slice_index, round(first.row), round(first.column))
        self._window = choose_window(self._volume.array, self._volume.modality, around)
        return self._window
