from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.training.campaign import read_campaign
from SlicerLIMNet.training.config import TrainConfig, as_json, read_config, task_settings

SHIPPED = sorted((Path(__file__).parents[3] / "Resources" / "Training").glob("*.json"))


def written(folder: Path, content: object) -> Path:
    path = folder / "stage.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_settings_are_read_and_the_others_keep_their_defaults(tmp_path):
    config = read_config(
        written(tmp_path, {"volumes": "a.json", "held_out": ["x", "y"], "task": {"size": 64}})
    )
    assert config == TrainConfig("a.json", held_out=("x", "y"), task={"size": 64})
    assert config.images is None


def test_a_configuration_survives_the_round_trip(tmp_path):
    config = TrainConfig("a.json", "b.json", held_out=("x",), steps=7, task={"shares": {"made": 1}})
    assert read_config(written(tmp_path, as_json(config))) == config


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configurations_can_be_read(path):
    is_campaign = "stages" in json.loads(path.read_text())
    configs = [s.config for s in read_campaign(path)] if is_campaign else [read_config(path)]
    assert all(config.steps > 0 for config in configs)


def test_the_stages_that_learn_from_images_ship_a_configuration():
    assert {"prompt", "memory"} <= {path.stem for path in SHIPPED}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "JSON"),
        ("[]", "a list"),
        ({"volumes": "a", "stepz": 3}, "stepz"),
        ({}, "volumes"),
        ({"volumes": "a", "steps": "many"}, "wrong type"),
        ({"volumes": "a", "steps": 0}, "steps"),
        ({"volumes": "a", "batch": -1}, "batch"),
        ({"volumes": "a", "learning_rate": 0}, "learning_rate"),
        ({"volumes": "a", "warm_up": 0}, "warm_up"),
        ({"volumes": "a", "clip": 0}, "clip"),
        ({"volumes": "a", "checkpoint_minutes": 0}, "checkpoint_minutes"),
        ({"volumes": "a", "average": 1}, "average"),
        ({"volumes": "a", "weight_decay": -0.1}, "weight_decay"),
        ({"volumes": "a", "precision": "half"}, "precision"),
        ({"volumes": "a", "held_out": "kbp"}, "list of patterns"),
        ({"volumes": "a", "leave_out": ["("]}, "no pattern"),
        ({"volumes": "a", "pack": "b"}, "either volumes"),
        ({"volumes": "a", "workers": -1}, "workers"),
        ({"volumes": "a", "minutes": -1}, "minutes"),
        ({"volumes": "a", "task": [1]}, "task"),
    ],
)
def test_bad_settings_are_refused_by_name(tmp_path, content, word):
    with pytest.raises(ConfigError, match=word):
        read_config(written(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a readable JSON file"):
        read_config(tmp_path / "none.json")


@dataclass(frozen=True)
class Kettle:
    litres: float = 1.5


def test_settings_of_a_stage_are_taken_by_name():
    assert task_settings(Kettle, {"litres": 2.0}) == Kettle(2.0)
    assert task_settings(Kettle, {}) == Kettle()


@pytest.mark.parametrize("values", [{"pints": 3}, 5])
def test_settings_that_a_stage_does_not_know_are_refused(values):
    with pytest.raises(ConfigError, match="task"):
        task_settings(Kettle, values)
