"""A first visit: load the sample, click its liver, propagate, correct the largest error."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from SlicerLIMNet.io.labelmaps import read_labelmap
from Testing.app.app_page import AXIAL, CORONAL, AppPage
from Testing.app.organs import BoolArray, Liver, dice, largest_slice, middle_of

GOOD_SLICE = 0.93
"""Dice at which a visitor is content with the mask of a slice."""


class Visit:
    """A visitor who knows where the liver ends."""

    def __init__(self, page: AppPage, target: Liver, folder: Path) -> None:
        """Take a page that shows the dialog, and a folder for downloads."""
        self.page, self.target, self._folder = page, target, folder

    def load(self) -> None:
        """Load the volume and look at the middle of the liver."""
        self.page.press(self.target.button)
        self.page.wait("f.ready")
        self.page.place(AXIAL, self._middle)

    def click(self) -> None:
        """Click the middle of the liver in the axial view; wait until the mask is seen."""
        self.page.click_voxel(AXIAL, self._middle)
        self.page.wait("f.planeName === 'axial' && f.clicks === 1 && !f.busy")
        self.page.wait_for_colour(AXIAL)

    def begin_round(self) -> None:
        """Propagate and wait for the first slice; the server must hold the round."""
        self.page.press("propagate")
        self.page.wait("f.isRoundRunning && f.done > 0")

    def propagate(self) -> None:
        """Propagate and wait for the end."""
        rounds = self.page.facts["rounds"]
        self.page.press("propagate")
        self.page.wait(f"f.rounds === {rounds + 1} && !f.busy")

    def correct(self, most_clicks: int = 3) -> None:
        """Click in the coronal slice with the largest error until its mask is good."""
        truth, error = self.target.truth, self._error
        index = largest_slice(error, axis=1)
        for _ in range(most_clicks):
            wrong = error[:, index]
            if dice(truth[:, index] ^ wrong, truth[:, index]) >= GOOD_SLICE:
                break
            self._click_error(index, wrong)
            error = self._error

    def _click_error(self, index: int, wrong: BoolArray) -> None:
        """Click the middle of the largest error of a coronal slice, (rows, columns)."""
        facts = self.page.facts
        clicks = facts["clicks"] if facts["planeName"] == "coronal" else 0
        error = np.zeros_like(self.target.truth)
        error[:, index] = wrong
        worst = middle_of(error, axis=1)
        self.page.click_voxel(CORONAL, worst, is_other=not self.target.truth[worst])
        self.page.wait(f"f.planeName === 'coronal' && f.clicks === {clicks + 1} && !f.busy")

    def segmentation(self) -> BoolArray:
        """Download the segmentation; return its mask, [k, j, i]."""
        labels, _ = read_labelmap(self.page.download("save-segmentation", self._folder))
        return np.asarray(labels != 0)

    @property
    def dice(self) -> float:
        """How far what is downloaded agrees with the label."""
        return dice(self.segmentation(), self.target.truth)

    @property
    def _error(self) -> BoolArray:
        return self.segmentation() ^ self.target.truth

    @property
    def _middle(self) -> tuple[int, int, int]:
        return middle_of(self.target.truth, axis=0)
