"""The methods that an evaluation can compare, by name: this engine, and the baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from SlicerLIMNet.evaluation.baselines.methods import baseline_sessions, baseline_settings
from SlicerLIMNet.evaluation.run_settings import LIMNET
from SlicerLIMNet.evaluation.runner import sessions_on
from SlicerLIMNet.evaluation.target_run import SessionFactory
from SlicerLIMNet.session.parts import Networks


class Methods:
    """Gives how sessions of a method are opened; the engine is made when it is first needed."""

    def __init__(self, make_engine: Callable[[], Networks]) -> None:
        """Keep how an engine is made."""
        self._make_engine = make_engine
        self._engine: Networks | None = None

    def __call__(self, method: str) -> SessionFactory:
        """Return how to open sessions of a method on a volume.

        Raises:
            ConfigError: There is no such method, or a library that it needs is not installed.
        """
        if method == LIMNET:
            self._engine = self._engine or self._make_engine()
            return sessions_on(self._engine)
        return baseline_sessions(method)


def figures_depend_on(method: str, engine: Networks | None) -> Mapping[str, Any]:
    """Return what the figures of a method depend on, besides data and rounds, as plain values.

    Args:
        method: By name.
        engine: Of `limnet`; of no account for a baseline, whose parameters are fixed.
    """
    if method == LIMNET and engine is not None:
        return engine.info.to_json()
    return baseline_settings(method)
