import json
import os
import signal

import numpy as np
import pytest

from SlicerLIMNet.cli.evaluate_options import METHODS, PROTOCOLS
from SlicerLIMNet.errors import Cancelled
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


@pytest.mark.parametrize("protocol", PROTOCOLS)
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
        (("--fusion-margin", 0.7), "margin"),
        (("--jobs", 0), "--jobs"),
        (("--html", "nowhere/page.html"), "does not exist"),
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


def test_several_ways_are_compared_in_one_report(limnet, manifest):
    out, page = limnet.folder / "figures.json", limnet.folder / "report.html"
    words = ("--protocol", "all", "--compare-fusion", "--compare-memory", "--rounds", 2)
    limnet("evaluate", manifest, *words, "--no-surface", "--json", out, "--html", page)
    assert limnet.code == 0, limnet.err
    figures = json.loads(out.read_text())
    assert len(figures["runs"]) == 3 * 2 * 3
    assert figures["targets"] == figures["runs"][0]["targets"]
    protocols = [run["settings"]["protocol"] for run in figures["runs"]]
    assert protocols == [name for name in PROTOCOLS for _ in range(6)]
    assert limnet.out.count("memory, with fusion") == 6
    for protocol in PROTOCOLS:
        assert f"protocol {protocol}, 2 rounds of 1 click" in limnet.out
        assert f"<h2>Protocol {protocol}</h2>" in page.read_text()


def test_everything_is_compared_with_one_word(limnet, manifest, monkeypatch):
    asked = {}

    def note(volumes, runs, *_, **options):
        asked["runs"] = runs
        raise Cancelled("enough")

    monkeypatch.setattr("SlicerLIMNet.evaluation.runner.evaluate", note)
    limnet("evaluate", manifest, "--all")
    runs = asked["runs"]
    assert {settings.method for settings in runs} == set(METHODS)
    assert {settings.robot.rule.value for settings in runs} == set(PROTOCOLS)
    assert len(runs) == 3 * (2 * 3 + 3)
    assert runs[0].robot.length == 20
    assert [settings.robot.rounds for settings in runs if settings.method != "limnet"] == (
        [6] * 6 + [5] * 3
    )


def test_the_rounds_are_those_usual_for_the_protocol(limnet, manifest):
    out = limnet.folder / "figures.json"
    limnet("evaluate", manifest, "--protocol", "cvpr25", "--limit", 1, "--json", out)
    figures = json.loads(out.read_text())
    assert figures["settings"]["rounds"] == 5
    assert figures["summary"]["challenge"]["area_dice"]["mean"] == 4.0


def test_what_was_chosen_about_rounds_reaches_the_settings(limnet, manifest):
    out = limnet.folder / "figures.json"
    words = ("--follow", "clicked", "--fusion-margin", 0.1, "--range", 3, "--jitter", 2)
    limnet("evaluate", manifest, *words, "--rounds", 1, "--limit", 1, "--json", out)
    expected = {"follow": "clicked", "fusion_margin": 0.1, "range": 3, "jitter_pixels": 2.0}
    assert expected.items() <= json.loads(out.read_text())["settings"].items()


def test_finished_targets_are_kept_beside_the_report(limnet, manifest):
    out = limnet.folder / "figures.json"
    limnet("evaluate", manifest, "--rounds", 1, "--limit", 1, "--json", out)
    asked = limnet.networks.prompts_asked
    limnet("evaluate", manifest, "--rounds", 1, "--json", out)
    lines = (limnet.folder / "figures.targets.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert limnet.networks.prompts_asked == 2 * asked  # as much again, for the second target
    limnet.networks.pretend(weights={"prompt": "other"})
    limnet("evaluate", manifest, "--rounds", 1, "--json", out)
    assert limnet.networks.prompts_asked == 4 * asked


def test_an_engine_has_one_thread_unless_said(limnet, manifest):
    limnet("evaluate", manifest, "--rounds", 1, "--limit", 1)
    limnet("evaluate", manifest, "--rounds", 1, "--limit", 1, "--threads", 3)
    assert [choice.threads for choice in limnet.choices] == [1, 3]


def test_figures_are_printed_with_what_they_depend_on(limnet, manifest):
    limnet("evaluate", manifest, "--rounds", 1)
    first = limnet.out.splitlines()[0]
    for fact in ("worst-slice", "1 rounds of 1 click", "native spacing", "seed 42", "prompt aa"):
        assert fact in first
    assert "whether seen in training" in first


def test_a_baseline_alone_needs_no_engine_and_states_its_parameters(limnet, manifest):
    out = limnet.folder / "figures.json"
    words = ("--method", "region-growing", "--rounds", 2, "--limit", 1, "--json", out)
    limnet("evaluate", manifest, *words)
    assert limnet.code == 0, limnet.err
    figures = json.loads(out.read_text())
    assert limnet.choices == []
    assert figures["settings"]["method"] == "region-growing"
    assert figures["depends_on"]["disc_radius_pixels"] == 3
    assert len(figures["targets"][0]["dice"]) == 2
    assert "disc_radius_pixels" in figures["facts"]["region growing"]


def test_a_page_that_cannot_be_drawn_is_refused_before_the_work(limnet, manifest, monkeypatch):
    monkeypatch.setattr("SlicerLIMNet.cli.evaluate.find_spec", lambda _: None)
    limnet("evaluate", manifest, "--html", limnet.folder / "page.html")
    assert limnet.code == 1
    assert "matplotlib" in limnet.sentence
    assert limnet.networks.prompts_asked == 0


def test_without_its_library_the_surface_dice_is_left_out_and_that_is_said(
    limnet, manifest, monkeypatch
):
    monkeypatch.setattr("SlicerLIMNet.cli.evaluate.find_spec", lambda _: None)
    out = limnet.folder / "figures.json"
    limnet("evaluate", manifest, "--rounds", 1, "--limit", 1, "--json", out)
    assert limnet.code == 0
    assert json.loads(out.read_text())["targets"][0]["nsd"] == [None]
    assert "without surface Dice" in limnet.err
