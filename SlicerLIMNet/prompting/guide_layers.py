"""Other slices of the object as the light prompt network is shown them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.guides import Guides
from SlicerLIMNet.imaging.resample import Box, cut
from SlicerLIMNet.networks.light_prompt import GUIDE_CHANNELS

FloatArray = npt.NDArray[np.float32]


def guide_layers(guides: Guides, box: Box, size: tuple[int, int]) -> FloatArray:
    """Return a box of the guides as the network gets it.

    Returns:
        (*size, GUIDE_CHANNELS): grey image and probabilities of the reference, then of the nearest
        slice, and its nearness; all 0 where there is none.
    """
    layers = np.zeros((*size, GUIDE_CHANNELS), np.float32)
    for number, guide in enumerate(guides):
        if guide is not None:
            grey = guide.image if guide.image.ndim == 2 else guide.image.mean(axis=2)
            layers[..., 2 * number] = cut(grey, box, size)
            layers[..., 2 * number + 1] = cut(guide.mask, box, size)
    if guides.nearest is not None:
        layers[..., 4] = guides.nearest.nearness
    return layers
