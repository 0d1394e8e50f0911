import json

import numpy as np
import pytest

from SlicerLIMNet.io.datasets.catalogue import READERS
from Testing.unit.io.dataset_folders import write_palette_png, write_png


@pytest.fixture
def data(limnet, ball, ball_truth):
    """Two balls with segmentations, and a volume without."""
    folder = limnet.folder / "data"
    folder.mkdir()
    for name in ("one", "two", "three"):
        limnet.write_image(f"data/{name}.nrrd", ball.array)
    for name in ("one", "two"):
        limnet.write_image(f"data/{name}_seg.nrrd", ball_truth.astype(np.uint8))
    return folder


def test_a_folder_of_ones_own_is_listed_and_can_be_evaluated(limnet, data):
    manifest = data / "manifest.json"
    limnet("manifest", data, "-o", manifest, "--modality", "MR")
    assert limnet.code == 0, limnet.err
    assert "2 volumes with 2 targets; skipped 1" in limnet.out
    assert "three: it has no segmentation" in limnet.out
    content = json.loads(manifest.read_text())
    assert content["format"] == 1
    assert content["volumes"][0] == {
        "name": "one",
        "image": "one.nrrd",
        "labels": "one_seg.nrrd",
        "modality": "MR",
        "targets": {"object": 1},
        "size_zyx": [16, 16, 16],
        "spacing_zyx": [3.0, 0.5, 0.75],
    }
    limnet("evaluate", manifest, "--rounds", 1)
    assert limnet.code == 0, limnet.err


def test_names_and_a_folder_above(limnet, data):
    (limnet.folder / "names.json").write_text('{"1": "ball"}')
    words = ("--names", limnet.folder / "names.json", "--slices", "sagittal", "--limit", 1)
    limnet("manifest", data, "-o", limnet.folder / "all.json", *words)
    assert limnet.code == 0, limnet.err
    (entry,) = json.loads((limnet.folder / "all.json").read_text())["volumes"]
    assert (entry["image"], entry["targets"]) == ("data/one.nrrd", {"ball": 1})
    assert entry["slice_axis"] == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--dataset", "msd"), "dataset.json"),
        (("--dataset", "msd", "--modality", "CT"), "--modality is for data of one's own"),
        (("--limit", 0), "the limit must be 1 or more"),
        (("--names", "gone.json"), "cannot be read"),
    ],
)
def test_what_cannot_be_listed_is_a_sentence(limnet, data, words, sentence):
    limnet("manifest", data, "-o", data / "m.json", *words)
    assert limnet.code == 1
    assert sentence in limnet.sentence
    assert not (data / "m.json").exists()


def test_a_manifest_elsewhere_is_a_sentence(limnet, data):
    (limnet.folder / "other").mkdir()
    limnet("manifest", data, "-o", limnet.folder / "other" / "m.json")
    assert limnet.code == 1
    assert "a folder above it" in limnet.sentence


def test_a_public_sequence_is_listed_and_evaluated_by_any_method(limnet):
    folder = limnet.folder / "DAVIS"
    for frame in range(3):
        label = np.zeros((24, 30), np.uint8)
        label[6:14, 5 + frame : 15 + frame] = 1
        image = np.repeat(label[..., None] * np.uint8(180) + np.uint8(30), 3, axis=-1)
        name = f"480p/bear/{frame:05d}"
        write_png(folder / "JPEGImages" / f"{name}.jpg", image)
        palette = [(0, 0, 0), (128, 0, 0)]
        write_palette_png(folder / "Annotations" / f"{name}.png", label, palette)
    manifest = folder / "manifest.json"
    limnet("manifest", folder, "--dataset", "davis", "-o", manifest)
    assert limnet.code == 0, limnet.err
    assert "1 volumes with 1 targets; skipped 0" in limnet.out
    for method in ("limnet", "region-growing", "random-walker"):
        out = limnet.folder / f"{method}.json"
        words = ("--method", method, "--rounds", 2, "--json", out)
        limnet("evaluate", manifest, *words)
        assert limnet.code == 0, limnet.err
        assert "davis_bear" in out.read_text()


def test_every_reader_can_be_asked_for():
    from SlicerLIMNet.cli.manifest import DATASETS

    assert tuple(READERS) == tuple(sorted(READERS, key=DATASETS.index))
    assert set(READERS) == set(DATASETS)


def test_the_choice_of_parameters_prints_the_best_of_each_method_first(limnet, data):
    limnet("manifest", data, "-o", data / "m.json")
    words = ("--targets", 1, "--rounds", 1, "--method", "region-growing", "--json")
    limnet("baselines", data / "m.json", *words)
    assert limnet.code == 0, limnet.err
    trials = limnet.json["trials"]
    assert limnet.json["volumes"] == ["one"]
    assert {trial["method"] for trial in trials} == {"region-growing"}
    assert trials[0]["dice"] == max(trial["dice"] for trial in trials)
    assert trials[0]["parameters"]["multiplier"] > 0
    limnet("baselines", data / "m.json", "--targets", 0)
    assert limnet.code == 1


def test_the_commands_know_the_methods_without_importing_them():
    from SlicerLIMNet.cli.baselines import METHODS
    from SlicerLIMNet.evaluation.baselines.methods import BASELINES

    assert tuple(BASELINES) == METHODS
