"""What a training run is told: one JSON file a stage, checked before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from SlicerLIMNet.errors import ConfigError

STAGES = ("prompt", "memory", "fusion")
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class TrainConfig:
    """Settings that every stage shares, and those of its own under `task`.

    Raises:
        ConfigError: A setting is out of range.
    """

    volumes: str
    """Path of the volumes' manifest, relative to the working folder."""
    images: str | None = None
    """Path of the single images' manifest."""
    cache: str = "packs"
    """Folder for made pseudo-objects; safe to delete."""
    run: str = "runs/unnamed"
    """Folder of checkpoints and logs; a run found there goes on."""
    output: str | None = None
    """Weights file written at every checkpoint from the averaged weights."""
    start_from: str | None = None
    """Weights file to begin with; None draws new weights."""
    held_out: tuple[str, ...] = ()
    """Regular expressions of volume names that are only for validation."""
    steps: int = 10_000
    """Optimiser steps in all."""
    batch: int = 24
    """Items a step; the memory stage counts by `task.slices` instead."""
    learning_rate: float = 1e-3
    """Peak; cosine to a hundredth of it."""
    warm_up: int = 200
    """Steps of linear rise."""
    weight_decay: float = 0.02
    """AdamW's."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    average: float = 0.998
    """Decay of the moving average of the weights."""
    precision: str = "auto"
    """auto, float32 or bfloat16."""
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints."""
    seed: int = 1
    """Of weights and data."""
    task: dict[str, Any] = field(default_factory=dict)
    """Settings of the stage."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "warm_up", "clip", "checkpoint_minutes"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be above 0, not {getattr(self, name)}.")
        if self.weight_decay < 0 or not 0 <= self.average < 1:
            raise ConfigError(
                f"weight_decay {self.weight_decay} must be 0 or more, and average {self.average}"
                " from 0 to below 1."
            )
        if not isinstance(self.task, dict):
            raise ConfigError(f"task must be an object of settings, not {self.task!r}.")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ConfigError(
                f"precision must be auto, float32 or bfloat16, not {self.precision!r}."
            )


def read_config(path: Path) -> TrainConfig:
    """Return the configuration in a JSON file.

    Raises:
        ConfigError: The file is missing, is no JSON object, or holds an unknown or bad setting.
    """
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable JSON file ({error}).") from error
    known = {entry.name for entry in fields(TrainConfig)}
    if not isinstance(values, dict) or not set(values) <= known:
        unknown = sorted(set(values) - known) if isinstance(values, dict) else "a list"
        raise ConfigError(f"{path} holds unknown settings {unknown}; known: {sorted(known)}.")
    held_out = values.get("held_out", [])
    if not isinstance(held_out, list):
        raise ConfigError(f"held_out in {path} must be a list of patterns, not {held_out!r}.")
    try:
        return TrainConfig(**{**values, "held_out": tuple(held_out)})
    except TypeError as error:
        raise ConfigError(
            f"{path} lacks a setting or holds one of the wrong type ({error})."
        ) from error


def task_settings(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Return a stage's own settings from what stands under `task`.

    Args:
        kind: Their dataclass.
        values: Its fields by name; those left out keep their defaults.

    Raises:
        ConfigError: A setting is unknown or of the wrong type.
    """
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"The settings under `task` do not fit the stage ({error}).") from error


def as_json(config: TrainConfig) -> dict[str, Any]:
    """Return the configuration as plain values, to be kept beside what was trained."""
    return asdict(config)
