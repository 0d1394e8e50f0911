import json

import pytest


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
