import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from SlicerLIMNet.bench.cases import PLANE, BenchSize, made_clicks, made_volume
from SlicerLIMNet.bench.engines import BenchEngines, has_files, random_networks
from SlicerLIMNet.bench.network_clock import NetworkClock
from SlicerLIMNet.bench.result import STEPS, BenchResult
from SlicerLIMNet.bench.runner import run_bench
from SlicerLIMNet.cli.main import main
from SlicerLIMNet.domain.config import preset_by_name
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.errors import Cancelled, ConfigError
from SlicerLIMNet.networks.packed_conv import PackedConv
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_packed_convolution_counts_as_the_plain_one(dtype):
    plain = torch.nn.Conv2d(8, 16, 3, padding=1).to(dtype)
    packed = PackedConv.of(plain)
    features = torch.rand(2, 8, 10, 12).to(dtype)
    ways = {
        "plain": lambda: plain(features),
        "alone": lambda: packed(features),
        "plus": lambda: packed.plus(features, torch.zeros(2, 16, 10, 12, dtype=dtype)),
        "onto": lambda: packed.onto(features, torch.zeros(2, 16, 10, 12, dtype=dtype)),
    }
    found = {}
    with torch.inference_mode():
        for name, way in ways.items():
            way()  # what is prepared at the first call does not count
            networks = SimpleNamespace(prompt=SimpleNamespace(forward=way), quality=None)
            networks.memory = SimpleNamespace(
                encode_key=None, encode_value=None, deep_update=None, decode=None
            )
            clock = NetworkClock()
            with clock.watching(networks, counts=True):
                networks.prompt.forward()
            found[name] = clock.work.gflop
    assert set(found.values()) == {2 * 2 * 16 * 10 * 12 * 8 * 9 / 1e9}


def test_every_step_is_measured(result):
    steps = set(STEPS) - {step for step in STEPS if step.startswith("naive")}
    assert set(result.seconds) == steps
    assert all(seconds > 0 for values in result.seconds.values() for seconds in values)
    assert result.ratios == {}
    assert result.dice_to_naive is None
    assert result.peak_mib is None or result.peak_mib > 10


def test_only_slices_that_the_network_saw_count(result):
    assert [result.work[step][-1].slices for step in ("first_round", "later_round")] == [4, 3]
    rates = result.slices_per_second
    assert rates["first_round"] == 4 / result.medians["first_round"]


def test_the_work_of_the_networks_is_told_from_the_rest(result):
    assert 0 < result.share_outside["first_round"] < 1
    assert result.gflop["first_round"] > result.gflop["later_round"] > 0
    assert result.share_of_machine["first_round"] > 0


def test_the_plain_path_does_the_same_work(engines):
    ticks = itertools.count()
    found = run_bench(engines, SIZE, 1, clock=lambda: float(next(ticks)), naive=True)
    assert set(found.seconds) == set(STEPS)
    assert set(found.ratios) == {
        "first", "later", "first_with_region_in_both", "later_with_region_in_both",
    }  # fmt: skip
    for step in ("first_round", "later_round"):
        slices = {
            found.work[f"{way}{step}"][-1].slices for way in ("", "naive_", "naive_in_region_")
        }
        assert len(slices) == 1
    assert found.dice_to_naive == 1
    assert "times faster than the plain path" in "\n".join(found.lines())


def test_the_plain_path_sees_whole_slices_in_their_own_resolution(engines):
    masks = [np.zeros((40, 33), bool)]
    assert engines.make_naive(in_region=False).choose_region(masks, None) == (-4, 44, -7, 41, 48)
    region = engines.make_naive(in_region=True).choose_region(masks, None)
    assert region == engines.make().choose_region(masks, None)


def test_kept_features_change_no_mask(result):
    assert result.same_masks
    assert result.feature_mib > 0


def test_json_says_what_the_figures_depend_on(result):
    content = json.loads(json.dumps(result.to_json()))
    assert content["volume"] == {"slices": 5, "pixels": 32}
    median = result.medians["first_round"]
    assert content["seconds"]["first_round"] == {"median": median, "least": median, "most": median}
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
    words = ["bench", "--slices", "5", "6", "--size", "32", "--repeats", "1", "--random-weights"]
    assert main([*words, "--precision", "float32", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["ratios"] == {"light": {}}
    assert [run["volume"]["slices"] for run in content["runs"]] == [5, 6]
    for run in content["runs"]:
        assert run["repeats"] == 1
        assert run["same_masks_with_and_without_cache"] is True


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
