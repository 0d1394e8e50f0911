"""What a picture of a view shows."""

from __future__ import annotations

import cv2
import numpy as np

_CLEARLY = 20
"""Steps of 255 between channels that no grey image has, JPEG included."""


def coloured_pixels(png: bytes) -> int:
    """Return how many pixels are of the first segment's colour, a green blue, laid over grey."""
    blue, green, red = np.moveaxis(
        cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int), 2, 0
    )
    return int(((green - red > _CLEARLY) & (blue - red > _CLEARLY // 2)).sum())
