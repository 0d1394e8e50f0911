"""Small volumes, and sessions on them with fake networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import plane_from_name
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.made_volumes import ball_volume
from SlicerLIMNet.session.session import Session
from Testing.doubles import FakeNetworks

SessionMaker = Callable[..., Session]


@pytest.fixture
def ball() -> Volume:
    """A bright ball of radius 5 in the middle of 16 x 16 x 16 voxels."""
    image, _ = ball_volume((16, 16, 16), radius_mm=5.0, centre_zyx=(8, 8, 8))
    return Volume(image, Geometry((16, 16, 16), (1, 1, 1)), "MR", "ball")


@pytest.fixture
def ball_truth() -> np.ndarray:
    """The voxels of the ball."""
    return ball_volume((16, 16, 16), radius_mm=5.0, centre_zyx=(8, 8, 8))[1]


@pytest.fixture
def networks() -> FakeNetworks:
    """Fake networks that a test may look into."""
    return FakeNetworks()


@pytest.fixture
def session_on_ball(ball: Volume, networks: FakeNetworks) -> SessionMaker:
    """Make a session on the ball in a plane; options go to the session."""

    def make(plane: str = "axial", **options: Any) -> Session:
        return Session(ball, networks, plane_from_name(plane, ball.geometry), **options)

    return make
