"""The robot user: it knows the truth, looks at the result, and clicks as an annotator would.

Every figure of the project comes from its clicks, so its rules never change silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.error_regions import (
    connected_part,
    deepest_voxels,
    largest_error,
    largest_slices,
    worst_slices,
)
from SlicerLIMNet.imaging.error_clicks import PixelClick, next_click

BoolArray = npt.NDArray[np.bool_]

SEED = 42
"""What is drawn at random is drawn anew from this seed for every object."""


class ClickRule(Enum):
    """How the robot chooses its next click."""

    WORST_SLICE = "worst-slice"
    """P1: the largest slice first, then the slice of lowest Dice; there the deepest error."""
    ERROR_CENTRE = "error-centre"
    """P2: the largest slice first, then the centre of the largest error in the volume, in mm."""
    CVPR25 = "cvpr25"
    """P3: always the centre of the largest error in the volume, in voxels."""


class _Proposal(NamedTuple):
    """A click before jitter, and where jitter may move it."""

    slice_index: int
    row: int
    column: int
    region: BoolArray  # (rows, columns), the part of the error that holds the click


class RobotUser:
    """One simulated user of one object; it remembers where it clicked."""

    def __init__(
        self,
        truth: BoolArray,
        spacing_zyx_mm: Sequence[float],
        rule: ClickRule = ClickRule.WORST_SLICE,
        jitter_pixels: float = 0.0,
    ) -> None:
        """Sit a user in front of an object.

        Args:
            truth: [z, y, x], the object; slices are taken along z.
            spacing_zyx_mm: Distance of neighbouring voxels along z, y, x.
            rule: How clicks are chosen.
            jitter_pixels: Clicks move at random by up to this distance within the error.

        Raises:
            ConfigError: The jitter is negative.
        """
        if not jitter_pixels >= 0:
            raise ConfigError(f"jitter is a distance in pixels, 0 or more, not {jitter_pixels}")
        self.rule = rule
        self._truth = truth
        self._spacing_zyx_mm = tuple(spacing_zyx_mm)
        self._jitter_pixels = jitter_pixels
        self._generator = np.random.Generator(np.random.PCG64(SEED))
        self._clicks: list[Click] = []

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks so far, oldest first."""
        return tuple(self._clicks)

    def next_click(self, predicted: BoolArray) -> Click | None:
        """Look at a result and click.

        Args:
            predicted: [z, y, x], the mask after the last round; empty before the first.

        Returns:
            The click, in slices along z. None if there is nothing to click at: no object in the
            first round, no error that counts later.
        """
        proposal = self._propose(predicted)
        if proposal is None:
            return None
        row, column = self._moved(proposal)
        positive = bool(self._truth[proposal.slice_index, row, column])
        click = Click(proposal.slice_index, row, column, positive)
        self._clicks.append(click)
        return click

    def _propose(self, predicted: BoolArray) -> _Proposal | None:
        if self.rule is ClickRule.CVPR25:
            return self._centre_of_error(predicted)
        if not self._clicks:
            return self._deepest_on_slices(predicted, largest_slices(self._truth)[:1])
        if self.rule is ClickRule.ERROR_CENTRE:
            return self._centre_of_error(predicted)
        return self._deepest_on_slices(predicted, worst_slices(self._truth, predicted))

    def _deepest_on_slices(self, predicted: BoolArray, slices: Iterable[int]) -> _Proposal | None:
        """Propose the deepest error of the first slice that has a wrong pixel not yet clicked."""
        for index in slices:
            truth, mask = self._truth[index], predicted[index]
            pixel = next_click(truth, mask, self._clicked_on(index))
            if pixel is not None:
                row, column = int(pixel.row), int(pixel.column)
                error = truth & ~mask if pixel.positive else mask & ~truth
                return _Proposal(index, row, column, connected_part(error, row, column))
        return None

    def _centre_of_error(self, predicted: BoolArray) -> _Proposal | None:
        region = largest_error(self._truth, predicted)
        if region is None:
            return None
        if self.rule is ClickRule.CVPR25:
            centres = deepest_voxels(region, (1.0, 1.0, 1.0))
            centre = centres[self._generator.integers(len(centres))]
        else:
            centre = deepest_voxels(region, self._spacing_zyx_mm)[0]
        index, row, column = (int(i) for i in centre)
        return _Proposal(index, row, column, region[index])

    def _clicked_on(self, index: int) -> list[PixelClick]:
        return [
            PixelClick(click.row, click.column, click.positive)
            for click in self._clicks
            if click.slice_index == index
        ]

    def _moved(self, proposal: _Proposal) -> tuple[int, int]:
        """Return the pixel after jitter: all near enough in the region are equally likely."""
        if self._jitter_pixels == 0:
            return proposal.row, proposal.column
        clicked = {(click.row, click.column) for click in self._clicked_on(proposal.slice_index)}
        offsets = np.argwhere(proposal.region) - (proposal.row, proposal.column)
        near = offsets[(offsets**2).sum(axis=1) <= self._jitter_pixels**2]
        places = [(proposal.row + int(down), proposal.column + int(right)) for down, right in near]
        free = [place for place in places if place not in clicked] or places
        return free[self._generator.integers(len(free))]
