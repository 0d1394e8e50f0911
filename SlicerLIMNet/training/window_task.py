"""Training of the choice among the windows of a first click: the last stage of the prompt network.

The network itself stays as it is. Its answers to first clicks are made once, in the very windows
of the engine; then the choice learns to take the one with the highest Dice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from SlicerLIMNet.domain.guides import Guide, Guides
from SlicerLIMNet.imaging.error_clicks import PixelClick, next_click
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.networks.light_prompt import LightPromptNetwork
from SlicerLIMNet.networks.weights import build_network, load_weights
from SlicerLIMNet.prompting.light_predictor import LightPredictor, Seen
from SlicerLIMNet.prompting.window_choice import window_numbers
from SlicerLIMNet.training.augment import change_intensity
from SlicerLIMNet.training.config import TrainConfig, task_settings
from SlicerLIMNet.training.config_pool import configured_pool
from SlicerLIMNet.training.guide_samples import LabelledSlice
from SlicerLIMNet.training.pictures import Picture
from SlicerLIMNet.training.pool import Pool
from SlicerLIMNet.training.prompt_data import LEAST_PIXELS, PromptSampler, SampleRules, SourceShares

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]

SOURCES = (0.55, 0.12, 0.13, 0.12, 0.08)
"""Of real objects, images, pseudo-objects, superpixels and made objects."""
CENTRED_CHANCE = 0.6
"""Of a click in the middle of the object, as robots make it; the others lie anywhere in it."""
GUIDED_CHANCE = 0.4
LEAST_SIDE = 24
"""Pixels of a slice in which there is something to choose."""
DOUBT = 0.002
"""Weight of the entropy that keeps the choice open in the beginning."""


@dataclass(frozen=True)
class WindowTaskConfig:
    """Settings under `task`."""

    weights: str = ""
    """Weights file of the prompt network."""
    samples: int = 3000
    """First clicks that it is asked about."""


class FirstLook(NamedTuple):
    """The windows of one first click: numbers (W, WINDOW_NUMBERS), and Dice (W,)."""

    numbers: FloatArray
    dice: FloatArray


class WindowBatch(NamedTuple):
    """First clicks: numbers (B, W, WINDOW_NUMBERS) and Dice (B, W), -1 where there is no window."""

    numbers: Tensor
    dice: Tensor


class WindowBatches:
    """Draws first clicks from those that were made."""

    def __init__(self, looks: list[FirstLook], batch: int) -> None:
        most = max(len(look.dice) for look in looks)
        self._numbers = np.zeros((len(looks), most, looks[0].numbers.shape[1]), np.float32)
        self._dice = np.full((len(looks), most), -1, np.float32)
        for row, look in enumerate(looks):
            self._numbers[row, : len(look.dice)] = look.numbers
            self._dice[row, : len(look.dice)] = look.dice
        self._batch = batch

    @property
    def spread(self) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of the numbers, to normalise them by."""
        there = self._numbers[self._dice >= 0]
        return there.mean(axis=0), there.std(axis=0) + 1e-5

    def draw(self, seed: int) -> WindowBatch:
        """Return the batch of a seed."""
        rows = np.random.Generator(np.random.PCG64(seed)).integers(
            len(self._dice), size=self._batch
        )
        return WindowBatch(
            torch.from_numpy(self._numbers[rows]), torch.from_numpy(self._dice[rows])
        )


class WindowTask:
    """First clicks in all their windows; only the choice among these learns."""

    registry_name = "light-prompt"

    def __init__(self, config: TrainConfig, pool: Pool | None = None) -> None:
        settings = task_settings(WindowTaskConfig, config.task)
        trained, info = load_weights(Path(settings.weights), self.registry_name)
        self.configuration: dict[str, Any] = {**info.configuration, "with_choice": True}
        network = cast(LightPromptNetwork, build_network(self.registry_name, self.configuration))
        network.load_state_dict(trained.state_dict(), strict=False)
        looks = first_looks(
            LightPredictor(trained.eval()),
            pool or configured_pool(config),
            settings.samples,
            config.seed,
        )
        self.batches = WindowBatches(looks, config.batch)
        assert network.choice is not None
        network.requires_grad_(False)
        network.choice.requires_grad_(True)
        for buffer, values in zip(
            (network.choice.mean, network.choice.deviation), self.batches.spread, strict=True
        ):
            buffer.copy_(torch.from_numpy(values))
        self.network = network

    def losses(self, batch: WindowBatch) -> Iterator[tuple[Tensor, dict[str, float | Tensor]]]:
        """Yield the loss of one batch: what Dice the windows taken are expected to miss."""
        choice = self.network.choice
        assert choice is not None
        device = next(choice.parameters()).device
        numbers, found = batch.numbers.to(device), batch.dice.to(device)
        scores = choice(numbers).float().masked_fill(found < 0, -1e9)
        chances = scores.softmax(dim=1)
        expected = (chances * found.clamp(min=0)).sum(dim=1).mean()
        entropy = -(chances * (chances + 1e-9).log()).sum(dim=1).mean()
        taken = found.gather(1, scores.argmax(dim=1, keepdim=True)).mean()
        best = found.amax(dim=1).mean()
        yield -expected - DOUBT * entropy, {"dice": taken, "best": best}

    def pictures(self, _batch: WindowBatch) -> list[Picture]:
        """Return none: there is nothing to see in numbers."""
        return []


def first_looks(predictor: LightPredictor, pool: Pool, count: int, seed: int) -> list[FirstLook]:
    """Return first clicks with the answers of all their windows.

    Args:
        predictor: With the prompt network, trained.
        pool: Objects are drawn from it, held-out volumes left out.
        count: Clicks.
        seed: Of all that is drawn.
    """
    rng = np.random.Generator(np.random.PCG64([seed, 2]))
    shares = SourceShares(*SOURCES)
    sampler = PromptSampler(pool, 128, shares, seed, None, SampleRules(guided=GUIDED_CHANCE))
    looks: list[FirstLook] = []
    with tqdm(total=count, desc="first clicks", unit="click") as bar:
        while len(looks) < count:
            found = sampler.labelled(int(rng.choice(len(SOURCES), p=SOURCES)))
            if found is not None and _is_usable(found):
                looks.append(_look(predictor, found, rng))
                bar.update()
    return looks


def _is_usable(found: LabelledSlice) -> bool:
    is_large = min(found.mask.shape) >= LEAST_SIDE
    return is_large and int(np.count_nonzero(found.mask)) >= LEAST_PIXELS


def _look(predictor: LightPredictor, found: LabelledSlice, rng: np.random.Generator) -> FirstLook:
    pixels = [found.pixels, *(guide.pixels for guide in found.guides)]
    if found.pixels.ndim == 2:
        pixels = list(change_intensity(np.stack(pixels), rng))
    guides = Guides(
        *(
            Guide(image.astype(np.float32), guide.mask.astype(np.float32), guide.nearness)
            for guide, image in zip(found.guides, pixels[1:], strict=True)
        )
    )
    click = _draw_click(found.mask, rng)
    nothing = np.zeros(found.mask.shape, np.float32)
    boxes, answers = predictor.windows(
        Seen(pixels[0].astype(np.float32), [click], nothing, guides), click
    )
    numbers = window_numbers(answers, boxes, click, guides)
    scores = [dice(found.mask, answer > 0.5) for answer in answers]
    return FirstLook(numbers, np.array(scores, np.float32))


def _draw_click(mask: npt.NDArray[np.bool_], rng: np.random.Generator) -> PixelClick:
    if rng.random() < CENTRED_CHANCE:
        middle = next_click(mask.astype(np.int8), np.zeros_like(mask))
        assert middle is not None
        return middle
    rows, columns = np.nonzero(mask)
    at = int(rng.integers(len(rows)))
    return PixelClick(int(rows[at]), int(columns[at]), True)
