"""Two processes train one network after the other, as `torchrun` starts them on several GPUs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from Testing.unit.training.tiny_data import write_images, write_volumes

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def train_both_stages(folder: Path, run: str) -> list[dict]:
    """Train a few steps of two stages and return their checkpoints."""
    shared = {
        "volumes": str(folder / "train.json"),
        "images": str(folder / "train2d.json"),
        "cache": str(folder / "packs"),
        "steps": 3,
        "batch": 2,
        "precision": "float32",
        "device": "cpu",
        "threads": 1,
    }
    prompt = {"workers": 1, "task": {"size": 32, "passes": [0.5, 0.5]}}
    memory = {"task": {"size": 32, "lengths": [3, 4], "slices": 6, "second_reference": 0.5}}
    stages = [
        {"stage": stage, "run": str(folder / run / stage), **own}
        for stage, own in (("prompt", prompt), ("memory", memory))
    ]
    path = folder / f"{run}.json"
    path.write_text(json.dumps({"shared": shared, "stages": stages}))
    words = ["-m", "SlicerLIMNet", "train", "all", "--config", str(path)]
    done = subprocess.run(
        [sys.executable, *LAUNCHER, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(Path(s["run"]) / "checkpoint.pt", weights_only=True) for s in stages]


@pytest.mark.slow
def test_two_processes_train_one_network_the_same_way_every_time(tmp_path):
    write_volumes(tmp_path)
    write_images(tmp_path)
    runs = [train_both_stages(tmp_path, run) for run in ("first", "second")]
    for first, second in zip(*runs, strict=True):
        assert first["step"] == second["step"] == 3
        for name, tensor in first["network"].items():
            assert torch.isfinite(tensor).all(), name
            assert torch.equal(tensor, second["network"][name]), name
