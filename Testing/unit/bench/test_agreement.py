"""How much masks depend on what makes rounds faster, on a made tube with the shipped weights."""

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK

from SlicerLIMNet.bench.agreement import WAYS, measure_agreement
from SlicerLIMNet.bench.engines import BenchEngines
from SlicerLIMNet.cli.bench import WAYS as OFFERED
from SlicerLIMNet.cli.main import main
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import Cancelled, ConfigError
from SlicerLIMNet.imaging.made_volumes import tube_volume
from SlicerLIMNet.io.manifest import read_manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """A manifest of two objects: a tube, and the lower part of it."""
    folder = tmp_path_factory.mktemp("tube")
    image, tube = tube_volume(
        (12, 40, 40), radius=7, drift_yx=(0.3, 0.2), first_last=(2, 9), contrast=100, noise=15
    )
    labels = tube.astype(np.uint8)
    labels[6:][tube[6:]] = 2
    for name, array in (("image", image), ("labels", labels)):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(folder / f"{name}.nrrd"))
    entry = {"name": "tube", "image": "image.nrrd", "labels": "labels.nrrd", "modality": "MR"}
    volumes = [{**entry, "targets": {"upper": 1, "lower": 2}}]
    path = folder / "manifest.json"
    path.write_text(json.dumps({"format": 1, "volumes": volumes}))
    return path


@pytest.fixture(scope="module")
def engines():
    return BenchEngines.load("light", "cpu", "float32", None, random_weights=False)


@pytest.fixture(scope="module")
def found(engines, manifest):
    return measure_agreement(engines, read_manifest(manifest), tuple(WAYS), rounds=2)


def test_exact_savings_change_no_mask(found):
    for way in ("float32", "plain"):
        assert found.to_json()["ways"][way]["dice_to_shipped"] == [1.0, 1.0]
        assert found.to_truth[WAYS[way]] == found.to_truth["as shipped"]
        assert found.to_json()["ways"][way]["dice_to_shipped_of_one_round"] == [1.0, 1.0]


def test_what_is_left_out_shows_in_the_rounds_that_leave_it_out(found):
    first, _ = found.to_json()["ways"]["anew"]["dice_to_shipped"]
    assert first == 1.0  # nothing is settled before a first round
    whole = found.to_json()["ways"]["whole-slices"]
    assert whole["dice_to_shipped"][0] < 1.0
    assert whole["dice_to_shipped_of_one_round"][0] == whole["dice_to_shipped"][0]


def test_every_object_and_round_is_told(found):
    figures = found.to_json()
    assert figures["objects"] == 2
    assert (figures["preset"], figures["precision"]) == ("light", "float32")
    assert set(figures["ways"]) == set(WAYS)
    assert all(len(rounds) == 2 for rounds in found.to_truth["as shipped"])
    text = "\n".join(found.lines())
    assert "2 objects; light, cpu, float32" in text
    assert all(name in text for name in WAYS.values())


def test_the_command_offers_all_ways_and_prints_json(capsys, manifest):
    assert set(OFFERED) == set(WAYS)
    words = ["bench", "--agreement", str(manifest), "--limit", "1", "--rounds", "1"]
    assert main([*words, "--against", "plain", "--precision", "float32", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["objects"] == 1
    assert figures["ways"]["plain"]["least_dice_to_shipped"] == 1.0


def test_bad_wishes_are_told(engines, manifest):
    volumes = read_manifest(manifest)
    with pytest.raises(ConfigError, match="1 object and 1 round"):
        measure_agreement(engines, volumes, limit=0)
    with pytest.raises(ConfigError, match="nothing to compare with"):
        measure_agreement(engines, volumes, ["faster"])
    with pytest.raises(ConfigError, match="random weights"):
        measure_agreement(replace(engines, has_random_weights=True), volumes)


def test_it_can_be_cancelled(engines, manifest):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        measure_agreement(engines, read_manifest(manifest), cancel=cancel)
