"""Runs a round over a long volume with little memory, and prints what that took, as JSON.

python long_volume.py SLICES PIXELS GIB
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace

import numpy as np


def main(slices: int, pixels: int, gib: float) -> None:
    """Limit the memory of this process, then segment a volume of that size."""
    most = int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    import torch

    from SlicerLIMNet.bench.engines import BenchEngines
    from SlicerLIMNet.domain.clicks import Click
    from SlicerLIMNet.domain.geometry import Geometry
    from SlicerLIMNet.domain.volume import Volume
    from SlicerLIMNet.session.session import Session

    torch.set_num_threads(1)
    shape = (slices, pixels, pixels)
    volume = Volume(made_voxels(*shape), Geometry(shape, (1.0, 1.0, 1.0)), "CT", "long")
    engines = BenchEngines.load("light", "cpu", "float32", None, random_weights=True)
    engine = engines.make()
    rounds = replace(engines.rounds, incremental=False)  # the second one is a whole one, too
    session = Session(volume, engine, config=rounds, window=(-160, 240))
    reached = 0
    for index in (slices // 2, slices // 4):
        session.add_click(Click(index, pixels / 2, pixels / 2))
        reached = len({result.slice_index for result in session.run_round()})
    found = {
        "reached": reached,
        "filled": int(session.mask_volume().any(axis=(1, 2)).sum()),
        "feature_mib": engine.feature_bytes / 2**20,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def made_voxels(slices: int, rows: int, columns: int) -> np.ndarray:
    """Return a CT of noise with a bright disk on every slice, made without a second copy."""
    draw = np.random.default_rng(0)
    noise = draw.integers(-100, 100, (rows, columns), dtype=np.int16)
    y, x = np.ogrid[:rows, :columns]
    noise[np.hypot(y - rows / 2, x - columns / 2) < rows / 6] += 120
    voxels = np.empty((slices, rows, columns), np.int16)
    for index in range(slices):
        voxels[index] = np.roll(noise, index, axis=1)
    return voxels


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
