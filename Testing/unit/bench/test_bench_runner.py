import itertools
import json
from dataclasses import replace

import pytest
import torch

from SlicerLIMNet.bench.cases import PLANE, BenchSize, made_clicks, made_volume
from SlicerLIMNet.bench.engines import BenchEngines, has_files, random_networks
from SlicerLIMNet.bench.runner import BenchResult, run_bench
from SlicerLIMNet.cli.main import main
from SlicerLIMNet.domain.config import preset_by_name
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import Cancelled, ConfigError
from SlicerLIMNet.session.session import Session

SIZE = BenchSize(5, 32)


@pytest.fixture(scope="module")
def engines() -> BenchEngines:
    return BenchEngines.load("light", "cpu", "float32", None, random_weights=True)


@pytest.fixture(scope="module")
def result(engines) -> BenchResult:
    """Every call of the clock is a second after the one before."""
    ticks = itertools.count()
    return run_bench(engines, SIZE, repeats=1, clock=lambda: float(next(ticks)))


def test_every_step_is_measured(result):
    assert result.seconds == {
        "first_click": [1.0],
        "later_click": [1.0],
        "first_round": [1.0],
        "later_round": [1.0],
        "later_round_without_cache": [1.0],
    }
    assert result.ratios == {
        "later_to_first_round": 1.0,
        "later_round_with_to_without_cache": 1.0,
    }
    assert result.slices == (5, 5)


def test_kept_features_change_no_mask(result):
    assert result.same_masks
    assert result.feature_mib > 0


def test_json_says_what_the_figures_depend_on(result):
    content = json.loads(json.dumps(result.to_json()))
    assert content["volume"] == {"slices": 5, "pixels": 32}
    assert content["seconds"]["first_round"] == {"median": 1.0, "least": 1.0, "most": 1.0}
    assert (content["device"], content["precision"]) == ("cpu", "float32")
    assert content["threads"] == torch.get_num_threads()
    assert content["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert content["random_weights"] is True
    assert content["same_masks_with_and_without_cache"] is True


def test_the_table_says_that_weights_are_random(result):
    lines = "\n".join(result.lines())
    assert "random weights" in lines
    assert "the same masks, bit for bit" in lines
    assert "later round, no features kept" in lines


def test_engines_share_networks_and_differ_in_what_they_keep(engines):
    kept, other = engines.make(), engines.make(keeps_features=False)
    assert kept.info == other.info
    assert kept.feature_bytes == other.feature_bytes == 0


def test_with_random_weights_every_click_gives_a_disk(engines):
    volume, (click, _) = made_volume(SIZE), made_clicks(SIZE)
    update = Session(volume, engines.make(), PLANE).add_click(click)
    assert 60 < update.mask.sum() < 110  # a circle of radius 32 / 6


def test_random_networks_are_always_the_same_and_leave_the_chance_of_others_alone():
    before = torch.random.get_rng_state()
    one, two = random_networks("light"), random_networks("light")
    assert torch.equal(torch.random.get_rng_state(), before)
    pairs = zip(one.memory.parameters(), two.memory.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_bench_can_be_cancelled(engines):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run_bench(engines, SIZE, cancel=cancel)


def test_no_repeats_measure_nothing(engines):
    with pytest.raises(ConfigError, match="1 repeat or more"):
        run_bench(engines, SIZE, repeats=0)


def test_the_command_prints_json(capsys):
    words = ["bench", "--slices", "5", "--size", "32", "--repeats", "1", "--random-weights"]
    assert main([*words, "--precision", "float32", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["repeats"] == 1
    assert content["same_masks_with_and_without_cache"] is True


def test_a_bench_without_room_is_a_sentence(capsys):
    assert main(["bench", "--slices", "2"]) == 1
    assert "5 slices or more" in capsys.readouterr().err


def test_missing_weights_are_replaced_by_random_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMNET_HOME", str(tmp_path))
    preset = replace(preset_by_name("light"), weights={"prompt": "nowhere-prompt"})
    assert not has_files(preset)
    (tmp_path / "Models").mkdir()
    (tmp_path / "Models" / "nowhere-prompt-v2.safetensors").write_bytes(b"")
    assert has_files(preset)
