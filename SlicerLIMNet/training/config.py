"""What a training run is told: one JSON file a stage, checked before anything is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from SlicerLIMNet.errors import ConfigError

STAGES = ("prompt", "memory", "fusion")
_PATTERNS = ("held_out", "leave_out")
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class TrainConfig:
    """Settings that every stage shares, and those of its own under `task`.

    Raises:
        ConfigError: A setting is out of range, or there is nothing to train on.
    """

    volumes: str | None = None
    """Path of the volumes' manifest, relative to the working folder."""
    images: str | None = None
    """Path of the single images' manifest."""
    cache: str = "packs"
    """Folder for made pseudo-objects; safe to delete."""
    pack: str | None = None
    """Training pack, in place of both manifests."""
    run: str = "runs/unnamed"
    """Folder of checkpoints and logs; a run found there goes on."""
    output: str | None = None
    """Weights file written at every checkpoint from the averaged weights."""
    start_from: str | None = None
    """Weights file to begin with; None draws new weights."""
    held_out: tuple[str, ...] = ()
    """Regular expressions of volume names that are only for validation."""
    leave_out: tuple[str, ...] = ()
    """Regular expressions of volume names that are not even read."""
    steps: int = 10_000
    """Optimiser steps in all."""
    minutes: float = 0.0
    """Ends training, and its cosine, by the clock where that is sooner; 0: only steps count."""
    batch: int = 24
    """Items a step and process; the memory stage counts by `task.slices` instead."""
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
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: str = "auto"
    """auto (bfloat16 where it is measured to be fast), float32 or bfloat16."""
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    workers: int = 0
    """Processes that make data beside the training; they change no batch, only its speed."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints."""
    picture_steps: int = 500
    """Steps between pictures of predictions in the run's folder; 0: none."""
    seed: int = 1
    """Of weights and data."""
    task: dict[str, Any] = field(default_factory=dict)
    """Settings of the stage."""

    def __post_init__(self) -> None:
        if bool(self.volumes) == bool(self.pack):
            raise ConfigError("give either volumes, a manifest, or pack, a training pack.")
        for name in ("steps", "batch", "learning_rate", "warm_up", "clip", "checkpoint_minutes"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be above 0, not {getattr(self, name)}.")
        for name in ("minutes", "threads", "workers", "picture_steps"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, not {getattr(self, name)}.")
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
    return config_from(read_json(path), path)


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable JSON file ({error}).") from error


def config_from(values: Any, path: Path) -> TrainConfig:
    """Return the configuration in what was read from a file.

    Raises:
        ConfigError: It is no object, or holds an unknown or bad setting.
    """
    known = {entry.name for entry in fields(TrainConfig)}
    if not isinstance(values, dict) or not set(values) <= known:
        unknown = sorted(set(values) - known) if isinstance(values, dict) else "a list"
        raise ConfigError(f"{path} holds unknown settings {unknown}; known: {sorted(known)}.")
    try:
        patterns = {name: _patterns(values.get(name, []), name) for name in _PATTERNS}
        return TrainConfig(**{**values, **patterns})
    except TypeError as error:
        raise ConfigError(
            f"{path} lacks a setting or holds one of the wrong type ({error})."
        ) from error


def _patterns(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{name} must be a list of patterns, not {value!r}.")
    try:
        for pattern in value:
            re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"{name} holds {pattern!r}, which is no pattern ({error}).") from error
    return tuple(value)


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
