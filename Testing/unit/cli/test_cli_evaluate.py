import json
import os
import signal

import numpy as np
import pytest

from Testing.doubles import FakeNetworks


@pytest.fixture
def manifest(limnet, ball_truth):
    """The ball as a labelled volume, twice."""
    limnet.write_image("labels.nrrd", ball_truth.astype(np.uint8))
    entry = {"image": "ball.nrrd", "labels": "labels.nrrd", "modality": "MR", "targets": {"b": 1}}
    volumes = [{"name": name, **entry} for name in ("one", "two")]
    path = limnet.folder / "manifest.json"
    path.write_text(json.dumps({"format": 1, "volumes": volumes}))
    return path


@pytest.mark.parametrize("protocol", ["worst-slice", "error-centre"])
def test_the_figures_of_every_target_are_written(limnet, manifest, protocol):
    out = limnet.folder / "figures.json"
    limnet("evaluate", manifest, "--protocol", protocol, "--rounds", 2, "--json", out)
    assert limnet.code == 0, limnet.err
    figures = json.loads(out.read_text())
    assert [target["name"] for target in figures["targets"]] == ["one", "two"]
    for target in figures["targets"]:
        assert target["dice"] == [1.0, 1.0]
        assert len(target["seconds"]) == len(target["slices_worsened"]) == 2
        assert target["clicks"][0]["positive"]
    assert figures["mean"] == {"dice": [1.0, 1.0]}
    assert figures["settings"]["protocol"] == protocol
    assert figures["engine"]["preset"] == "fake"
    assert "mean of 2" in limnet.out
    assert "one b: Dice 1.000" in limnet.err or "evaluate" in limnet.err


def test_the_limit_and_the_options_of_rounds_count(limnet, manifest):
    out = limnet.folder / "figures.json"
    words = ("--no-fusion", "--memory", "paper", "--limit", 1, "--rounds", 1, "--json", out)
    limnet("evaluate", manifest, *words)
    figures = json.loads(out.read_text())
    assert len(figures["targets"]) == 1
    assert figures["settings"]["fusion"] is False
    assert figures["settings"]["memory"] == "paper"
    assert not limnet.choices[0].with_fusion


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--rounds", 0), "one round or more"),
        (("--limit", 0), "nothing to evaluate"),
        (("--jitter", -1), "jitter"),
        (("--json", "nowhere/figures.json"), "does not exist"),
        (("--preset", "heavy"), "heavy"),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence(limnet, manifest, words, sentence):
    limnet("evaluate", manifest, *words)
    assert limnet.code == 1
    assert sentence in limnet.sentence
    assert limnet.networks.prompts_asked == 0


def test_a_file_that_is_no_manifest_is_refused(limnet):
    limnet("evaluate", limnet.folder / "clicks.json")
    assert limnet.code == 1
    assert "no manifest" in limnet.sentence


def test_ctrl_c_leaves_old_figures_as_they_were(limnet, manifest):
    class Interrupted(FakeNetworks):
        def spread(self, task, cancel):
            os.kill(os.getpid(), signal.SIGINT)
            yield from super().spread(task, cancel)

    limnet.networks = Interrupted()
    out = limnet.folder / "figures.json"
    out.write_text("old")
    assert limnet("evaluate", manifest, "--json", out).code == 130
    assert out.read_text() == "old"
