import re

import cv2
import numpy as np
import pytest

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.evaluation.case_pictures import best_and_worst, case_pictures
from SlicerLIMNet.evaluation.evaluation_json import report_json
from SlicerLIMNet.evaluation.evaluation_page import report_page
from SlicerLIMNet.evaluation.evaluation_plots import Line, Panel, distance_plot, round_plot
from SlicerLIMNet.evaluation.intervals import mean_of
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
from SlicerLIMNet.evaluation.robot_user import ClickRule
from SlicerLIMNet.evaluation.run_settings import compared_runs
from SlicerLIMNet.evaluation.runner import evaluate, sessions_on
from SlicerLIMNet.io.manifest import read_manifest
from Testing.doubles import FakeNetworks
from Testing.unit.evaluation.manifests import write_manifest

FACTS = {
    "data": "dev.json: 3 targets of 2 volumes",
    "weights": "fake (prompt aa)",
    "training": "not seen in training: the weights name train.json",
}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return read_manifest(write_manifest(tmp_path_factory.mktemp("page")))


@pytest.fixture(scope="module")
def evaluations(volumes):
    """Two protocols, with and without fusion, on the real session with fake networks."""
    robots = [RobotConfig(rounds=2, most_clicks=4), RobotConfig(ClickRule.CVPR25, 2)]
    runs = compared_runs(["limnet"], robots, RoundConfig(), {"limnet": {"weights": "aa"}}, True)
    return evaluate(volumes, runs, lambda: lambda _: sessions_on(FakeNetworks(drift=1)))


def test_the_page_stands_alone_and_holds_every_section(evaluations, volumes):
    html = report_page(evaluations, FACTS, volumes, "on <dev>")
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    for part in ("What was measured", "Protocol worst-slice", "Protocol cvpr25", "One slice"):
        assert part in headings
    for part in ("Over 4 rounds", "With distance", "By modality", "Every target", "Best cases"):
        assert any(heading.startswith(part) for heading in headings)
    assert set(re.findall(r'src="(\w+):', html)) == {"data"}
    assert "http" not in html
    assert "on &lt;dev&gt;" in html
    assert html.count("<img") == 4 + len(volumes[0].targets) + len(volumes[1].targets)


def test_every_table_and_picture_of_figures_states_what_it_depends_on(evaluations, volumes):
    html = report_page(evaluations, FACTS, volumes, "dev")
    figures = html.split("</table>", 1)[1]  # the first one lists what everything depends on
    blocks = re.split(r"<table|<img", figures)[1:]
    assert len(blocks) > 10
    for block in blocks:
        stated = re.search(r"<p class=conditions>(.*?)</p>", block)
        assert stated
        for fact in ("2 rounds of 1 click", "slice clicked", "native spacing", "seed 42"):
            assert fact in stated[1]
        assert "fake (prompt aa)" in stated[1]
        assert "not seen in training" in stated[1]


def test_the_report_of_several_runs_holds_the_first_as_of_a_single_one(evaluations):
    report = report_json(evaluations, FACTS, {"preset": "fake"})
    single = report_json(evaluations[:1], FACTS, {"preset": "fake"})
    assert len(report["runs"]) == 6
    assert "runs" not in single
    assert {**single, "runs": report["runs"]} == report
    assert report["mean"]["dice"] == evaluations[0].mean_dice
    assert report["engine"]["preset"] == "fake"
    assert report["runs"][2]["settings"]["clicks_of"] == "the run with fusion"


def test_best_and_worst_cases_are_apart(evaluations):
    targets = evaluations[0].targets
    best, worst = best_and_worst(targets, each=2)
    assert len(best) == 2
    assert len(worst) == 1
    assert not {t.name for t in best} & {t.name for t in worst}
    assert max(t.dice[-1] for t in worst) <= min(t.dice[-1] for t in best)
    assert best_and_worst(targets[:1]) == ([targets[0]], [])


def test_a_case_shows_a_column_a_round(evaluations, volumes):
    [case] = case_pictures(evaluations[0].targets[:1], volumes)
    picture = cv2.imdecode(np.frombuffer(case.png, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1] > 1.5 * picture.shape[0]
    assert len(np.unique(picture)) > 50


def test_plots_skip_what_is_not_there_and_are_the_same_every_time():
    means = [mean_of([0.5, 0.7]), None, mean_of([0.8])]
    lines = [Line("a", means, "#000000"), Line("b", [None] * 3, "#ff0000", "--")]
    panel = Panel("Dice", lines)
    assert round_plot([panel, panel]) == round_plot([panel, panel])
    distances = [Line("a", [*means, *means], "#000000")]
    assert distance_plot(distances) == distance_plot(distances)
