import json

import pytest

ORGANS = {"liver", "spleen", "kidney_right", "kidney_left", "aorta"}


def test_the_demo_leaves_a_page_and_figures(limnet):
    folder = limnet.folder / "demo-output"
    assert limnet("demo", "--phantom", "--rounds", 1, "--output", folder).code == 0, limnet.err
    assert {path.name for path in folder.iterdir()} >= {"index.html", "organs.seg.nrrd"}
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary["organs"]) == ORGANS
    assert "torso phantom" in limnet.out
    assert "without" in limnet.out
    assert str(folder / "index.html") in limnet.err
    assert "fake" in (folder / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--rounds", 0), "one round or more"),
        (("--output", "clicks.json/below"), "cannot be written to"),
        (("--preset", "heavy"), "heavy"),
    ],
)
def test_what_cannot_be_shown_is_found_before_the_work(limnet, monkeypatch, words, sentence):
    monkeypatch.chdir(limnet.folder)
    assert limnet("demo", "--phantom", *words).code == 1
    assert sentence in limnet.sentence
    assert limnet.networks.prompts_asked == 0
