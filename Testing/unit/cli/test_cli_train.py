import json

import pytest

from Testing.unit.training.tiny_data import write_volumes


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("no json", "JSON"),
        (json.dumps({"volumes": "v.json", "colour": "blue"}), "colour"),
        (json.dumps({"volumes": "nowhere.json", "run": "run", "cache": "cache"}), "nowhere.json"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_a_sentence(
    limnet, tmp_path, monkeypatch, content, word
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(content)
    assert limnet("train", "memory", "--config", "config.json").code == 1
    assert word in limnet.sentence


def test_a_missing_configuration_is_a_sentence(limnet, tmp_path):
    assert limnet("train", "prompt", "--config", tmp_path / "none.json").code == 1
    assert "none.json" in limnet.sentence


def test_finetune_may_be_written_as_an_option(limnet, tmp_path):
    for word in ("finetune", "--finetune"):
        assert limnet("train", word, tmp_path / "none", "-o", tmp_path / "out").code == 1
        assert "none is not there" in limnet.sentence
    assert not (tmp_path / "out").exists()


def test_new_weights_need_a_folder(limnet, tmp_path):
    assert limnet("train", "--finetune", tmp_path).code == 1
    assert "-o FOLDER" in limnet.sentence


def test_a_folder_without_pairs_is_a_sentence(limnet, tmp_path):
    assert limnet("train", "finetune", tmp_path, "-o", tmp_path / "out").code == 1
    assert "no pairs of volume and segmentation" in limnet.sentence


def test_a_campaign_that_cannot_be_used_is_a_sentence(limnet, tmp_path):
    (tmp_path / "all.json").write_text("{}")
    assert limnet("train", "all", "--config", tmp_path / "all.json").code == 1
    assert "list of stages" in limnet.sentence


def test_a_pack_is_written_and_trained_from(limnet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_volumes(tmp_path)
    (tmp_path / "data.json").write_text(json.dumps({"volumes": "train.json"}))
    assert limnet("train", "pack", "--config", "data.json", "-o", "made/pack.npz").code == 0
    assert "MB" in limnet.err
    settings = {"pack": "made/pack.npz", "steps": 1, "batch": 2, "device": "cpu", "run": "run"}
    (tmp_path / "run.json").write_text(json.dumps({**settings, "task": {"size": 32}}))
    assert limnet("train", "prompt", "--config", "run.json").code == 0
    assert (tmp_path / "run" / "checkpoint.pt").is_file()


def test_weights_of_ones_own_reach_the_engine(limnet, tmp_path):
    assert limnet.segment("--weights", tmp_path / "mine").code == 0
    assert limnet.choices[0].weights == tmp_path / "mine"
