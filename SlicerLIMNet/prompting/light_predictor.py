"""From clicks to the mask of a slice with the light prompt network.

The first click has no object yet, so several windows around it are looked at as one batch, and the
most trustworthy of their masks is taken. From then on the network sees a square around the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from SlicerLIMNet.domain.guides import NO_GUIDES, Guides
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.imaging.resample import Box, bounding_box, cut, paste, square_box, to_box
from SlicerLIMNet.networks.prompt_interface import PromptNetwork, main_logits
from SlicerLIMNet.prompting.guide_layers import guide_layers
from SlicerLIMNet.prompting.ritm_predictor import click_tensor, mirrored_average_logits
from SlicerLIMNet.prompting.window_choice import best_window

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LightPredictorConfig:
    """How slices are shown to the network.

    Raises:
        ConfigError: A number is out of range.
    """

    size: int = 128
    """Pixels of the network's square input; a multiple of 32."""
    closeness: tuple[float, ...] = (1.5, 2, 3, 4, 6, 8, 12)
    """Windows around a first click besides the whole slice: so many times smaller than it."""
    least_side: int = 14
    """No window or box is smaller, in pixels of the slice."""
    expansion: float = 1.5
    """Side of the box around a mask, as a multiple of the mask's extent."""
    overlap: float = 0.5
    """The box in use stays while its overlap with the wanted one is at least this."""

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise ConfigError(f"prompt input size is {self.size}; give a multiple of 32")
        if min(self.closeness, default=1) < 1 or self.least_side < 2 or self.expansion < 1:
            raise ConfigError(
                f"prompt closeness {self.closeness}, least_side {self.least_side}, expansion"
                f" {self.expansion}; give at least 1, 2 and 1"
            )
        if not 0 <= self.overlap <= 1:
            raise ConfigError(f"prompt box overlap is {self.overlap}; give 0 to 1")


@dataclass(frozen=True)
class LightState:
    """What the next prediction of the same slice starts from."""

    box: Box | None = None
    """The box in use."""


class LightPrediction(NamedTuple):
    """Result of a prediction."""

    probability: FloatArray
    """(H, W), 0..1; 0 outside the box."""
    state: LightState
    """For the next prediction of the same slice."""


class LightPredictor:
    """Windows for a first click, then a zoomed box that is averaged with its mirror image."""

    def __init__(
        self,
        network: PromptNetwork,
        config: LightPredictorConfig | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Hold a network in evaluation mode, on `device` with weights of `dtype`."""
        self._network = network
        self.config = config or LightPredictorConfig()
        self._device = torch.device(device)
        self._dtype = dtype
        self._guide_channels = int(getattr(network, "guide_channels", 0))

    @torch.inference_mode()
    def predict(
        self,
        image: FloatArray,
        clicks: Sequence[PixelClick],
        previous: FloatArray | None = None,
        state: LightState | None = None,
        guides: Guides = NO_GUIDES,
    ) -> LightPrediction:
        """Segment the object that was clicked.

        Args:
            image: (H, W) grey or (H, W, 3) colour, 0..1.
            clicks: All clicks on the slice, in order.
            previous: (H, W) probabilities of the last mask; None is an empty one.
            state: From the last prediction on this slice; None starts anew.
            guides: Other slices of the object, for a network that looks at them.

        Returns:
            Probabilities and the next state. Without a previous mask and without a positive click
            there is no object: probabilities are 0.
        """
        shape = (image.shape[0], image.shape[1])
        if previous is None:
            previous = np.zeros(shape, np.float32)
        box = (state or LightState()).box
        if not (previous > 0.5).any():
            positive = [click for click in clicks if click.positive]
            if not positive:
                return LightPrediction(np.zeros(shape, np.float32), LightState())
            seen = _Seen(image, clicks, previous, guides)
            previous = self._first_look(seen, positive[-1])
            box = None
        box = self._next_box(box, previous > 0.5, clicks)
        probability = self._look(_Seen(image, clicks, previous, guides), box)
        if _is_cut_off(probability > 0.5, box):
            box = self._next_box(None, probability > 0.5, clicks)
            probability = self._look(_Seen(image, clicks, probability, guides), box)
        return LightPrediction(probability, LightState(box))

    def _first_look(self, seen: _Seen, around: PixelClick) -> FloatArray:
        """Return the answer of the window that deserves most trust, see `best_window`."""
        boxes = self._windows(seen.previous.shape, around)
        nearest = seen.guides.nearest if self._guide_channels else None
        if nearest is not None:
            boxes.append(self._box_around(nearest.mask > 0.5, [around]))
        logits = main_logits(self._network(*self._batch(seen, boxes)))
        answers = self._answers(logits, seen, boxes)
        return answers[best_window(answers, around)]

    def _windows(self, shape: tuple[int, ...], click: PixelClick) -> list[Box]:
        """Return squares around the click, the first one of the whole slice."""
        longest = max(shape)
        whole = square_box(((shape[0] - 1) / 2, (shape[1] - 1) / 2), longest)
        sides = [longest / factor for factor in self.config.closeness]
        kept = [side for side in sides if side >= self.config.least_side]
        return [whole, *(square_box((click.row, click.column), side) for side in kept)]

    def _next_box(self, in_use: Box | None, mask: BoolArray, clicks: Sequence[PixelClick]) -> Box:
        """Return the box in use if it still suits, else a new one around mask and clicks."""
        wanted = self._box_around(mask, clicks)
        if in_use is None:
            return wanted
        places = [click for click in clicks if click.positive]
        inside = all(
            in_use[0] <= c.row < in_use[1] and in_use[2] <= c.column < in_use[3] for c in places
        )
        return in_use if inside and _overlap(in_use, wanted) >= self.config.overlap else wanted

    def _box_around(self, mask: BoolArray, clicks: Sequence[PixelClick]) -> Box:
        marked = mask.copy()
        for click in clicks:
            if click.positive:
                row = min(max(int(click.row), 0), mask.shape[0] - 1)
                marked[row, min(max(int(click.column), 0), mask.shape[1] - 1)] = True
        box = bounding_box(marked)
        if box is None:
            return square_box(((mask.shape[0] - 1) / 2, (mask.shape[1] - 1) / 2), max(mask.shape))
        top, bottom, left, right = box
        side = self.config.expansion * max(bottom - top, right - left)
        side = max(side, self.config.least_side)
        return square_box(((top + bottom - 1) / 2, (left + right - 1) / 2), side)

    def _look(self, seen: _Seen, box: Box) -> FloatArray:
        """Return (H, W) probabilities as seen in a box, averaged with the mirror image's."""
        logits = mirrored_average_logits(self._network, *self._batch(seen, [box]))
        return self._answers(logits, seen, [box])[0]

    def _batch(self, seen: _Seen, boxes: Sequence[Box]) -> tuple[Tensor, Tensor]:
        """Return what the network gets of boxes: (B, 4 or more, size, size) and (B, 2K, 3)."""
        size = (self.config.size, self.config.size)
        stacked = torch.stack([self._stacked(seen, box, size) for box in boxes])
        points = torch.stack([_points(seen.clicks, box, size) for box in boxes])
        batch = stacked.to(self._device, self._dtype, memory_format=torch.channels_last)
        return batch, points.to(self._device)

    def _answers(self, logits: Tensor, seen: _Seen, boxes: Sequence[Box]) -> list[FloatArray]:
        """Return logits (B, 1, size, size) as probabilities of the whole slice, (H, W) each."""
        crops = logits.float().sigmoid().cpu().numpy()[:, 0]
        shape = (seen.image.shape[0], seen.image.shape[1])
        return [paste(crop, box, shape) for crop, box in zip(crops, boxes, strict=True)]

    def _stacked(self, seen: _Seen, box: Box, size: tuple[int, int]) -> Tensor:
        """Return what the network sees of a box, (4 or more, size, size)."""
        crop = cut(seen.image, box, size)
        colours = crop if crop.ndim == 3 else np.repeat(crop[..., None], 3, axis=2)
        layers = [colours, cut(seen.previous, box, size)]
        if self._guide_channels:
            layers.append(guide_layers(seen.guides, box, size))
        return torch.from_numpy(np.ascontiguousarray(np.dstack(layers).transpose(2, 0, 1)))


class _Seen(NamedTuple):
    """A slice and what is known of it."""

    image: FloatArray
    """(H, W) or (H, W, 3), 0..1."""
    clicks: Sequence[PixelClick]
    """All of them, in order."""
    previous: FloatArray
    """(H, W), probabilities of the mask before."""
    guides: Guides
    """Other slices of the object."""


def _points(clicks: Sequence[PixelClick], box: Box, size: tuple[int, int]) -> Tensor:
    """Return the clicks of a box in its pixels, in as many slots of each sign as all clicks need.

    What lies between the centre of an outermost pixel and its edge moves to the centre: in a corner
    both coordinates would be negative there, which means a void click.
    """
    places = to_box([(click.row, click.column) for click in clicks], box, size)
    moved = [
        PixelClick(min(max(row, 0), size[0] - 1), min(max(column, 0), size[1] - 1), click.positive)
        for (row, column), click in zip(places, clicks, strict=True)
        if -1 < row < size[0] and -1 < column < size[1]
    ]
    tensor = click_tensor(moved)
    slots = len(clicks)  # the same number for every box of a batch
    positive, negative = tensor.chunk(2)
    void = tensor.new_full((max(0, slots - len(positive)), 3), -1.0)
    return torch.cat([positive, void, negative, void])


def _is_cut_off(mask: BoolArray, box: Box) -> bool:
    """Whether a mask runs along an edge of the box that is not an edge of the slice."""
    rows, columns = mask.shape
    least = max(2, round(0.05 * (box[1] - box[0])))
    edges = []
    if box[0] > 0:
        edges.append(mask[box[0], :])
    if box[1] < rows:
        edges.append(mask[box[1] - 1, :])
    if box[2] > 0:
        edges.append(mask[:, box[2]])
    if box[3] < columns:
        edges.append(mask[:, box[3] - 1])
    return any(np.count_nonzero(edge) >= min(least, len(edge)) for edge in edges)


def _overlap(one: Box, other: Box) -> float:
    """Product of the overlaps (intersection over union) of the rows and of the columns."""
    product = 1.0
    for k in (0, 2):
        shared = min(one[k + 1], other[k + 1]) - max(one[k], other[k])
        union = max(one[k + 1], other[k + 1]) - min(one[k], other[k])
        product *= max(0.0, shared / union)
    return product
