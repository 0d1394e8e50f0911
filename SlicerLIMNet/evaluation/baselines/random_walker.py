"""scikit-image's random walker from the same seeds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.baselines.seeds import BACKGROUND, NO_SEED, OBJECT, Seeds

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RandomWalker:
    """The probability that a walker from a voxel meets a seed of the object first.

    Steps across edges of the image are unlikely.
    """

    beta: float = 64000.0
    """How unlikely: higher follows edges more closely."""
    tolerance: float = 1e-3
    """Of the solver (conjugate gradients with Jacobi's preconditioner)."""
    most_voxels: int = 1 << 17
    """Larger boxes are made coarser: the solver takes seconds for so many."""

    def check_installed(self) -> None:
        """Raise `ConfigError` where scikit-image is not installed."""
        _random_walker()

    def grow(
        self, values: FloatArray, seeds: Seeds, spacing_zyx_mm: Sequence[float]
    ) -> npt.NDArray[np.float64]:
        """Return the probability of the object; see `Grower.grow`.

        Intensities are cut off at the window's ends.

        Raises:
            ConfigError: scikit-image is not installed.
        """
        is_object = np.asarray(seeds == OBJECT, np.float64)
        if not (seeds == BACKGROUND).any():
            return np.ones(seeds.shape)
        if not (seeds == NO_SEED).any():
            return is_object
        clipped = np.clip(values, 0, 1).astype(np.float64)
        with warnings.catch_warnings():
            # that a probability missed 0 or 1 by the tolerance: it is compared with 0.5 only
            warnings.simplefilter("ignore", UserWarning)
            probability = _random_walker()(
                clipped,
                seeds.astype(np.int32),
                beta=self.beta,
                mode="cg_j",
                tol=self.tolerance,
                spacing=tuple(mm / min(spacing_zyx_mm) for mm in spacing_zyx_mm),
                return_full_prob=True,
            )
        return np.asarray(probability[OBJECT - 1], np.float64)


def _random_walker() -> Any:
    """Return scikit-image's function; imported late, most evaluations do not need it.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        from skimage.segmentation import random_walker
    except ImportError as error:
        raise ConfigError(
            "the method random-walker needs scikit-image; install it with: "
            "pip install 'SlicerLIMNet[evaluate]'"
        ) from error
    return random_walker
