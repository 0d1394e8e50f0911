"""Made images with exact masks: one slice for the prompt network, a stack for the propagation.

A scene is a background, an object to find, and things that make this hard: neighbours that touch
it, hold it or lie in it, and others of the same mean. Slices cut the scene; `made_scenes.py` draws
it, this file cuts and shows it.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from SlicerLIMNet.training.made_scenes import TARGET, Scene, Thing, draw_scene
from SlicerLIMNet.training.made_shapes import Plane

LEAST_SIZE = 32
LEAST_PIXELS = 24
LARGEST_SHARE = 0.6  # of the slice, so that the object is not the background
SLICE_REACH = 4.0  # px; how thick things are at least where there is one slice only


def made_slice(rng: np.random.Generator, size: int) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """Return an image and the mask of one connected object on it.

    Args:
        rng: The only source of chance.
        size: Rows and columns; at least 32.

    Returns:
        The image, float32 in 0..1, (size, size), and the mask, bool, likewise; the mask has at
        least 24 pixels and covers at most 0.6 of the image.

    Raises:
        ValueError: The size is too small.
    """
    _check(1, size, 0)
    while True:
        scene = draw_scene(rng, size, 0.0, 0.0, SLICE_REACH)
        entries = _cut(scene, 0.0)
        mask = _largest_part(scene.counted[entries])
        if _is_usable(mask):
            return _render(scene, entries, 0.0, rng), mask


def made_sequence(
    rng: np.random.Generator, n_slices: int, size: int, reference: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return a stack of slices, 1 to 8 pixels apart, and the masks of one object in it.

    The object may split, merge, begin or end anywhere along the stack.

    Args:
        rng: The only source of chance.
        n_slices: Number of slices N.
        size: Rows and columns; at least 32.
        reference: Index of a slice on which the object is present, with at least 24 pixels.

    Returns:
        Images, float32 in 0..1, (N, size, size), and masks, bool, likewise.

    Raises:
        ValueError: The size is too small, or the reference is no index of the stack.
    """
    _check(n_slices, size, reference)
    spacing = float(np.exp(rng.uniform(0.0, np.log(8.0))))
    heights = np.arange(n_slices) * spacing
    while True:
        scene = draw_scene(rng, size, heights[-1], heights[reference], spacing)
        if _is_usable(scene.counted[_cut(scene, heights[reference])]):
            break
    images = np.empty((n_slices, size, size), np.float32)
    masks = np.empty((n_slices, size, size), bool)
    for index, height in enumerate(heights.tolist()):
        entries = _cut(scene, height)
        masks[index] = scene.counted[entries]
        images[index] = _render(scene, entries, height, rng)
    return images, masks


def _check(n_slices: int, size: int, reference: int) -> None:
    if size < LEAST_SIZE:
        raise ValueError(f"slices of size {size} came, expected at least {LEAST_SIZE}")
    if not 0 <= reference < n_slices:
        raise ValueError(f"reference slice {reference} of {n_slices} came; give one of the stack")


def _is_usable(mask: npt.NDArray[np.bool_]) -> bool:
    return bool(LEAST_PIXELS <= np.count_nonzero(mask) <= LARGEST_SHARE * mask.size)


def _largest_part(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the largest connected part; the others stay in the image as look-alikes."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    if count <= 2:
        return mask
    return np.asarray(parts == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _cut(scene: Scene, height: float) -> npt.NDArray[np.uint8]:
    """Return which entry of the scene every pixel of a slice shows, (size, size)."""
    size = scene.size
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    x = columns + np.float32(scene.warp_px) * scene.warps[0].at(height, size)
    y = rows + np.float32(scene.warp_px) * scene.warps[1].at(height, size)
    dents = [field.at(height, size) for field in scene.dents]

    def level_of(thing: Thing) -> Plane:
        level = thing.shape.level(x, y, height)
        return level + np.float32(thing.dent_px) * dents[thing.entry % len(dents)]

    target = level_of(scene.target)
    entries = np.zeros((size, size), np.uint8)
    for thing in scene.things:
        inside = (target if thing.entry == TARGET else level_of(thing)) < 0
        if thing.gap_px > 0:
            inside &= target > thing.gap_px
        if thing.is_inclusion:
            inside &= target < 0
        entries[inside] = thing.entry
    return entries


def _render(
    scene: Scene, entries: npt.NDArray[np.uint8], height: float, rng: np.random.Generator
) -> Plane:
    """Return the image of a slice: means, textures, blur, shading and noise, in 0..1."""
    look, size = scene.look, scene.size
    image = look.means[entries]
    for texture, strength in zip(scene.textures, look.textures, strict=True):
        image += strength[entries] * texture.at(height, size)
    image = _blurred(image, look.blur_px)
    image *= 1 + np.float32(look.shading) * scene.shading.at(height, size)
    noise = rng.standard_normal((2, size, size), np.float32)
    image += np.float32(look.noise) * noise[0]
    image += np.float32(look.smooth_noise) * _blurred(noise[1], 1.0)
    return np.clip(image, 0, 1, out=image)


def _blurred(image: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
