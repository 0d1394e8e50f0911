"""Objects that nobody drew: regions of similar intensity that serve as labels in training.

Rare labels teach few shapes; every image holds many regions that a user could have meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import felzenszwalb, watershed

from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.io.write_aside import write_aside

Image8 = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint16]

LEAST_PIXELS = 40
LEAST_VOXELS = 150
LARGEST_SHARE = 0.35
"""No pseudo-object covers more than this part of its image."""


def superpixels(pixels: Image8, seed: int) -> Labels:
    """Return Felzenszwalb regions of an image at a scale drawn from the seed.

    Args:
        pixels: (H, W) or (H, W, 3).
        seed: Of scale and smoothing.

    Returns:
        (H, W), 1..k, 0 where a region is too small or too large to stand for an object.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    regions = felzenszwalb(
        pixels,
        scale=float(np.exp(rng.uniform(np.log(60), np.log(900)))),
        sigma=float(rng.uniform(0.6, 1.8)),
        min_size=LEAST_PIXELS,
        channel_axis=-1 if pixels.ndim == 3 else None,
    )
    return _kept(regions + 1, LEAST_PIXELS)


def supervoxels(voxels: Image8, spacing_zyx_mm: tuple[float, float, float], seed: int) -> Labels:
    """Return connected bands of smoothed intensity: organs, vessels, muscles, bones, as they come.

    Args:
        voxels: [z, y, x].
        spacing_zyx_mm: To smooth alike along all axes.
        seed: Of the bands.

    Returns:
        [z, y, x], 1..k, at most 84 regions, 0 elsewhere.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    finest = min(spacing_zyx_mm)
    sigma = [1.2 * finest / spacing for spacing in spacing_zyx_mm]
    smooth = ndimage.gaussian_filter(voxels.astype(np.float32), sigma)
    found = np.zeros(voxels.shape, np.uint16)
    inside = smooth[smooth > smooth.min() + 4]
    if inside.size == 0:
        return found
    ball = ndimage.generate_binary_structure(3, 1)
    count = 0
    for _ in range(14):
        centre = float(rng.choice(inside))
        band = np.abs(smooth - centre) < float(np.exp(rng.uniform(np.log(5), np.log(26))))
        band &= found == 0
        opened = ndimage.binary_opening(band, ball, iterations=int(rng.integers(1, 4)))
        parts, number = ndimage.label(opened)
        sizes = np.bincount(parts.ravel(), minlength=number + 1)[1:]
        for index in np.argsort(sizes)[::-1][:6]:
            if sizes[index] < LEAST_VOXELS or sizes[index] > LARGEST_SHARE * voxels.size:
                continue
            count += 1
            grown = ndimage.binary_dilation(parts == index + 1, ball, mask=band)
            found[ndimage.binary_fill_holes(grown) & (found == 0)] = count
    return found


def membrane_cells(voxels: Image8) -> Labels:
    """Return what dark membranes enclose: cells of electron microscopy, organelles and all.

    What is brighter than its surroundings, with small holes filled, is cut at its necks by a
    watershed of the distance to the membranes.

    Args:
        voxels: [z, y, x], voxels of about equal sides.

    Returns:
        [z, y, x], 1..k, 0 on membranes and where a region is too small or too large.
    """
    grey = voxels.astype(np.float32)
    smooth = ndimage.gaussian_filter(grey, (0.7, 1, 1))
    inside = smooth > ndimage.gaussian_filter(grey, (4, 12, 12)) - 4
    inside = ndimage.binary_opening(inside)
    enclosed = np.stack([ndimage.binary_fill_holes(plane) for plane in inside]) & ~inside
    holes, _ = ndimage.label(enclosed)
    sizes = np.bincount(holes.ravel())
    sizes[0] = 0
    inside = ndimage.binary_closing(inside | (sizes[holes] > LEAST_VOXELS))
    depth = ndimage.distance_transform_edt(inside).astype(np.float32)
    depth = ndimage.gaussian_filter(depth, 2)
    markers, _ = ndimage.label(h_maxima(depth, 1.2))  # type: ignore[no-untyped-call]
    cells = watershed(-depth, markers, mask=inside)  # type: ignore[no-untyped-call]
    return _kept(cells, LEAST_VOXELS)


def kept_cells(voxels: Image8, folder: Path) -> Labels:
    """Return the cells of a volume from a file in a folder, made there if it is missing.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = folder / f"cells-{digest_of([voxels])}.npz"
    return _kept_in(path, ["labels"], lambda: [membrane_cells(voxels)])[0]


def kept_superpixels(pictures: Sequence[Image8], folder: Path) -> list[Labels]:
    """Return the superpixels of pictures from a file in a folder, made there if it is missing.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = folder / f"superpixels-{digest_of(pictures)}.npz"
    names = [str(index) for index in range(len(pictures))]
    return _kept_in(
        path, names, lambda: [superpixels(pixels, seed) for seed, pixels in enumerate(pictures)]
    )


def kept_supervoxels(
    voxels: Image8, spacing_zyx_mm: tuple[float, float, float], folder: Path
) -> Labels:
    """Return the supervoxels of a volume from a file in a folder, made there if it is missing.

    Raises:
        OutputError: The folder cannot be written.
    """
    key = digest_of([voxels])
    seed = int(key, 16) % 2**32
    path = folder / f"supervoxels-{key}.npz"
    return _kept_in(path, ["labels"], lambda: [supervoxels(voxels, spacing_zyx_mm, seed)])[0]


def digest_of(arrays: Sequence[Image8]) -> str:
    """Return 16 hexadecimal digits that name regions by what they were made from.

    Changed images must not meet old labels.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _kept_in(path: Path, names: list[str], make: Callable[[], list[Labels]]) -> list[Labels]:
    with suppress(OSError, ValueError):  # missing or damaged: made anew
        kept = read_arrays(path, names)
        return [kept[name] for name in names]
    labels = make()
    arrays: dict[str, Any] = dict(zip(names, labels, strict=True))
    with write_aside(path) as aside:
        np.savez_compressed(aside, **arrays)
    return labels


def _kept(regions: npt.NDArray[Any], least: int) -> Labels:
    sizes = np.bincount(regions.ravel())
    fits = (sizes >= least) & (sizes <= LARGEST_SHARE * regions.size)
    fits[0] = False
    renumbered = np.cumsum(fits) * fits
    return renumbered[regions].astype(np.uint16)
