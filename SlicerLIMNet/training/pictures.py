"""Pictures of what a network makes of training data, as one PNG: an item a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.io.write_aside import write_aside

Image8 = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

TILE, GAP, HEADER = 192, 4, 26
TRUTH, PREDICTION = (90, 220, 90), (40, 140, 255)
"""Blue, green, red, as OpenCV has them: green and orange."""
POSITIVE, NEGATIVE = (90, 220, 90), (60, 60, 240)
PAPER, INK = (30, 26, 24), (230, 230, 230)


@dataclass(frozen=True)
class Tile:
    """One small picture.

    Shapes: image (H, W) or (H, W, 3) in 0..1, red first; masks (H, W).
    """

    image: FloatArray
    truth: BoolArray | None = None
    prediction: BoolArray | None = None
    clicks: Sequence[PixelClick] = ()
    caption: str = ""


Picture = list[Tile]
"""The tiles of one item, from left to right."""


def write_pictures(path: Path, pictures: Sequence[Picture], title: str) -> None:
    """Write a grid; its folder is made if it is missing.

    Raises:
        OutputError: The file could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _, stream = cv2.imencode(".png", grid(pictures, title))
    with write_aside(path) as aside:
        aside.write_bytes(stream.tobytes())


def grid(pictures: Sequence[Picture], title: str) -> Image8:
    """Return the grid (H, W, 3), blue first; empty where a row has fewer tiles than others."""
    columns = max(len(picture) for picture in pictures)
    pitch = TILE + GAP
    shape = (HEADER + len(pictures) * pitch, max(columns * pitch + GAP, 4 * pitch), 3)
    sheet = np.full(shape, PAPER, np.uint8)
    _write(sheet, title, (GAP + 2, 18), INK)
    for text, colour, right in (("truth", TRUTH, 170), ("prediction", PREDICTION, 110)):
        _write(sheet, text, (shape[1] - right, 18), colour)
    for row, picture in enumerate(pictures):
        for column, tile in enumerate(picture):
            top, left = HEADER + row * pitch, GAP + column * pitch
            sheet[top : top + TILE, left : left + TILE] = _drawn(tile)
    return sheet


def _drawn(tile: Tile) -> Image8:
    rows, columns = tile.image.shape[:2]
    pixels = np.round(np.clip(tile.image, 0, 1) * 255).astype(np.uint8)
    flag = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
    drawn = cv2.resize(cv2.cvtColor(pixels, flag), (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    for mask, colour in ((tile.truth, TRUTH), (tile.prediction, PREDICTION)):
        if mask is not None:
            large = cv2.resize(mask.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
            lines, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(drawn, lines, -1, colour, 1, cv2.LINE_8)
    for click in tile.clicks:
        place = (
            round((click.column + 0.5) * TILE / columns),
            round((click.row + 0.5) * TILE / rows),
        )
        colour, shape = (
            (POSITIVE, cv2.MARKER_CROSS) if click.positive else (NEGATIVE, cv2.MARKER_TILTED_CROSS)
        )
        cv2.drawMarker(drawn, place, (0, 0, 0), shape, 13, 4)
        cv2.drawMarker(drawn, place, colour, shape, 11, 2)
    finished = np.asarray(drawn, np.uint8)
    _write(finished, tile.caption, (4, TILE - 6), INK)
    return finished


def _write(picture: Image8, text: str, place: tuple[int, int], colour: tuple[int, ...]) -> None:
    right, down = place
    for shade, shift in (((0, 0, 0), 1), (colour, 0)):
        at = (right + shift, down + shift)
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, shade, 1, cv2.LINE_AA)
