from __future__ import annotations

import pickle

import pytest
import torch
from torch import Tensor

from SlicerLIMNet.errors import WeightsError
from SlicerLIMNet.networks.import_xmem import convert_published_xmem, load_published_xmem
from SlicerLIMNet.networks.memory_network import XMemNetwork
from Testing.parity.recipe_xmem import HERE


def empty_state() -> dict[str, Tensor]:
    """Return tensors of the published shapes that share one number, so a file of them is small."""
    state = {}
    for line in (HERE / "xmem_keys.txt").read_text().splitlines():
        name, size = line.split()
        shape = () if size == "scalar" else tuple(int(n) for n in size.split("x"))
        dtype = torch.long if size == "scalar" else torch.float32
        state[name] = torch.ones((), dtype=dtype).expand(shape)
    return state


@pytest.fixture
def state() -> dict[str, Tensor]:
    return empty_state()


def test_every_tensor_finds_its_place(state):
    published = convert_published_xmem(state, "file")
    with torch.device("meta"):
        expected = XMemNetwork().state_dict()
    assert published.channels == (64, 512, 64)
    assert published.unmatched == ()
    assert not published.single_object
    assert {n: t.shape for n, t in published.state_dict.items()} == {
        n: t.shape for n, t in expected.items()
    }


def test_a_file_and_a_training_checkpoint_give_the_same(state, tmp_path):
    torch.save(state, tmp_path / "plain.pth")
    torch.save({"it": 7, "network": state, "optimizer": {}}, tmp_path / "checkpoint.pth")
    plain = load_published_xmem(tmp_path / "plain.pth")
    checkpoint = load_published_xmem(tmp_path / "checkpoint.pth")
    assert plain.state_dict.keys() == checkpoint.state_dict.keys()
    assert checkpoint.unmatched == ()


def test_weights_for_one_object_get_a_zero_input_for_the_others(state):
    name = "value_encoder.conv1.weight"
    state[name] = state[name][:, :4]
    published = convert_published_xmem(state, "file")
    assert published.single_object
    assert published.state_dict[name][:, :4].eq(1).all()
    assert published.state_dict[name][:, 4:].eq(0).all()


def test_weights_without_sensory_memory_give_a_network_without_it(state):
    for name in [n for n in state if ".hidden_" in n]:
        del state[name]
    for part in ("conv1", "downsample"):
        name = f"decoder.fuser.block1.{part}.weight"
        state[name] = state[name][:, :1536]
    published = convert_published_xmem(state, "file")
    assert published.channels == (64, 512, 0)


def test_counters_may_be_missing_and_strangers_are_named(state):
    for name in [n for n in state if n.endswith("num_batches_tracked")]:
        del state[name]
    state["stranger.weight"] = torch.zeros(3)
    published = convert_published_xmem(state, "file")
    assert published.unmatched == ("stranger.weight",)
    assert published.state_dict["key_encoder.bn1.num_batches_tracked"] == 0


def test_a_missing_tensor_is_named(state):
    del state["key_encoder.bn1.bias"]
    with pytest.raises(WeightsError, match=r"lacks 1 tensors, the first is key_encoder.bn1.bias"):
        convert_published_xmem(state, "file")


def test_a_tensor_of_another_shape_is_named(state):
    state["decoder.pred.weight"] = torch.zeros(1, 128, 3, 3)
    with pytest.raises(WeightsError, match=r"has decoder.pred.weight of shape \(1, 128, 3, 3\)"):
        convert_published_xmem(state, "file")


def test_tensors_of_another_network_are_refused():
    with pytest.raises(WeightsError, match="expected a file of XMem"):
        convert_published_xmem({"conv1.weight": torch.zeros(3)}, "file")


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def test_files_that_are_no_weights_are_refused(tmp_path, capsys):
    (tmp_path / "code.pth").write_bytes(pickle.dumps(Hostile()))
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "noise.pth").write_bytes(b"noise")
    for name in ("code.pth", "list.pth", "noise.pth", "none.pth"):
        with pytest.raises(WeightsError, match=name):
            load_published_xmem(tmp_path / name)
    assert capsys.readouterr().out == ""
