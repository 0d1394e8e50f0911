"""A data set's window, which travels with its volume."""

from __future__ import annotations

from dataclasses import replace

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.evaluation.baselines.session import BaselineSession
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.session import Session

CLICK = Click(8, 8, 8)


def test_a_session_takes_the_window_of_its_volume(ball, networks):
    session = Session(replace(ball, window=(-3.0, 40.0)), networks, Plane(0))
    session.add_click(CLICK)
    assert session.state.window == (-3.0, 40.0)


def test_a_window_that_was_asked_for_comes_first(ball, networks):
    volume = replace(ball, window=(-3.0, 40.0))
    session = Session(volume, networks, Plane(0), window=Window(0, 7))
    session.add_click(CLICK)
    assert session.state.window == (0.0, 7.0)


def test_a_tool_for_comparison_sees_the_same_window(ball):
    class Grower:
        most_voxels = 1 << 30

        def grow(self, values, seeds, spacing_zyx_mm):
            self.seen = values
            return seeds == 1

    grower = Grower()
    low, high = float(ball.array.min()), float(ball.array.max())
    session = BaselineSession(replace(ball, window=(low, 2 * high - low)), grower)
    session.add_click(CLICK)
    list(session.run_round(CancelToken()))
    assert (grower.seen.min(), grower.seen.max()) == (0.0, 0.5)
