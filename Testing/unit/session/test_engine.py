"""The engine: what it loads, what it refuses, and that sessions on it are exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import Preset, RoundConfig, preset_by_name
from SlicerLIMNet.domain.guides import NO_GUIDES
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ConfigError, DeviceError, WeightsError
from SlicerLIMNet.imaging.error_clicks import PixelClick
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.light_prompt import LightPromptNetwork
from SlicerLIMNet.networks.memory_interface import SliceFeatures
from SlicerLIMNet.networks.prompt_network import RitmNetwork
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.networks.weights import save_weights
from SlicerLIMNet.propagation.feature_cache import FeatureCache
from SlicerLIMNet.propagation.region import Region
from SlicerLIMNet.session.devices import choose_device, choose_precision, memory_of
from SlicerLIMNet.session.engine import Engine
from SlicerLIMNet.session.engine_networks import EngineNetworks, load_networks
from SlicerLIMNet.session.parts import OutOfDeviceMemory
from SlicerLIMNet.session.prompters import prompter_of
from SlicerLIMNet.session.propagators import PropagatorPool
from SlicerLIMNet.session.replay import replay
from SlicerLIMNet.session.session import Session
from Testing.session_days import CENTRE, UPPER, busy_day, finish_round
from Testing.tiny_engine import Hungry, tiny_engine, tiny_networks
from Testing.unit.networks.made_networks import lively


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A user's data folder, empty."""
    monkeypatch.setenv("LIMNET_HOME", str(tmp_path))
    (tmp_path / "Models").mkdir()
    return tmp_path


def test_an_unknown_option_is_refused():
    for options, message in (
        ({"preset": "heavy"}, "unknown preset 'heavy'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"precision": "int4"}, "unknown precision 'int4'"),
        ({"threads": 0}, "1 thread or more"),
        ({"weights": {"brain": "x"}}, "unknown network 'brain'"),
    ):
        with pytest.raises(ConfigError, match=message):
            Engine(**{"device": "cpu", **options})


def test_a_device_that_is_missing_is_said():
    with pytest.raises(DeviceError, match="no device cuda:99; choose cpu"):
        choose_device("cuda:99")


def test_the_processor_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_precision("auto", torch.device("cpu")) in (torch.float32, torch.bfloat16)


def test_missing_paper_weights_are_named_with_the_commands_that_bring_them(home):
    with pytest.raises(WeightsError) as caught:
        Engine("paper", "cpu")
    text = str(caught.value)
    for part in (
        "coco_lvis_h32_itermask.pth",
        f"limnet weights import --kind ritm coco_lvis_h32_itermask.pth -o {home}",
        f"limnet weights import --kind xmem XMem.pth -o {home}",
        "paper-quality.safetensors",
    ):
        assert part in text


def test_a_weights_file_of_another_role_is_refused(home):
    path = home / "judge.safetensors"
    save_weights(path, QualityNetwork(), network="quality", configuration={}, trained_on="nothing")
    with pytest.raises(WeightsError, match="quality network where the prompt network is needed"):
        Engine("light", "cpu", weights=dict.fromkeys(("prompt", "memory", "quality"), path))


def test_the_newest_version_of_a_network_is_taken(home):
    preset = Preset("toy", RoundConfig(), {"prompt": "toy-p", "memory": "toy-m"}, {})
    networks = {"light-prompt": LightPromptNetwork(), "light-memory": LightMemoryNetwork()}
    for stem, name in (
        ("toy-p-v2", "light-prompt"),
        ("toy-p-v10", "light-prompt"),
        ("toy-p-v3x", "light-prompt"),
        ("toy-m", "light-memory"),
    ):
        path = home / "Models" / f"{stem}.safetensors"
        with torch.no_grad():
            next(networks[name].parameters()).fill_(len(stem))
        save_weights(path, networks[name], network=name, configuration={}, trained_on="nothing")
    loaded = load_networks(preset, {}, with_fusion=False)
    assert float(next(loaded.prompt.parameters()).flatten()[0]) == len("toy-p-v10")
    assert loaded.quality is None
    assert set(loaded.sha256) == {"prompt", "memory"}


def test_presets_bring_their_defaults():
    assert preset_by_name("paper").round == RoundConfig(range="whole", memory="paper")
    assert tiny_engine().default_config == preset_by_name("light").round


def test_without_its_quality_network_an_engine_does_not_fuse(ball):
    engine = tiny_engine(networks=tiny_networks(with_quality=False))
    assert not engine.default_config.fusion
    session = Session(ball, engine)
    session.add_click(CENTRE)
    finish_round(session)
    with pytest.raises(ConfigError, match="no quality network"):
        engine.prefer([], [], [], [])


def test_the_engine_tells_what_results_depend_on():
    info = tiny_engine(precision="bfloat16").info.to_json()
    assert info["weights"] == {"prompt": "tiny"}
    assert (info["preset"], info["device"], info["precision"]) == ("light", "cpu", "bfloat16")
    assert info["threads"] == torch.get_num_threads()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("memory", ["permanent", "paper"])
def test_an_object_is_segmented_in_rounds(ball, ball_truth, precision, memory):
    session = Session(ball, tiny_engine(precision=precision), config=RoundConfig(memory=memory))
    for click in (CENTRE, Click(6, 8, 8)):
        session.add_click(click)
        finish_round(session)
    wrong = session.mask_volume() ^ ball_truth
    assert wrong.sum() < 0.1 * ball_truth.sum()
    assert session.next_slice_to_check() not in (6, 8, None)


def test_cached_features_make_the_same_masks(ball):
    states = []
    for budget_mib in (100, 0):
        networks = tiny_networks()
        session = Session(ball, tiny_engine(networks=networks, feature_cache_mib=budget_mib))
        busy_day(session)
        states.append(session.state)
    assert states[0] == states[1]


def test_sessions_on_one_volume_share_features(ball):
    networks = tiny_networks()
    engine = tiny_engine(networks=networks)
    for _ in range(2):
        session = Session(ball, engine, config=RoundConfig(range="whole"))
        session.add_click(CENTRE)
        finish_round(session)
        assert networks.memory.keys_made == 16 + 1  # every slice, and the reference by itself
    assert engine.feature_bytes > 0


def test_a_real_session_is_opened_and_replayed_bit_for_bit(ball, tmp_path):
    session = Session(ball, tiny_engine(), folder=tmp_path / "a.limnet")
    busy_day(session)
    assert Session.open(tmp_path / "a.limnet", ball, tiny_engine()).state == session.state
    assert replay(tmp_path / "a.limnet", ball, tiny_engine()).state == session.state


def test_out_of_memory_on_the_processor_is_said_and_nothing_is_lost(ball):
    session = Session(ball, tiny_engine(networks=tiny_networks(Hungry())))
    before = session.state
    with pytest.raises(DeviceError, match="no memory left"):
        session.add_click(CENTRE)
    assert session.state == before


def test_a_fallback_drops_features_and_shrinks_once(ball):
    engine = tiny_engine()
    session = Session(ball, engine)
    session.add_click(CENTRE)
    finish_round(session)
    assert engine.fall_back()
    assert engine.feature_bytes == 0
    assert engine.info.fallback == "small"
    assert not engine.fall_back()
    session.add_click(UPPER)
    finish_round(session)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_whatever_says_that_memory_ran_out_is_understood(error):
    message = "cpu has no memory left"
    with pytest.raises(OutOfDeviceMemory, match=message), memory_of(torch.device("cpu")):
        raise error


def test_other_errors_are_left_alone():
    with pytest.raises(RuntimeError, match="shape"), memory_of(torch.device("cpu")):
        raise RuntimeError("shape mismatch")


@pytest.mark.parametrize("build", [lambda: RitmNetwork("h18s"), LightPromptNetwork])
def test_both_prompt_networks_answer_and_hand_their_zoom_on(build):
    torch.manual_seed(0)
    ask = prompter_of(build().eval(), torch.device("cpu"), torch.float32)
    image = np.zeros((48, 40), np.float32)
    image[10:30, 12:30] = 1
    clicks = [PixelClick(20, 20, True)]
    previous = np.zeros((48, 40), np.float32)
    previous[12:28, 14:28] = 1
    first = ask(image, clicks, previous, None, NO_GUIDES)
    again = ask(image, clicks, previous, first.zoom, NO_GUIDES)
    assert first.probability.shape == image.shape
    assert first.probability.dtype == np.float32
    assert first.zoom is not None
    assert all(type(edge) is int for edge in first.zoom)
    assert again.zoom == first.zoom
    assert np.array_equal(again.probability, first.probability)


def test_the_stack_used_longest_ago_is_forgotten_when_memory_is_short():
    caches: list[FeatureCache] = []
    pool = PropagatorPool(lambda cache: caches.append(cache) or len(caches), budget_mib=1)
    large = torch.zeros(1, 150_000)  # 0.6 MB, so one fits and two do not
    features = SliceFeatures(large, torch.zeros(1, 1), torch.zeros(1, 1), ())
    for name, number in (("a", 1), ("b", 2), ("a", 1)):
        assert pool.take(name) == number
        pool.trim()
    for cache in caches:
        cache.put(range(1), Region((0, 16, 0, 16), 16), features)
    pool.trim()
    assert pool.bytes <= 2**20
    assert pool.take("a") == 1
    assert pool.take("b") == 3


def light_networks() -> EngineNetworks:
    """Return light networks with random weights."""
    torch.manual_seed(0)
    built = (LightPromptNetwork(), LightMemoryNetwork(with_place=True), QualityNetwork())
    prompt, memory, quality = (lively(network) for network in built)
    memory.decoder.head.weight.mul_(20)  # firm probabilities
    return EngineNetworks(prompt, memory, quality)


def light_engine(plain: bool = False) -> Engine:
    networks = light_networks()
    return Engine("light", "cpu", precision="float32", networks=networks, plain=plain)


def masks_of(engine: Engine, volume: Volume) -> np.ndarray:
    """Return the probabilities after rounds from an object that is drawn by hand."""
    session = Session(volume, engine, config=RoundConfig(range="whole", fusion_margin=0.01))
    rows, columns = np.ogrid[: volume.shape_zyx[1], : volume.shape_zyx[2]]
    disk = np.hypot(rows - 8, columns - 8) < 4
    for index in (7, 4):
        session.set_mask(disk, [index])
        session.add_click(Click(index + 1, 8, 8))
        finish_round(session)
    return session.probability_volume()


def test_the_fast_way_of_a_session_gives_the_masks_of_the_plain_one(ball):
    fast, plain = (masks_of(light_engine(plain), ball) for plain in (False, True))
    assert np.abs(fast.astype(int) - plain.astype(int)).max() <= 1
    assert len(np.unique(plain)) > 10


def test_networks_given_stay_as_they_are(ball):
    networks = light_networks()
    before = {name: tensor.clone() for name, tensor in networks.memory.state_dict().items()}
    engine = Engine("light", "cpu", precision="bfloat16", networks=networks)
    assert engine.networks.memory is not networks.memory
    after = networks.memory.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


@pytest.mark.parametrize("rows_columns", [(64, 64), (40, 70)])
def test_warming_up_uses_every_network_and_keeps_nothing(rows_columns):
    networks = tiny_networks()
    engine = tiny_engine(networks=networks)
    engine.warm_up(rows_columns)
    assert networks.memory.keys_made > 0
    assert networks.memory.values_made > 0
    assert engine.feature_bytes == 0


def test_a_warm_engine_gives_the_same_masks(ball):
    cold, warm = light_engine(), light_engine()
    warm.warm_up((16, 16))
    assert np.array_equal(masks_of(cold, ball), masks_of(warm, ball))


def test_the_light_prompt_network_keeps_its_precision():
    engine = Engine("light", "cpu", precision="bfloat16", networks=light_networks())
    assert next(engine.networks.prompt.parameters()).dtype is torch.float32
    assert next(engine.networks.memory.parameters()).dtype is torch.bfloat16
