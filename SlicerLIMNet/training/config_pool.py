"""The pool that a configuration asks for, from manifests or from a training pack."""

from __future__ import annotations

from pathlib import Path

from SlicerLIMNet.training.config import TrainConfig
from SlicerLIMNet.training.pool import Pool, load_pool, name_filter, pool_of
from SlicerLIMNet.training.regions import KeptRegions
from SlicerLIMNet.training.training_pack import read_training_pack


def configured_pool(config: TrainConfig, *, only_held_out: bool = False) -> Pool:
    """Return the pool.

    Args:
        config: Names the data, and the volumes that are held or left out of it.
        only_held_out: Take just the volumes that are held out; no images, no pseudo-objects.

    Raises:
        ConfigError: The data are missing or damaged, or no labelled volume is left.
    """
    if config.pack:
        path, wanted = (
            Path(config.pack),
            name_filter(config.held_out, config.leave_out, only_held_out=only_held_out),
        )
        regions = KeptRegions(Path(config.cache))
        data = read_training_pack(path, regions, wanted, only_real=only_held_out)
        return pool_of(data, path, only_real=only_held_out)
    assert config.volumes is not None
    return load_pool(
        Path(config.volumes),
        Path(config.images) if config.images else None,
        Path(config.cache),
        held_out=config.held_out,
        leave_out=config.leave_out,
        only_held_out=only_held_out,
    )
