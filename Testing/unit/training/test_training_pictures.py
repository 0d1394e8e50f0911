from __future__ import annotations

import cv2
import numpy as np

from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.training.pictures import (
    GAP,
    HEADER,
    POSITIVE,
    PREDICTION,
    TILE,
    TRUTH,
    Tile,
    grid,
    write_pictures,
)


def tile(**options) -> Tile:
    return Tile(np.full((32, 32), 0.5, np.float32), **options)


def has(picture: np.ndarray, colour: tuple[int, ...]) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=2) < 12).any())


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = HEADER + row * (TILE + GAP), GAP + column * (TILE + GAP)
    return sheet[top : top + TILE, left : left + TILE]


def test_every_tile_shows_what_it_was_given():
    mask = np.zeros((32, 32), bool)
    mask[8:20, 8:20] = True
    sheet = grid(
        [
            [tile(truth=mask), tile(prediction=mask), tile()],
            [tile(clicks=[PixelClick(16, 16, True)])],
        ],
        "a title",
    )
    assert has(cell(sheet, 0, 0), TRUTH)
    assert not has(cell(sheet, 0, 0), PREDICTION)
    assert has(cell(sheet, 0, 1), PREDICTION)
    assert (cell(sheet, 0, 2) == 128).all()
    assert has(cell(sheet, 1, 0)[80:120, 80:120], POSITIVE)
    assert not (cell(sheet, 1, 1) == 128).any()


def test_colours_are_red_first_and_the_file_is_a_png(tmp_path):
    red = np.zeros((16, 16, 3), np.float32)
    red[..., 0] = 1
    path = tmp_path / "pictures" / "step.png"
    write_pictures(path, [[Tile(red)]], "")
    assert cell(cv2.imread(str(path)), 0, 0)[50, 50].tolist() == [0, 0, 255]
