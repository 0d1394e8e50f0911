from pathlib import Path

import torch

from SlicerLIMNet.evaluation.weights_facts import seen_in_training, trained_on
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.networks.weights import read_info, save_weights

SAID = {"prompt": "train.json and train2d.json: 2500 steps", "memory": "train.json: 9 steps"}


def test_data_is_seen_if_the_weights_name_its_manifest():
    assert seen_in_training(Path("data/train.json"), SAID).startswith("seen in training")
    said = seen_in_training(Path("data/dev.json"), SAID)
    assert said == "not seen in training: the weights name train.json and train2d.json"


def test_what_the_weights_do_not_say_is_not_known():
    assert "unknown" in seen_in_training(Path("dev.json"), {})
    assert "name no manifest" in seen_in_training(Path("dev.json"), {"prompt": "photographs"})


def test_weights_are_found_by_their_checksum(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMNET_HOME", str(tmp_path))
    path = tmp_path / "Models" / "mine.safetensors"
    torch.manual_seed(0)
    save_weights(
        path,
        QualityNetwork("small"),
        network="quality",
        configuration={"kind": "small"},
        trained_on="mine.json: 1 step",
    )
    (path.parent / "broken.safetensors").write_bytes(b"nothing")
    weights = {"quality": read_info(path).sha256, "prompt": "unheard of"}
    assert trained_on(weights) == {"quality": "mine.json: 1 step"}
