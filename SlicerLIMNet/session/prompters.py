"""Prompt networks of either kind behind one function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import nn

from SlicerLIMNet.domain.guides import Guides
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.networks.prompt_network import RitmNetwork
from SlicerLIMNet.prompting.light_predictor import LightPredictor, LightState
from SlicerLIMNet.prompting.ritm_predictor import PredictorConfig, RitmPredictor
from SlicerLIMNet.prompting.zoom_in import Crop, ZoomConfig, ZoomState
from SlicerLIMNet.session.parts import FloatArray, PromptAnswer, Zoom

Prompter: TypeAlias = Callable[
    [FloatArray, Sequence[PixelClick], FloatArray, Zoom, Guides], PromptAnswer
]
"""Image, clicks, previous probabilities, zoom and guides to an answer."""


def prompter_of(network: nn.Module, device: torch.device, dtype: torch.dtype) -> Prompter:
    """Return how to ask a network that is on a device in a precision, in evaluation mode."""
    if isinstance(network, RitmNetwork):
        return _ritm(network, device, dtype)
    return _light(network, device, dtype)


def _light(network: nn.Module, device: torch.device, dtype: torch.dtype) -> Prompter:
    predictor = LightPredictor(network, device=device, dtype=dtype)

    def ask(
        image: FloatArray,
        clicks: Sequence[PixelClick],
        previous: FloatArray,
        zoom: Zoom,
        guides: Guides,
    ) -> PromptAnswer:
        state = None if zoom is None else LightState((zoom[0], zoom[1], zoom[2], zoom[3]))
        answer = predictor.predict(image, clicks, previous, state, guides)
        return PromptAnswer(answer.probability, _plain(answer.state.box))

    return ask


def _ritm(network: RitmNetwork, device: torch.device, dtype: torch.dtype) -> Prompter:
    """How close RITM looks depends on the size of the slices."""

    def ask(
        image: FloatArray,
        clicks: Sequence[PixelClick],
        previous: FloatArray,
        zoom: Zoom,
        _guides: Guides,
    ) -> PromptAnswer:
        closeness = ZoomConfig.medical((image.shape[0], image.shape[1]))
        predictor = RitmPredictor(network, PredictorConfig(closeness), device, dtype)
        state = None if zoom is None else ZoomState(Crop(*zoom))
        answer = predictor.predict(image, clicks, previous, state)
        return PromptAnswer(answer.probability, _plain(answer.state.crop))

    return ask


def _plain(box: Sequence[int] | None) -> Zoom:
    return None if box is None else tuple(int(edge) for edge in box)
