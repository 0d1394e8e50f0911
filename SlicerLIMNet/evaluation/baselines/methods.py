"""The tools for comparison by name, with the parameters that were fixed on training volumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.evaluation.baselines.grow_from_seeds import GrowFromSeeds
from SlicerLIMNet.evaluation.baselines.random_walker import RandomWalker
from SlicerLIMNet.evaluation.baselines.region_growing import RegionGrowing
from SlicerLIMNet.evaluation.baselines.seeds import SeedRules
from SlicerLIMNet.evaluation.baselines.session import BaselineSession, Grower

BaselineFactory = Callable[..., BaselineSession]

BASELINES: Mapping[str, Grower] = {
    "grow-from-seeds": GrowFromSeeds(),
    "random-walker": RandomWalker(),
    "region-growing": RegionGrowing(),
}
"""Their parameters did best in `limnet baselines TRAIN.json --targets 12 --rounds 4`.

Mean Dice over 12 training targets of as many sources and 4 rounds, of the best and the next: Grow
from seeds 0.507 without distance penalty and clipping, 0.479 with clipping; random walker 0.508
with beta 64000, 0.503 with 256000; region growing 0.321 with 2.5 deviations and no smoothing,
0.294 with 1.0 after five steps of it.
"""


def baseline_sessions(method: str) -> BaselineFactory:
    """Return how to open sessions of a tool: called with a volume; what follows has no effect.

    Raises:
        ConfigError: There is no such tool, or its library is not installed.
    """
    grower = _grower(method)
    grower.check_installed()

    def open_session(volume: Volume, *_: Any) -> BaselineSession:
        return BaselineSession(volume, grower)

    return open_session


def baseline_settings(method: str) -> dict[str, Any]:
    """Return all parameters of a tool and of its seeds, to be printed with its figures.

    Raises:
        ConfigError: There is no such tool.
    """
    return {**asdict(_grower(method)), **asdict(SeedRules())}  # type: ignore[call-overload]


def _grower(method: str) -> Grower:
    if method not in BASELINES:
        raise ConfigError(f"there is no method {method!r}; expected {', '.join(BASELINES)}")
    return BASELINES[method]
