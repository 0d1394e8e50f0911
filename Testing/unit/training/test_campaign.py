from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.training import campaign
from SlicerLIMNet.training.campaign import is_finished, read_campaign, train_all
from SlicerLIMNet.training.config import TrainConfig


def written(folder: Path, content: object) -> Path:
    path = folder / "campaign.json"
    path.write_text(json.dumps(content))
    return path


def two_stages(folder: Path, **shared) -> Path:
    stages = [
        {"stage": "prompt", "run": str(folder / "a"), "steps": 5},
        {"stage": "memory", "run": str(folder / "b")},
    ]
    return written(folder, {"shared": {"volumes": "v", "steps": 9, **shared}, "stages": stages})


def test_stages_share_settings_and_have_their_own(tmp_path):
    first, second = read_campaign(two_stages(tmp_path, held_out=["x"]))
    assert (first.stage, first.config.steps, first.config.held_out) == ("prompt", 5, ("x",))
    assert (second.stage, second.config.steps) == ("memory", 9)


def save(folder: Path, **state) -> None:
    folder.mkdir(exist_ok=True)
    torch.save({"step": 0, "seconds": 0.0, **state}, folder / "checkpoint.pt")


def test_finished_stages_are_passed_over(tmp_path, monkeypatch):
    trained: list[str] = []
    monkeypatch.setattr(campaign, "train_stage", lambda stage, config: trained.append(stage))
    path = two_stages(tmp_path)
    train_all(path)
    save(tmp_path / "a", step=5)
    save(tmp_path / "b", step=8)
    told: list[str] = []
    assert [checkpoint.parent.name for checkpoint in train_all(path, told.append)] == ["a", "b"]
    assert trained == ["prompt", "memory", "memory"]
    assert told[0].startswith("prompt: finished before")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"step": 9}, False),
        ({"step": 10}, True),
        ({"step": 1, "seconds": 119.0}, False),
        ({"step": 1, "seconds": 121.0}, True),
    ],
)
def test_a_run_ends_by_steps_or_by_the_clock(tmp_path, state, expected):
    save(tmp_path, **state)
    assert is_finished(TrainConfig("v", run=str(tmp_path), steps=10, minutes=2)) is expected


def test_a_damaged_or_missing_checkpoint_is_not_finished(tmp_path):
    config = TrainConfig("v", run=str(tmp_path))
    assert not is_finished(config)
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")
    assert not is_finished(config)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ([], "list of stages"),
        ({"stages": 3}, "list of stages"),
        ({"stages": []}, "stages"),
        ({"stages": [{"stage": "prompt"}], "colour": 1, "shared": {}}, "colour"),
        ({"stages": [{"stage": "judge"}]}, "prompt, memory, fusion"),
        ({"stages": [{"stage": "prompt", "volumes": "v", "stepz": 1}]}, "stepz"),
        ({"shared": {"volumes": "v"}, "stages": [{"stage": "prompt"}] * 2}, "of its own"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path, content, word):
    with pytest.raises(ConfigError, match=word):
        read_campaign(written(tmp_path, content))
