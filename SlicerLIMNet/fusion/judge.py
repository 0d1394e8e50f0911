"""Asks the quality network about pairs of masks, in batches, both orders at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from SlicerLIMNet.fusion.facts import swapped
from SlicerLIMNet.imaging.crops import JudgeCrop, JudgeCropConfig, judge_crop
from SlicerLIMNet.imaging.resample import Pixels
from SlicerLIMNet.networks.quality_network import QualityNetwork

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]


class Judge:
    """A quality network on its device, in evaluation mode."""

    def __init__(
        self,
        network: QualityNetwork,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        batch_size: int = 32,
        crop: JudgeCropConfig | None = None,
    ) -> None:
        """Hold a network that is on `device` with weights of `dtype`.

        Args:
            network: In evaluation mode.
            device: Where to compute.
            dtype: Precision inside the network.
            batch_size: Slices asked about together; memory grows with it.
            crop: How slices are shown.
        """
        self._network = network
        self._device = torch.device(device)
        self._dtype = dtype
        self._batch_size = batch_size
        self._crop = crop or JudgeCropConfig()

    @torch.inference_mode()
    def preferences(
        self,
        images: Sequence[Pixels],
        previous: Sequence[BoolArray],
        current: Sequence[BoolArray],
        facts: Sequence[FloatArray] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return for every slice how probable it is that its previous mask is the better one.

        Args:
            images: (H, W) or (H, W, 3) each, 0..1.
            previous: (H, W) each.
            current: (H, W) each.
            facts: (FACTS,) each, see `pair_facts`; a network that asks for none leaves them alone.

        Returns:
            (slices,), swap-averaged; 0.5, which takes the current mask, where both are equal.
        """
        answers = np.full(len(images), 0.5)
        differing = [i for i in range(len(images)) if not np.array_equal(previous[i], current[i])]
        for start in range(0, len(differing), self._batch_size):
            part = differing[start : start + self._batch_size]
            crops = [judge_crop(images[i], previous[i], current[i], self._crop) for i in part]
            known = None if facts is None else np.stack([facts[i] for i in part])
            answers[part] = self._ask(crops, known)
        return answers

    def _ask(self, crops: Sequence[JudgeCrop], known: FloatArray | None) -> npt.NDArray[np.float64]:
        image = self._tensor([self._channels(crop) for crop in crops])
        mask_a = self._tensor([crop.mask_a[None] for crop in crops])
        mask_b = self._tensor([crop.mask_b[None] for crop in crops])
        facts = None
        if known is not None and self._network.facts:
            facts = self._tensor(known), self._tensor(swapped(known))
        return self._network(image, mask_a, mask_b, facts).double().cpu().numpy()

    def _channels(self, crop: JudgeCrop) -> npt.NDArray[Any]:
        """Return the image as (channels, size, size), in as many channels as the network has."""
        image = crop.image
        if self._network.channels == 1:
            return (image if image.ndim == 2 else image.mean(axis=2))[None]
        colours = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        return colours.transpose(2, 0, 1)

    def _tensor(self, arrays: Sequence[npt.NDArray[Any]] | FloatArray) -> Tensor:
        return torch.from_numpy(np.stack(list(arrays))).to(self._device, self._dtype)
