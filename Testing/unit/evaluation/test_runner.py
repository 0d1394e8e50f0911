import itertools
import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.plane import Plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import Cancelled, ConfigError
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig
from SlicerLIMNet.evaluation.robot_user import ClickRule
from SlicerLIMNet.evaluation.runner import evaluate, mean_by_round, sessions_on
from SlicerLIMNet.io.manifest import read_manifest
from SlicerLIMNet.io.volumes import read_volume
from Testing.doubles import FakeNetworks

SHAPE = (5, 20, 24)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[1:4, 3:9, 3:9] = 1
LABELS[2:5, 12:18, 12:20] = 7


class GrowingSession:
    """Marks a square round each click, on its slice; without fusion it forgets the older ones."""

    def __init__(self, volume, config):
        self.volume, self.config = volume, config
        self.mask = np.zeros(volume.shape_zyx, bool)

    def add_click(self, click):
        if not self.config.fusion:
            self.mask = np.zeros_like(self.mask)
        row, column = int(click.row), int(click.column)
        self.mask[click.slice_index, row - 2 : row + 3, column - 2 : column + 3] = click.positive

    def run_round(self, cancel):
        cancel.raise_if_cancelled()
        yield from range(SHAPE[0])

    def mask_volume(self):
        return self.mask.copy()


def save(array, path, spacing=(3.0, 1.0, 1.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def manifest(tmp_path):
    """Two volumes, one with two targets; paths are relative to the manifest."""
    image = np.random.default_rng(0).integers(-50, 50, SHAPE).astype(np.int16)
    (tmp_path / "dev").mkdir()
    save(image, tmp_path / "dev/a.nii.gz")
    save(LABELS, tmp_path / "dev/a_labels.nii.gz")
    entry = {
        "name": "a",
        "image": "dev/a.nii.gz",
        "labels": "dev/a_labels.nii.gz",
        "modality": "CT",
        "targets": {"liver": 1, "spleen": 7},
    }
    other = {**entry, "name": "b", "modality": "MR", "targets": {"spleen": 7}}
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"format": 1, "volumes": [entry, other]}))
    return path


def run(manifest, rounds=None, **options):
    ticks = itertools.count().__next__
    volumes = read_manifest(manifest)
    return evaluate(volumes, GrowingSession, rounds or RoundConfig(), clock=ticks, **options)


def test_every_target_has_its_figures_a_round_and_the_mean_is_over_targets(manifest):
    report = run(manifest).to_json()
    named = [(target["name"], target["label"]) for target in report["targets"]]
    assert named == [("a", "liver"), ("a", "spleen"), ("b", "spleen")]
    for target in report["targets"]:
        assert [len(target[key]) for key in ("dice", "seconds", "slices_worsened")] == [6, 6, 6]
        assert len(target["clicks"]) == 6
        assert set(target["clicks"][0]) == {"slice", "row", "column", "positive"}
    expected = np.mean([target["dice"] for target in report["targets"]], axis=0)
    assert report["mean"]["dice"] == pytest.approx(expected.tolist())


def test_the_first_click_scores_as_computed_by_hand(manifest):
    first = run(manifest, robot=RobotConfig(rounds=1)).targets[0]
    assert first.clicks[0].to_json() == {"slice": 1, "row": 5, "column": 5, "positive": True}
    assert first.dice == [pytest.approx(2 * 25 / (25 + 3 * 36))]


def test_the_same_run_gives_the_same_report(manifest):
    robot = RobotConfig(ClickRule.ERROR_CENTRE, rounds=4, jitter_pixels=2.0)
    assert run(manifest, robot=robot).to_json() == run(manifest, robot=robot).to_json()


def test_the_report_is_json_and_states_how_it_was_run(manifest):
    config = RoundConfig(fusion=False, memory="paper")
    report = json.loads(json.dumps(run(manifest, config, robot=RobotConfig(rounds=2)).to_json()))
    assert report["settings"] == {
        "protocol": "worst-slice",
        "rounds": 2,
        "jitter_pixels": 0.0,
        "seed": 42,
        "fusion": False,
        "memory": "paper",
        "range": "until_end",
    }


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

    evaluate(read_manifest(manifest), open_session, RoundConfig(), RobotConfig(rounds=1))
    assert seen == ["CT", "CT", "MR"]


@pytest.mark.parametrize(("limit", "labels"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_a_limit_keeps_the_first_targets(manifest, limit, labels):
    assert len(run(manifest, limit=limit, robot=RobotConfig(rounds=1)).targets) == labels


def test_progress_counts_rounds_to_the_end(manifest):
    seen = []
    run(manifest, report=seen.append, robot=RobotConfig(rounds=2))
    assert [progress.done for progress in seen] == [1, 2, 3, 4, 5, 6]
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
    report = evaluate(
        read_manifest(manifest),
        sessions_on(FakeNetworks()),
        RoundConfig(),
        RobotConfig(rounds=2),
        limit=1,
    )
    # the spacing is coarser along another axis, where people would click by default
    volume = read_volume(manifest.parent / "dev/a.nii.gz")
    session = sessions_on(FakeNetworks())(volume, RoundConfig())
    assert session.plane == Plane(axis=0)
    assert report.targets[0].clicks[0].slice_index == 1
    assert report.targets[0].dice[0] > 0
