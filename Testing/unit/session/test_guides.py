"""What the prompt network is told of other slices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.session.session import Session
from Testing.doubles import FakeNetworks

SHAPE = (9, 24, 24)


@pytest.fixture
def volume() -> Volume:
    """A bright square of 8 pixels on slices 2 to 6, 2 mm apart with pixels of 1 mm."""
    voxels = np.zeros(SHAPE, np.float32)
    voxels[2:7, 8:16, 8:16] = 1
    return Volume(voxels, Geometry(SHAPE, (2.0, 1.0, 1.0)), "MR", "square")


@pytest.fixture
def networks() -> FakeNetworks:
    return FakeNetworks()


@pytest.fixture
def session(volume, networks) -> Session:
    return Session(volume, networks, Plane(0), RoundConfig(fusion=False))


def click(session: Session, index: int, positive: bool = True) -> None:
    session.add_click(Click(index, 12, 12, positive))


def test_the_first_click_has_no_guides(session, networks):
    click(session, 4)
    assert networks.guides_seen[-1] == (None, None)


def test_a_second_slice_is_guided_by_the_first(session, networks):
    click(session, 4)
    click(session, 6)
    reference, nearest = networks.guides_seen[-1]
    assert reference.nearness == pytest.approx(math.exp(-2 * 2.0 / 8))
    np.testing.assert_array_equal(reference.mask > 0.5, session.shown_mask(4))
    np.testing.assert_array_equal(reference.image, nearest.image)


def test_after_a_round_the_nearest_mask_is_nearer_than_the_reference(session, networks):
    click(session, 4)
    for _ in session.run_round():
        pass
    assert session.fused_mask(6).any()
    click(session, 7)
    reference, nearest = networks.guides_seen[-1]
    assert reference.nearness < nearest.nearness
    np.testing.assert_array_equal(nearest.mask > 0.5, session.fused_mask(6))


def test_an_emptied_slice_guides_nobody(session, networks):
    click(session, 4)
    session.set_mask(np.zeros(SHAPE, bool), [4])
    click(session, 6)
    assert networks.guides_seen[-1] == (None, None)


def test_a_locked_slice_is_vouched_for(session, networks):
    click(session, 4)
    for _ in session.run_round():
        pass
    session.lock(6)
    click(session, 7)
    reference, _ = networks.guides_seen[-1]
    np.testing.assert_array_equal(reference.mask > 0.5, session.fused_mask(6))
