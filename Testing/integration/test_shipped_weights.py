"""What a user gets after installation: the shipped weights, on a made torso and on the real CT."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.evaluation.demo_input import (
    IMAGE,
    LABELS,
    SAMPLE_VARIABLE,
    demo_input,
    phantom_input,
)
from SlicerLIMNet.evaluation.robot_rounds import run_rounds
from SlicerLIMNet.evaluation.robot_user import RobotUser
from SlicerLIMNet.metrics import dice
from SlicerLIMNet.networks.weights import load_weights, models_folder, read_checksums
from SlicerLIMNet.session.engine import Engine
from SlicerLIMNet.session.session import Session
from Testing.app.organs import middle_of

MILLION = 1e6
BUDGET = {"light-prompt": 4.0, "light-memory": 4.0, "quality": 0.7}


def shipped() -> list[Path]:
    return sorted(models_folder().glob("light-*.safetensors"))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("light", device="cpu", precision="float32")


def sample_folder() -> Path | None:
    """The folder of the real CT: the one named by the variable, else the one beside a checkout."""
    beside = Path(__file__).parents[3] / "shared" / "data" / "sample"
    for folder in (os.environ.get(SAMPLE_VARIABLE), beside):
        if folder and IMAGE.is_in(Path(folder)) and LABELS.is_in(Path(folder)):
            return Path(folder)
    return None


def dice_by_round(engine: Engine, source, organ: str, rounds: int) -> list[float]:
    truth = source.organs[organ]
    session = Session(source.volume, engine, Plane(0), RoundConfig())
    robot = RobotUser(truth, source.volume.geometry.spacing_zyx_mm)
    return [outcome.dice for outcome in run_rounds(session, truth, robot, rounds)]


def test_three_networks_are_shipped_within_their_budget():
    sums = read_checksums(models_folder())
    networks = {}
    for path in shipped():
        module, info = load_weights(path)
        assert sums[path.name] == info.sha256
        networks[info.network] = sum(p.numel() for p in module.parameters()) / MILLION
    assert set(networks) == set(BUDGET)
    assert all(networks[name] <= BUDGET[name] for name in BUDGET)
    assert sum(path.stat().st_size for path in shipped()) <= 17.5 * MILLION


def test_a_kidney_of_the_phantom_is_found_and_refined(engine):
    source = phantom_input((40, 96, 120), (8.0, 10 / 3, 10 / 3))
    scores = dice_by_round(engine, source, "kidney_right", 3)
    assert scores[-1] > 0.6


@pytest.mark.parametrize("organ", ["liver", "kidney_right"])
def test_corrections_in_another_plane_make_nothing_worse(engine, organ):
    source = phantom_input((40, 96, 120), (8.0, 10 / 3, 10 / 3))
    truth = source.organs[organ]
    session = Session(source.volume, engine, Plane(0), engine.default_config)
    scores = []
    for axis in (0, 1, 1, 2):
        clicked = middle_of(session.mask_volume() ^ truth, axis)
        slice_index, row, column = clicked[axis], *np.delete(clicked, axis).tolist()
        session.add_click(Click(slice_index, row, column, bool(truth[clicked])), Plane(axis))
        for _ in session.run_round():
            pass
        scores.append(dice(truth, session.mask_volume()))
    assert min(np.diff(scores)) > -0.01, scores


def test_the_spleen_of_the_real_ct_is_found(engine):
    folder = sample_folder()
    if folder is None:
        pytest.skip(f"the torso CT is not here; set {SAMPLE_VARIABLE} to a folder that holds it")
    source = demo_input(lambda _: None, {SAMPLE_VARIABLE: str(folder)})
    scores = dice_by_round(engine, source, "spleen", 3)
    assert scores[-1] > 0.7
