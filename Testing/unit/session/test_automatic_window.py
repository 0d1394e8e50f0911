"""The window that a session begins with."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.imaging.window import choose_window
from SlicerLIMNet.session import automatic_window as module
from SlicerLIMNet.session.automatic_window import automatic_window

SHAPE = (6, 40, 40)


def volume(voxels, modality=None, window=None):
    return Volume(voxels, Geometry(voxels.shape[:3], (1, 1, 1)), modality, window=window)


def noise(low, high, shape=SHAPE):
    return np.random.default_rng(1).integers(low, high, shape).astype(np.int16)


def test_the_window_that_a_data_set_states_is_taken():
    assert automatic_window(volume(noise(0, 500), "MR", (1.0, 2.0)), (3, 3, 3)) == (1.0, 2.0)


@pytest.mark.parametrize("modality", ["CT", None])
def test_on_a_ct_every_click_has_its_own(modality):
    voxels = np.zeros(SHAPE, np.int16)
    voxels[0], voxels[1], voxels[2] = -800, 600, 40
    ct = volume(voxels, modality)
    for index in range(3):
        chosen = choose_window(voxels, modality, (index, 20, 20))
        assert automatic_window(ct, (index, 20, 20)) == (chosen.low, chosen.high)
    assert len({automatic_window(ct, (index, 20, 20)) for index in range(3)}) == 3


def test_elsewhere_every_voxel_is_looked_at_once(monkeypatch):
    asked = []

    def counted(*arguments):
        asked.append(arguments)
        return choose_window(*arguments)

    monkeypatch.setattr(module, "choose_window", counted)
    first, second = volume(noise(0, 500), "MR"), volume(noise(100, 900), "MR")
    for one in (first, second):
        expected = choose_window(one.array, "MR", (2, 5, 5))
        assert automatic_window(one) == automatic_window(one, (2, 5, 5), 1)
        assert automatic_window(one) == (expected.low, expected.high)
    assert len(asked) == 2


def test_colour_named_ct_keeps_its_whole_range():
    colour = volume(noise(0, 255, (*SHAPE, 3)).astype(np.uint8), "CT")
    assert automatic_window(colour, (1, 1, 1)) == (0.0, 255.0)
