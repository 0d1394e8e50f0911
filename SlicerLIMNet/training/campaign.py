"""All stages in order, from one file: what is finished is passed over, so any stop can go on."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.training.config import STAGES, TrainConfig, config_from, read_json
from SlicerLIMNet.training.trainer import CHECKPOINT, train_stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CampaignStage:
    """One stage of a campaign."""

    stage: str
    config: TrainConfig


def read_campaign(path: Path) -> list[CampaignStage]:
    """Return the stages of a file: `shared` settings, and `stages` that add to them.

    Raises:
        ConfigError: The file cannot be read, has no stages, an unknown one, or two in one folder.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("stages"), list):
        raise ConfigError(f"{path} is no campaign: it needs a list of stages.")
    unknown = sorted(set(content) - {"shared", "stages"})
    if unknown:
        raise ConfigError(f"{path} holds unknown settings {unknown}; known: shared, stages.")
    shared = content.get("shared", {})
    stages = []
    for entry in content["stages"]:
        if not isinstance(entry, dict) or entry.get("stage") not in STAGES:
            raise ConfigError(f"a stage of {path} must name one of {', '.join(STAGES)}.")
        own = {key: value for key, value in entry.items() if key != "stage"}
        stages.append(CampaignStage(entry["stage"], config_from({**shared, **own}, path)))
    folders = [stage.config.run for stage in stages]
    if not stages or len(set(folders)) < len(folders):
        raise ConfigError(f"{path} needs stages, each with a run folder of its own.")
    return stages


def train_all(path: Path, tell: Callable[[str], None] = log.info) -> list[Path]:
    """Train every stage that is not finished; return their checkpoints.

    Raises:
        ConfigError: See `read_campaign` and `train_stage`.
    """
    checkpoints = []
    for stage in read_campaign(path):
        checkpoint = Path(stage.config.run) / CHECKPOINT
        if is_finished(stage.config):
            tell(f"{stage.stage}: finished before, {checkpoint}")
        else:
            tell(f"{stage.stage}: training in {stage.config.run}")
            train_stage(stage.stage, stage.config)
        checkpoints.append(checkpoint)
    return checkpoints


def is_finished(config: TrainConfig) -> bool:
    """Whether the checkpoint of a run is its last one; a damaged one is left to the trainer."""
    try:
        state = torch.load(
            Path(config.run) / CHECKPOINT, map_location="cpu", weights_only=True, mmap=True
        )
        by_clock = 60 * config.minutes
        return bool(state["step"] >= config.steps or 0 < by_clock <= state["seconds"])
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError):
        return False
