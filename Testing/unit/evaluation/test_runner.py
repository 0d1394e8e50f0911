import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import Cancelled, ConfigError, VolumeError
from SlicerLIMNet.evaluation.results_file import ResultsFile
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
from SlicerLIMNet.evaluation.robot_user import ClickRule
from SlicerLIMNet.evaluation.run_settings import RunSettings, compared_runs, with_long_first
from SlicerLIMNet.evaluation.runner import evaluate, mean_by_round, sessions_on
from SlicerLIMNet.io.manifest import read_manifest
from SlicerLIMNet.io.volumes import read_volume
from Testing.doubles import FakeNetworks
from Testing.unit.evaluation.manifests import (
    LABELS,
    GrowingMethods,
    GrowingSession,
    save,
    write_manifest,
)


@pytest.fixture
def manifest(tmp_path):
    return write_manifest(tmp_path)


def compare(manifest, runs, methods=GrowingMethods, **options):
    options = {"with_surface": False, "clock": itertools.count().__next__, **options}
    return evaluate(read_manifest(manifest), runs, methods, **options)


def run(manifest, rounds=None, robot=None, **options):
    settings = RunSettings(robot=robot or RobotConfig(), rounds=rounds or RoundConfig())
    return compare(manifest, [settings], **options)[0]


def fusion_runs(robot=None, **options):
    robots = [robot or RobotConfig(rounds=4)]
    return compared_runs(["limnet"], robots, RoundConfig(), {"limnet": {}}, True, **options)


def without_seconds(evaluations):
    """Return all figures but the time, as JSON."""
    reports = [evaluation.to_json() for evaluation in evaluations]
    for report in reports:
        for target in report["targets"]:
            del target["seconds"]
    return json.dumps(reports)


def test_every_target_has_its_figures_a_round_and_the_mean_is_over_targets(manifest):
    report = run(manifest, with_surface=True).to_json()
    named = [(target["name"], target["label"]) for target in report["targets"]]
    assert named == [("a", "liver"), ("a", "spleen"), ("b", "spleen")]
    for target in report["targets"]:
        assert [len(target[key]) for key in ("dice", "seconds", "nsd", "flooding")] == [6] * 4
        assert len(target["clicks"]) == 6
        assert set(target["clicks"][0]) == {"slice", "row", "column", "positive"}
        assert target["spacing_zyx_mm"] == [1.0, 1.0, 3.0]
        assert all(0 < score <= 1 for score in target["nsd"])
    expected = np.mean([target["dice"] for target in report["targets"]], axis=0)
    assert report["mean"]["dice"] == pytest.approx(expected.tolist())


def test_the_first_click_scores_as_computed_by_hand(manifest):
    first = run(manifest, robot=RobotConfig(rounds=1)).targets[0]
    assert first.clicks[0].to_json() == {"slice": 1, "row": 5, "column": 5, "positive": True}
    assert first.dice == [pytest.approx(2 * 25 / (25 + 3 * 36))]
    assert (first.modality, first.voxels) == ("CT", 3 * 36)
    # slices 1 to 3 hold the object; the others are empty, and so is the mask there
    [figures] = first.rounds
    assert (figures.false_slices, figures.flooding, figures.overrun) == (0.0, 0.0, 0.0)
    assert figures.decay is not None
    assert figures.regret is None
    assert first.dice_at_distances == [[2 * 25 / (25 + 36), 0.0, None, None, None, None]]


def test_the_same_run_gives_the_same_figures(manifest):
    robot = RobotConfig(ClickRule.ERROR_CENTRE, rounds=4, jitter_pixels=2.0)
    assert run(manifest, robot=robot).to_json() == run(manifest, robot=robot).to_json()


def test_with_several_processes_the_figures_are_the_same(manifest):
    runs = fusion_runs()
    alone = compare(manifest, runs)
    together = compare(manifest, runs, processes=2)
    assert without_seconds(together) == without_seconds(alone)


@pytest.mark.slow
def test_what_goes_wrong_in_another_process_is_said_here(manifest):
    manifest.write_text(manifest.read_text().replace('"liver": 1', '"liver": 3'))
    with pytest.raises(ConfigError, match="no voxel of liver"):
        compare(manifest, fusion_runs(), processes=2)


def test_the_report_states_how_it_was_run(manifest):
    config = RoundConfig(fusion=False, memory="paper")
    report = json.loads(json.dumps(run(manifest, config, RobotConfig(rounds=2)).to_json()))
    expected = {
        "method": "limnet",
        "protocol": "worst-slice",
        "rounds": 2,
        "clicks_a_round": 1,
        "slices_along": "array axis 0",
        "spacing": "native",
        "jitter_pixels": 0.0,
        "seed": 42,
        "fusion": False,
        "memory": "paper",
        "range": "until_end",
    }
    assert expected.items() <= report["settings"].items()
    assert "lowest Dice" in report["settings"]["slice_rule"]


def test_the_options_of_rounds_reach_the_sessions(manifest):
    with_fusion = run(manifest).mean_dice
    without = run(manifest, RoundConfig(fusion=False)).mean_dice
    assert with_fusion[0] == without[0]
    assert with_fusion[-1] > without[-1]


def test_the_modality_of_the_manifest_reaches_the_volume(manifest):
    seen = []

    def open_session(volume, config):
        seen.append(volume.modality)
        return GrowingSession(volume, config)

    settings = RunSettings(robot=RobotConfig(ClickRule.CVPR25, rounds=1))
    evaluate(read_manifest(manifest), [settings], lambda: lambda _: open_session)
    assert seen == ["CT", "CT", "MR"]


class TestComparisons:
    def test_fusion_is_compared_on_own_and_on_the_same_clicks(self, manifest):
        with_fusion, own, same = compare(manifest, fusion_runs())
        for a, b, c in zip(with_fusion.targets, own.targets, same.targets, strict=True):
            assert a.clicks == c.clicks
            assert a.clicks != b.clicks
            assert a.dice[-1] > c.dice[-1]

    def test_the_same_clicks_alone_still_come_from_the_run_with_fusion(self, manifest):
        with_fusion, _, same = fusion_runs()
        alone = compare(manifest, [same])
        assert alone[0].targets[0].clicks == compare(manifest, [with_fusion])[0].targets[0].clicks

    def test_everything_is_run_once(self, manifest):
        robots = [RobotConfig(ClickRule.WORST_SLICE), RobotConfig(ClickRule.CVPR25, 5)]
        facts = {"limnet": {"weights": "x"}, "random-walker": {"beta": 1}}
        runs = compared_runs([*facts], robots, RoundConfig(), facts, True, True)
        assert len(runs) == 2 * (2 * 3 + 1)
        assert len({json.dumps(settings.to_json()) for settings in runs}) == len(runs)
        assert runs[0].to_json()["fusion"] is True
        assert runs[6].name == "random walker"
        assert "memory" not in runs[6].to_json()
        assert runs[0].name == "permanent memory, with fusion"
        assert runs[5].name == "paper memory, without, same clicks"

    def test_the_first_run_and_its_likes_are_made_longer(self):
        facts = {"limnet": {}, "random-walker": {}}
        robots = [RobotConfig(), RobotConfig(ClickRule.CVPR25, 5)]
        runs = compared_runs([*facts], robots, RoundConfig(), facts, True, True)
        lengths = [settings.robot.length for settings in with_long_first(runs, 20)]
        assert lengths == [20] * 3 + [6] * 4 + [5] * 7


class TestLongRuns:
    def test_later_rounds_keep_dice_only(self, manifest):
        target = run(manifest, robot=RobotConfig(rounds=2, most_clicks=5), limit=1).targets[0]
        assert (len(target.rounds), len(target.later_dice)) == (2, 3)
        assert len(target.long_dice) == len(target.clicks) == 5
        assert target.dice == run(manifest, robot=RobotConfig(rounds=2), limit=1).targets[0].dice

    def test_a_long_run_ends_after_ten_rounds_once_the_highest_dice_is_reached(self, manifest):
        class PerfectSession(GrowingSession):
            def add_click(self, click):
                self.mask = LABELS == 1

        settings = RunSettings(robot=RobotConfig(rounds=2, most_clicks=20))
        perfect = lambda: lambda _: PerfectSession  # noqa: E731
        target = compare(manifest, [settings], perfect, limit=1)[0].targets[0]
        assert len(target.long_dice) == 10
        assert target.clicks == target.clicks[:1]
        assert target.rounds[1] == replace(target.rounds[0], seconds=0.0)


class TestResuming:
    def test_finished_targets_are_not_run_again(self, manifest, tmp_path):
        path = tmp_path / "done.jsonl"
        first = compare(manifest, fusion_runs(), results=ResultsFile(path))
        opened = GrowingSession.opened
        again = compare(manifest, fusion_runs(), results=ResultsFile(path))
        assert GrowingSession.opened == opened
        assert [e.to_json() for e in again] == [e.to_json() for e in first]

    def test_a_run_that_was_stopped_goes_on_where_it_was(self, manifest, tmp_path):
        path, cancel = tmp_path / "done.jsonl", CancelToken()

        def stop_at_the_second_target(progress):
            if progress.done > 6:
                cancel.cancel()

        with pytest.raises(Cancelled):
            run(
                manifest,
                results=ResultsFile(path),
                report=stop_at_the_second_target,
                cancel=cancel,
            )
        assert len(path.read_text().splitlines()) == 1
        seen = []
        whole = run(manifest, results=ResultsFile(path), report=seen.append)
        assert seen[-1].total == 12  # two targets were left
        assert without_seconds([whole]) == without_seconds([run(manifest)])

    def test_the_last_line_may_be_torn(self, manifest, tmp_path):
        path = tmp_path / "done.jsonl"
        run(manifest, results=ResultsFile(path))
        text = path.read_text()
        path.write_text(text[:-40])
        seen = []
        run(manifest, results=ResultsFile(path), report=seen.append)
        assert seen[-1].total == 6  # one target
        assert path.read_text() == text

    @pytest.mark.parametrize(
        "change",
        [
            {"robot": RobotConfig(rounds=5)},
            {"robot": RobotConfig(jitter_pixels=1.0)},
            {"rounds": RoundConfig(fusion_margin=0.1)},
            {"depends_on": {"weights": "others"}},
        ],
    )
    def test_results_of_other_settings_or_weights_are_not_used(self, manifest, tmp_path, change):
        results = ResultsFile(tmp_path / "done.jsonl")
        settings = RunSettings()
        compare(manifest, [settings], results=results)
        opened = GrowingSession.opened
        compare(manifest, [replace(settings, **change)], results=results)
        assert GrowingSession.opened > opened

    def test_results_of_other_data_are_not_used(self, manifest, tmp_path):
        results = ResultsFile(tmp_path / "done.jsonl")
        before = run(manifest, results=results, limit=1)
        smaller = LABELS.copy()
        smaller[1] = 0
        save(smaller, manifest.parent / "dev/a_labels.nii.gz")
        assert run(manifest, results=results, limit=1).mean_dice != before.mean_dice

    def test_files_that_are_touched_while_they_are_worked_on_do_no_harm(self, manifest, tmp_path):
        labels = manifest.parent / "dev/a_labels.nii.gz"

        class TouchingSession(GrowingSession):
            def add_click(self, click):
                labels.touch()
                super().add_click(click)

        touching = lambda: lambda _: TouchingSession  # noqa: E731
        evaluations = compare(manifest, fusion_runs(), touching)
        assert without_seconds(evaluations) == without_seconds(compare(manifest, fusion_runs()))

    def test_another_file_is_refused(self, tmp_path):
        path = tmp_path / "notes.txt"
        path.write_text("to do\n")
        with pytest.raises(ConfigError, match="no result of an evaluation"):
            ResultsFile(path)


@pytest.mark.parametrize(("limit", "labels"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_a_limit_keeps_the_first_targets(manifest, limit, labels):
    assert len(run(manifest, limit=limit, robot=RobotConfig(rounds=1)).targets) == labels


def test_progress_counts_rounds_to_the_end(manifest):
    seen = []
    run(manifest, report=seen.append, robot=RobotConfig(rounds=2))
    assert [progress.done for progress in seen] == [1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert {progress.total for progress in seen} == {6}
    assert "a liver" in seen[0].text


def test_a_cancelled_run_ends(manifest):
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run(manifest, cancel=cancel, report=lambda _: cancel.cancel())


def test_a_limit_of_nothing_is_refused(manifest):
    with pytest.raises(ConfigError, match="nothing to evaluate"):
        run(manifest, limit=0)


def test_labels_on_another_grid_are_refused(manifest):
    save(LABELS, manifest.parent / "dev/a_labels.nii.gz", spacing=(1.0, 1.0, 5.0))
    with pytest.raises(ConfigError, match="different grids"):
        run(manifest)


def test_an_image_that_is_not_there_is_named(manifest):
    (manifest.parent / "dev/a.nii.gz").unlink()
    with pytest.raises(VolumeError, match=r"a\.nii\.gz cannot be read"):
        run(manifest)


def test_a_target_that_occurs_nowhere_is_named(manifest):
    manifest.write_text(manifest.read_text().replace('"liver": 1', '"liver": 3'))
    with pytest.raises(ConfigError, match=r"no voxel of liver \(label value 3\)"):
        run(manifest)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "JSON"),
        ("[]", "is no manifest"),
        ('{"format": 2, "volumes": [1]}', "is no manifest"),
        ('{"format": 1, "volumes": []}', "lists no volumes"),
        ('{"format": 1, "volumes": [{"name": "a"}]}', "lacks a name, files or targets"),
        ('{"format": 1, "volumes": ["a"]}', "lacks a name"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path, content, complaint):
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        read_manifest(path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        read_manifest(tmp_path / "nowhere.json")


def test_the_mean_of_no_curves_is_empty():
    assert mean_by_round([]) == []


def test_the_robot_drives_the_real_session_along_the_first_axis(manifest):
    settings = RunSettings(robot=RobotConfig(rounds=2))
    methods = lambda: lambda _: sessions_on(FakeNetworks())  # noqa: E731
    target = compare(manifest, [settings], methods, limit=1)[0].targets[0]
    # the spacing is coarser along another axis, where people would click by default
    volume = read_volume(manifest.parent / "dev/a.nii.gz")
    session = sessions_on(FakeNetworks())(volume, RoundConfig())
    assert session.plane == Plane(axis=0)
    assert target.clicks[0].slice_index == 1
    assert target.dice[0] > 0
    assert target.rounds[0].clicked_probability == pytest.approx(0.9, abs=0.005)
    assert len(target.slice_clicks.dice) == 2
