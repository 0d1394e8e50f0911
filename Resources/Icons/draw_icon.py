"""Draw the icons: a stack of slices, one of them clicked, the object on all three.

Run it to draw them anew (it needs Pillow, which comes with matplotlib):

    python Resources/Icons/draw_icon.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
EXTENSION_ICON = Path("Resources/Icons/LIMNet.png")
MODULE_ICON = Path("LIMNetSegment/Resources/Icons/LIMNetSegment.png")
EFFECT_ICON = Path("LIMNetSegment/LIMNetSegmentLib/SegmentEditorEffect.png")

_FINE = 8  # drawn larger and made small, so that edges are smooth
_NIGHT, _EDGE = (24, 40, 62, 255), (196, 214, 232, 255)
_SLICE, _CLICKED_SLICE = (62, 92, 128, 255), (88, 128, 172, 255)
_OBJECT, _CLICKED_OBJECT = (238, 178, 74, 255), (255, 206, 104, 255)
_CLICK, _WHITE = (40, 170, 92, 255), (255, 255, 255, 255)

Box = tuple[float, float, float, float]


def draw_icon(size: int, has_ground: bool) -> Image.Image:
    """Return the icon, RGBA, of a number of pixels each way.

    Args:
        size: Pixels each way.
        has_ground: Whether it stands on a dark plate; without it the rest is transparent.
    """
    image = Image.new("RGBA", (size * _FINE, size * _FINE))
    pen = _Pen(ImageDraw.Draw(image), size * _FINE / 100)
    if has_ground:
        pen.plate((2, 2, 98, 98), 20, _NIGHT)
    frame = (14, 86) if has_ground else (2, 98)
    for height, reach, is_clicked in ((78, 15, False), (53, 20, True), (28, 12, False)):
        _draw_slice(pen, height, frame, reach, is_clicked)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _draw_slice(pen: _Pen, height: float, frame: tuple[int, int], reach: float, is_clicked: bool):
    """A slice seen from the side: a slanted plate, the object on it, a click on the middle one."""
    left, right = frame
    slant, half = 12, 12
    corners = [
        (left + slant, height - half),
        (right, height - half),
        (right - slant, height + half),
        (left, height + half),
    ]
    pen.plane(corners, _CLICKED_SLICE if is_clicked else _SLICE, _EDGE)
    colour = _CLICKED_OBJECT if is_clicked else _OBJECT
    for x, y, share in ((-0.35, -0.12, 0.75), (0.3, 0.08, 0.72), (0.75, 0.22, 0.45)):  # lobes
        pen.disc(_around(50 + x * reach, height + y * reach, share * reach), colour)
    if is_clicked:
        pen.disc(_around(42, height - 2, 7.5, 7.5), _WHITE)
        pen.disc(_around(42, height - 2, 5, 5), _CLICK)


def _around(x: float, y: float, half: float, half_height: float | None = None) -> Box:
    tall = 0.5 * half if half_height is None else half_height
    return (x - half, y - tall, x + half, y + tall)


class _Pen:
    """Draws in hundredths of the icon's width."""

    def __init__(self, draw: ImageDraw.ImageDraw, unit: float) -> None:
        self._draw, self._unit = draw, unit

    def plate(self, box: Box, radius: float, colour: tuple[int, ...]) -> None:
        self._draw.rounded_rectangle(
            [value * self._unit for value in box], radius * self._unit, fill=colour
        )

    def plane(self, corners: list[tuple[float, float]], fill: tuple, edge: tuple) -> None:
        points = [(x * self._unit, y * self._unit) for x, y in corners]
        self._draw.polygon(points, fill=fill)
        self._draw.line(
            [*points, points[0]], fill=edge, width=round(2.4 * self._unit), joint="curve"
        )

    def disc(self, box: Box, colour: tuple[int, ...]) -> None:
        self._draw.ellipse([value * self._unit for value in box], fill=colour)


def main() -> None:
    """Write all icons below a folder."""
    parser = argparse.ArgumentParser(description="Draw the icons of the extension.")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder to write below")
    root = parser.parse_args().root
    for path, size, has_ground in (
        (EXTENSION_ICON, 128, True),
        (MODULE_ICON, 128, True),
        (EFFECT_ICON, 32, False),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        draw_icon(size, has_ground).save(root / path, optimize=True)


if __name__ == "__main__":
    main()
