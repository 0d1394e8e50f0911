"""Clicks drawn into images: two channels, positive and negative.

Shapes: N images, K clicks of each sign, (H, W) = rows and columns. Clicks are (N, 2K, 3): K rows of
positive clicks, then K of negative ones, each (row, column, order). A row is unused if both
coordinates are negative; with one negative coordinate it is a click beyond the edge, and its disk
still reaches into the image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def disk_maps(points: Tensor, rows_cols: tuple[int, int], radius: float = 5.0) -> Tensor:
    """Draw every click as a disk.

    Args:
        points: (N, 2K, 3), see above.
        rows_cols: Size of the maps.
        radius: Of the disks in pixels; pixels at exactly this distance belong to them.

    Returns:
        (N, 2, H, W), 0 or 1, in the type of the points; zeros for a sign without clicks.

    Source: RITM (Sofiiuk et al., 2022), the encoding of its published models.
    """
    return (_squared_distance(points, rows_cols) <= radius**2).to(points.dtype)


def tanh_maps(points: Tensor, rows_cols: tuple[int, int], radius: float = 260.0) -> Tensor:
    """Draw the distance to the nearest click of each sign, squeezed to [0, 1].

    Args:
        points: (N, 2K, 3), see above.
        rows_cols: Size of the maps.
        radius: Scale in pixels: the value is tanh(2 distance / radius).

    Returns:
        (N, 2, H, W), 0 at clicks, 1 far away and for a sign without clicks.

    Source: RITM (Sofiiuk et al., 2022), the encoding that its published models do not use.
    """
    return torch.tanh(2.0 * _squared_distance(points, rows_cols).sqrt() / radius)


def _squared_distance(points: Tensor, rows_cols: tuple[int, int]) -> Tensor:
    """Return the squared distance to the nearest click of each sign, infinite without any.

    Slots are taken one by one: all at once would need K times the memory of the result.
    """
    images, slots = points.shape[0], points.shape[1] // 2
    places = points[..., :2].reshape(images, 2, slots, 2)  # (N, sign, K, 2)
    unused = (places.amax(dim=-1, keepdim=True) < 0).expand_as(places)
    places = places.masked_fill(unused, math.inf)
    rows, columns = (torch.arange(n, device=points.device, dtype=points.dtype) for n in rows_cols)
    row_part = (rows - places[..., :1]).square().unsqueeze(-1)  # (N, 2, K, H, 1)
    column_part = (columns - places[..., 1:]).square().unsqueeze(-2)  # (N, 2, K, 1, W)
    nearest = row_part[:, :, 0] + column_part[:, :, 0]
    for slot in range(1, slots):
        nearest = torch.minimum(nearest, row_part[:, :, slot] + column_part[:, :, slot])
    return nearest
