"""Other slices of the object as the network is shown them."""

from __future__ import annotations

import numpy as np

from SlicerLIMNet.domain.guides import NO_GUIDES, Guide, Guides
from SlicerLIMNet.prompting.guide_layers import guide_layers

BOX = (4, 20, 8, 24)


def guide(value: float, near: float, colours: bool = False) -> Guide:
    image = np.full((32, 32, 3) if colours else (32, 32), value, np.float32)
    mask = np.zeros((32, 32), np.float32)
    mask[4:12, 8:24] = 1
    return Guide(image, mask, near)


def test_both_guides_are_cut_like_the_slice():
    layers = guide_layers(Guides(guide(0.25, 0.3), guide(0.75, 0.9)), BOX, (32, 32))
    assert layers.shape == (32, 32, 5)
    np.testing.assert_allclose(
        layers[16, 16], [0.25, layers[16, 16, 1], 0.75, layers[16, 16, 3], 0.9]
    )
    np.testing.assert_allclose(layers[4, :, [1, 3]], 1)
    np.testing.assert_allclose(layers[28, :, [1, 3]], 0)


def test_colours_become_grey():
    layers = guide_layers(Guides(None, guide(0.5, 1.0, colours=True)), BOX, (16, 16))
    np.testing.assert_allclose(layers[..., 2], 0.5)
    assert not layers[..., :2].any()


def test_without_guides_all_is_zero():
    assert not guide_layers(NO_GUIDES, BOX, (16, 16)).any()
