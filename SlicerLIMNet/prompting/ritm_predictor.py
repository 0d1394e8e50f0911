"""One prediction of a prompt network: zoom-in, limit of size, mirrored average, paste back.

Shapes: (H, W) = rows and columns of the image, (h, w) = of what the network sees.

Source: Sofiiuk et al., "Reviving Iterative Training with Mask Guidance" (2022), inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import FloatArray, PixelClick
from SlicerLIMNet.networks.prompt_interface import PromptNetwork, main_logits
from SlicerLIMNet.prompting.zoom_in import (
    Crop,
    ZoomConfig,
    ZoomState,
    clicks_in_crop,
    deserves_second_look,
    next_crop,
    resized_shape,
)


@dataclass(frozen=True)
class PredictorConfig:
    """How an image is shown to the network."""

    zoom: ZoomConfig | None = field(default_factory=ZoomConfig)
    """How to look closer; None shows the whole image always."""
    longest_side: int | None = None
    """What is shown is made smaller until its longer side has this many pixels; None: never."""
    flip: bool = True
    """Average over the image and its mirror image."""

    def __post_init__(self) -> None:
        if self.longest_side is not None and self.longest_side < 1:
            raise ConfigError(f"The longest side is {self.longest_side}; give at least one pixel")


class Prediction(NamedTuple):
    """Result of a prediction."""

    probability: FloatArray
    """(H, W), 0..1; 0 outside the crop."""
    state: ZoomState
    """For the next prediction of the same image."""


class RitmPredictor:
    """From one image, its clicks and its previous mask to probabilities."""

    def __init__(
        self,
        network: PromptNetwork,
        config: PredictorConfig | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Hold a network that is in evaluation mode.

        Args:
            network: RITM or any other with its inputs, on `device` with weights of `dtype`.
            config: How to show images.
            device: Where to compute.
            dtype: Precision of images inside the network; clicks stay in float32.
        """
        self._network = network
        self.config = config or PredictorConfig()
        self._device = torch.device(device)
        self._dtype = dtype

    @torch.inference_mode()
    def predict(
        self,
        image: npt.NDArray[Any],
        clicks: Sequence[PixelClick],
        previous: npt.NDArray[Any] | None = None,
        state: ZoomState | None = None,
    ) -> Prediction:
        """Segment the object that was clicked.

        Args:
            image: (H, W) grey or (H, W, 3) colour, 0..1.
            clicks: All clicks on the image, in order; fractional places are allowed.
            previous: (H, W), probabilities of the last mask, also what the zoom looks at; None is
                an empty mask.
            state: From the last prediction of this image; None starts anew.

        Returns:
            Probabilities, and the state for the next prediction.
        """
        rows_cols = (image.shape[0], image.shape[1])
        if previous is None:
            previous = np.zeros(rows_cols, np.float32)
        stacked = self._stacked(image, previous)
        in_use = (state or ZoomState()).crop
        zoom = self.config.zoom
        if zoom is None:
            return Prediction(self._looked_at(stacked, clicks, None), ZoomState())
        crop = next_crop(in_use, previous, clicks, zoom)
        probability = self._looked_at(stacked, clicks, crop)
        if deserves_second_look(crop, probability, zoom):
            crop = next_crop(None, probability, clicks, zoom)
            if crop is not None:
                probability = self._looked_at(stacked, clicks, crop)
        return Prediction(probability, ZoomState(crop))

    def _stacked(self, image: npt.NDArray[Any], previous: npt.NDArray[Any]) -> Tensor:
        """Return image and previous mask as (1, 4, H, W)."""
        colours = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        stacked = np.concatenate([colours, previous[..., None]], axis=2, dtype=np.float32)
        tensor = torch.from_numpy(np.ascontiguousarray(stacked.transpose(2, 0, 1)))
        return tensor[None].to(self._device, self._dtype)

    def _looked_at(
        self, stacked: Tensor, clicks: Sequence[PixelClick], crop: Crop | None
    ) -> FloatArray:
        """Return (H, W) probabilities of one look at a crop, or at the whole image."""
        if crop is None:
            return _as_array(self._limited(stacked, clicks))
        assert self.config.zoom is not None
        shown = resized_shape(crop, self.config.zoom.target_size)
        rows, columns = crop.slices
        part = _resized(stacked[..., rows, columns], shown)
        inner = self._limited(part, clicks_in_crop(clicks, crop, shown))
        probability = inner.new_zeros((1, 1, *stacked.shape[2:]))
        probability[..., rows, columns] = _resized(inner, crop.rows_cols)
        return _as_array(probability)

    def _limited(self, stacked: Tensor, clicks: Sequence[PixelClick]) -> Tensor:
        """Return (1, 1, h, w) probabilities, computed at the limited size."""
        whole = Crop.whole((stacked.shape[2], stacked.shape[3]))
        limit = self.config.longest_side
        if limit is None or max(whole.rows_cols) <= limit:
            return self._probability(stacked, clicks)
        shown = resized_shape(whole, limit)
        inner = self._probability(_resized(stacked, shown), clicks_in_crop(clicks, whole, shown))
        return _resized(inner, whole.rows_cols)

    def _probability(self, stacked: Tensor, clicks: Sequence[PixelClick]) -> Tensor:
        points = click_tensor(clicks).to(self._device)[None]
        if self.config.flip:
            return mirrored_average_logits(self._network, stacked, points).sigmoid()
        return main_logits(self._network(stacked, points)).float().sigmoid()


def click_tensor(clicks: Sequence[PixelClick]) -> Tensor:
    """Return clicks as (2K, 3) rows (row, column, order): K positive ones, then K negative ones.

    K is the larger of both counts, at least 1; rows left over hold -1.
    """
    ordered = list(enumerate(clicks))
    positive = [(click.row, click.column, order) for order, click in ordered if click.positive]
    negative = [(click.row, click.column, order) for order, click in ordered if not click.positive]
    slots = max(len(positive), len(negative), 1)
    points = torch.full((2 * slots, 3), -1.0)
    for start, rows in ((0, positive), (slots, negative)):
        if rows:
            points[start : start + len(rows)] = torch.tensor(rows, dtype=torch.float32)
    return points


def mirrored_average_logits(network: PromptNetwork, image: Tensor, points: Tensor) -> Tensor:
    """Return the mean of the logits of images and of their mirror images, asked as one batch.

    Args:
        network: In evaluation mode.
        image: (N, 4, h, w), colours and previous mask.
        points: (N, 2K, 3), see `click_tensor`.

    Returns:
        (N, 1, h, w), float32.
    """
    used = points[..., :2].amax(dim=2) >= 0
    mirrored = points.clone()
    mirrored[..., 1] = torch.where(used, image.shape[3] - 1 - points[..., 1], points[..., 1])
    batch = torch.cat([image, image.flip(3)])
    straight, flipped = main_logits(network(batch, torch.cat([points, mirrored]))).float().chunk(2)
    return 0.5 * (straight + flipped.flip(3))


def _resized(tensor: Tensor, rows_cols: tuple[int, int]) -> Tensor:
    return functional.interpolate(tensor, size=rows_cols, mode="bilinear", align_corners=True)


def _as_array(probability: Tensor) -> FloatArray:
    return np.asarray(probability[0, 0].cpu().numpy(), np.float32)
