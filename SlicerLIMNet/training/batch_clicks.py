"""Corrections of a whole batch of predictions at once, where the predictions lie.

On a GPU the masks stay there: distances are computed by brute force over rows and columns, which is
exact and what such a machine does best. On the CPU the slices go through OpenCV one by one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from SlicerLIMNet.imaging.error_clicks import TRAINING_THRESHOLD
from SlicerLIMNet.training.click_sampling import INITIAL_ORDER, draw_correction

AT_ONCE = 64
"""Masks whose distances are computed together; 64 of 128x128 take 0.5 GB."""


def click_on(points: Tensor, truth: Tensor, probability: Tensor, seed: int) -> Tensor:
    """Return the points with one more click an item, where something is wrong and a slot is free.

    Args:
        points: (B, 2K, 3), as from `click_slots`.
        truth: (B, 1, H, W), 0 or 1.
        probability: (B, 1, H, W), the predictions to correct.
        seed: Of the draw among the deeper half of the larger error.
    """
    if truth.device.type == "cpu":
        rows, positive = _drawn_on_cpu(truth, probability, seed)
    else:
        rows, positive = draw_corrections(truth[:, 0], probability[:, 0], seed)
    return _written(points, rows, positive)


def draw_corrections(truth: Tensor, probability: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Draw a correction of every item, as `draw_correction` does.

    Args:
        truth: (B, H, W), 0 or 1.
        probability: (B, H, W).
        seed: Of the draw.

    Returns:
        Row and column (B, 2), -1 where nothing is wrong, and whether the click is positive (B,).
    """
    deep, positive = correction_candidates(truth, probability)
    generator = torch.Generator(deep.device).manual_seed(seed % 2**63)
    chance = torch.rand(deep.shape, generator=generator, device=deep.device)
    best = (chance + 1).mul_(deep).flatten(1).argmax(dim=1)
    rows_columns = torch.stack([best // deep.shape[2], best % deep.shape[2]], dim=1)
    return rows_columns.masked_fill(~deep.flatten(1).any(dim=1, keepdim=True), -1), positive


def correction_candidates(truth: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixels that may be clicked, (B, H, W), and the sign of the click, (B,)."""
    missed = depth_maps((truth > 0.5) & (probability < TRAINING_THRESHOLD))
    surplus = depth_maps((truth <= 0.5) & (probability > TRAINING_THRESHOLD))
    positive = missed.amax(dim=(1, 2)) > surplus.amax(dim=(1, 2))
    depth = torch.where(positive[:, None, None], missed, surplus)
    return depth > depth.amax(dim=(1, 2), keepdim=True) / 2, positive


def depth_maps(masks: Tensor) -> Tensor:
    """Return the distance of every pixel to the nearest one outside its mask, (B, H, W).

    What lies beyond the edge counts as outside, as in `depth_map`.
    """
    return torch.cat([_depth_maps(part) for part in torch.split(masks, AT_ONCE)])


def _depth_maps(masks: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(masks, (1, 1, 1, 1))
    height, width = padded.shape[1:]
    rows = torch.arange(height, device=masks.device, dtype=torch.float32)[:, None]
    above = torch.where(padded, -1.0, rows).cummax(dim=1).values
    below = torch.where(padded, 2.0 * height, rows).flip(1).cummin(dim=1).values.flip(1)
    squared = torch.minimum(rows - above, below - rows) ** 2
    columns = torch.arange(width, device=masks.device, dtype=torch.float32)
    apart = (columns[:, None] - columns[None]) ** 2
    nearest = (squared[:, :, None, :] + apart).amin(dim=3)
    return nearest.sqrt()[:, 1:-1, 1:-1]


def _drawn_on_cpu(truth: Tensor, probability: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    rng = np.random.Generator(np.random.PCG64(seed))
    labels, answers = truth[:, 0].numpy().astype(np.int8), probability[:, 0].numpy()
    clicks = [
        draw_correction(label, answer, rng) for label, answer in zip(labels, answers, strict=True)
    ]
    rows = [(click.row, click.column) if click else (-1, -1) for click in clicks]
    return torch.tensor(rows), torch.tensor([bool(click and click.positive) for click in clicks])


def _written(points: Tensor, rows_columns: Tensor, positive: Tensor) -> Tensor:
    """Put clicks into the first free slot of their sign."""
    slots = points.shape[1] // 2
    used = (points[..., :2].amax(dim=2) >= 0).reshape(-1, 2, slots).sum(dim=2)
    sign = (~positive).long()
    taken = used.gather(1, sign[:, None])[:, 0]
    fits = (taken < slots) & (rows_columns[:, 0] >= 0)
    slot = sign * slots + taken.clamp(max=slots - 1)
    click = torch.cat([rows_columns, torch.full_like(rows_columns[:, :1], INITIAL_ORDER)], dim=1)
    here = torch.arange(2 * slots, device=points.device) == slot[:, None]
    return torch.where((here & fits[:, None])[..., None], click[:, None].to(points), points)
