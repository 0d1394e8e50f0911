import itertools
import json

import cv2
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know
from scipy import ndimage

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.errors import OutputError
from SlicerLIMNet.evaluation import demo_input as inputs
from SlicerLIMNet.evaluation.demo import run_demo, text_lines
from SlicerLIMNet.evaluation.demo_input import DemoInput, demo_input, phantom_input
from SlicerLIMNet.evaluation.demo_output import prepare_folder, write_demo
from SlicerLIMNet.evaluation.robot_rounds import RobotConfig

ORGANS = ["liver", "spleen", "kidney_right", "kidney_left", "aorta"]


class ShrinkingErrorSession:
    """Knows the truths: gives the clicked one, swollen by fewer voxels each round."""

    def __init__(self, source, config):
        self.source, self.config = source, config
        self.rounds = 0

    def add_click(self, click):
        if self.rounds == 0:
            place = (click.slice_index, int(click.row), int(click.column))
            self.truth = next(organ for organ in self.source.organs.values() if organ[place])

    def run_round(self, cancel):
        self.rounds += 1
        yield from range(self.source.volume.shape_zyx[0])

    def mask_volume(self):
        left = max(0, (2 if self.config.fusion else 3) - self.rounds)
        return ndimage.binary_dilation(self.truth, iterations=left) if left else self.truth.copy()


@pytest.fixture(scope="module")
def source():
    """The phantom on a grid so coarse that the demo takes seconds."""
    return phantom_input((24, 48, 60), (13.3, 6.7, 6.7))


@pytest.fixture(scope="module")
def result(source):
    return run_demo(
        source,
        lambda _, config: ShrinkingErrorSession(source, config),
        RoundConfig(),
        RobotConfig(rounds=3),
        clock=itertools.count().__next__,
    )


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo-output"
    prepare_folder(folder)
    return write_demo(result, folder, {"preset": "light"}), folder


def test_the_phantom_has_all_five_organs(source):
    assert list(source.organs) == ORGANS
    assert all(organ.any() for organ in source.organs.values())
    assert source.volume.modality == "CT"


def test_both_runs_of_every_organ_have_all_rounds(result):
    assert [organ.name for organ in result.organs] == ORGANS
    for organ in result.organs:
        assert [outcome.dice for outcome in organ.with_fusion][1:] == [1.0, 1.0]
        assert organ.scores.without_fusion[1] < 1.0
        assert organ.scores.without_fusion[2] == 1.0


def test_the_summary_has_the_form_that_machines_read(result):
    summary = result.summary()
    assert set(summary) == {"input", "organs", "mean"}
    assert "phantom" in summary["input"]
    assert list(summary["organs"]) == ORGANS
    for organ in summary["organs"].values():
        assert {key: len(value) for key, value in organ.items()} == {
            "with_fusion": 3,
            "without_fusion": 3,
            "seconds": 3,
        }
    curves = [organ["without_fusion"] for organ in summary["organs"].values()]
    assert summary["mean"]["without_fusion"] == pytest.approx(np.mean(curves, axis=0).tolist())


def test_the_lines_for_a_terminal_show_both_runs_the_mean_and_the_seconds(result):
    lines = text_lines(result)
    assert lines[0].split() == ["Dice", "round", "1", "round", "2", "round", "3"]
    assert len(lines) == 1 + 2 * 6 + 1
    assert lines[1].split()[:3] == ["liver", "with", "fusion"]
    assert lines[-3].split()[0] == "mean"
    assert lines[-1].split() == ["seconds", "mean", "1.00", "1.00", "0.00"]


def test_progress_counts_the_rounds_of_both_runs(source):
    seen = []
    run_demo(
        source,
        lambda _, config: ShrinkingErrorSession(source, config),
        RoundConfig(),
        RobotConfig(rounds=1),
        report=seen.append,
    )
    assert [progress.done for progress in seen] == list(range(1, 11))
    assert seen[0].total == 10
    assert "liver with fusion" in seen[0].text
    assert "liver without fusion" in seen[1].text


def test_the_folder_holds_page_pictures_figures_and_segmentation(written, result):
    page, folder = written
    assert page == folder / "index.html"
    assert sorted(path.name for path in folder.iterdir()) == [
        "dice.png",
        "index.html",
        "organs.seg.nrrd",
        "rounds.png",
        "slices.png",
        "summary.json",
    ]
    assert json.loads((folder / "summary.json").read_text()) == result.summary()
    for name in ("slices.png", "rounds.png", "dice.png"):
        assert cv2.imread(str(folder / name)).shape[1] > 800


def test_the_page_holds_all_pictures_itself(written):
    html = written[0].read_text("utf-8")
    assert html.count("data:image/png;base64,") == 3
    assert 'src="http' not in html
    assert "kidney right" in html
    assert "torso phantom" in html


def test_the_segmentation_has_a_segment_an_organ_on_the_grid_of_the_input(written, result):
    image = sitk.ReadImage(str(written[1] / "organs.seg.nrrd"))
    names = {image.GetMetaData(key) for key in image.GetMetaDataKeys() if key.endswith("_Name")}
    assert names == set(ORGANS)
    assert image.GetSize() == result.source.volume.shape_zyx[::-1]


def test_an_output_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose another one"):
        prepare_folder(tmp_path / "file" / "demo-output")


class TestWhereTheInputComesFrom:
    @pytest.fixture
    def sample(self, tmp_path, source, monkeypatch):
        """A folder with a small sample, and its checksums in place of the real ones."""
        folder = tmp_path / "sample"
        folder.mkdir()
        labels = sum(organ * np.uint8(inputs.ORGANS[name]) for name, organ in source.organs.items())
        for attribute, array in (("IMAGE", source.volume.array), ("LABELS", labels)):
            file = getattr(inputs, attribute)
            sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / file.name))
            sha256 = inputs.pooch.file_hash(str(folder / file.name))
            pinned = inputs.SampleFile(file.name, file.address, sha256)
            monkeypatch.setattr(inputs, attribute, pinned)
        return folder

    @staticmethod
    def no_network(file, folder):
        raise ConnectionError("no route")

    def test_a_folder_with_the_sample_is_read_and_left_alone(self, sample, source):
        before = {path: path.stat().st_mtime_ns for path in sample.iterdir()}
        said = []
        found = demo_input(said.append, {"LIMNET_SAMPLE": str(sample)}, self.no_network)
        assert isinstance(found, DemoInput)
        assert "torso CT" in found.name
        assert all(np.array_equal(found.organs[name], source.organs[name]) for name in ORGANS)
        assert {path: path.stat().st_mtime_ns for path in sample.iterdir()} == before
        assert len(said) == 1

    def test_a_folder_with_other_files_is_not_taken(self, sample, tmp_path, source):
        (sample / inputs.IMAGE.name).write_bytes(b"something else")
        said = []
        environment = {"LIMNET_SAMPLE": str(sample), "LIMNET_CACHE": str(tmp_path / "cache")}
        found = demo_input(said.append, environment, self.no_network, lambda: source)
        assert "phantom" in found.name

    def test_a_download_goes_to_the_cache_and_is_used(self, sample, tmp_path):
        cache = tmp_path / "cache"
        cache.mkdir()

        def fetch(file, folder):
            assert folder == cache
            (folder / file.name).write_bytes((sample / file.name).read_bytes())

        found = demo_input(lambda _: None, {"LIMNET_CACHE": str(cache)}, fetch)
        assert "torso CT" in found.name

    @pytest.mark.parametrize("error", [ConnectionError("no route"), ValueError("wrong hash")])
    def test_without_cache_and_network_it_says_so_and_takes_the_phantom(
        self, tmp_path, source, error
    ):
        def fail(file, folder):
            raise error

        said = []
        found = demo_input(said.append, {"LIMNET_CACHE": str(tmp_path)}, fail, lambda: source)
        assert "phantom" in found.name
        assert "made phantom" in said[0]
        assert "LIMNET_SAMPLE" in said[0]

    def test_the_pinned_sample_is_public_and_of_one_commit(self):
        for file in (inputs.IMAGE, inputs.LABELS):
            assert file.address.startswith("https://raw.githubusercontent.com/wasserth/")
            assert "/0e65a448d557382b1e925276212b3bec7f5aff83/" in file.address
            assert len(file.sha256) == 64
