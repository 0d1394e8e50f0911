from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from SlicerLIMNet.errors import ConfigError, WeightsError
from SlicerLIMNet.networks.import_ritm import load_published_ritm, our_name, published_name
from SlicerLIMNet.networks.prompt_network import RitmNetwork

CLICK_WEIGHT = "maps_transform.0.weight"
CONTEXT = "feature_extractor.ocr_distri_head.object_context_block"


@pytest.fixture(scope="module")
def network() -> RitmNetwork:
    torch.manual_seed(3)
    return RitmNetwork("h18s").eval()


@pytest.fixture
def published(network: RitmNetwork) -> dict[str, Tensor]:
    """The tensors of a file as the authors publish it."""
    return {published_name(name): tensor for name, tensor in network.state_dict().items()}


def _saved(path: Path, published: dict[str, Tensor]) -> Path:
    config = {"class": "isegm.model.is_hrnet_model.HRNetModel", "params": {"width": 99}}
    torch.save({"state_dict": published, "config": config}, path)
    return path


def test_a_published_file_gives_the_same_network(network, published, tmp_path):
    weights = load_published_ritm(_saved(tmp_path / "h18s.pth", published))
    assert (weights.size, weights.unmatched, weights.missing) == ("h18s", (), ())
    imported = RitmNetwork(weights.size).eval()
    imported.load_state_dict(weights.state_dict)
    inputs = torch.rand(1, 4, 32, 40), torch.tensor([[[5.0, 6.0, 0.0], [-1.0, -1.0, -1.0]]])
    with torch.no_grad():
        assert torch.equal(imported(*inputs).logits, network(*inputs).logits)


@pytest.mark.parametrize("size", ["h18", "h32"])
def test_the_size_is_read_from_shapes(size, tmp_path):
    state = {published_name(n): t for n, t in RitmNetwork(size).state_dict().items()}
    assert load_published_ritm(_saved(tmp_path / "x.pth", state)).size == size


def test_names_that_fit_nowhere_are_reported(published, tmp_path):
    extra = {"feature_extractor.last_layer.weight": torch.zeros(1), "head.bias": torch.zeros(1)}
    weights = load_published_ritm(_saved(tmp_path / "extra.pth", published | extra))
    assert weights.unmatched == tuple(extra)


def test_tensors_without_effect_may_be_missing(published, tmp_path):
    gone = [n for n in published if n.endswith("num_batches_tracked")]
    gone += [f"{CONTEXT}.f_object.0.weight"]
    for name in gone:
        del published[name]
    weights = load_published_ritm(_saved(tmp_path / "few.pth", published))
    assert set(weights.missing) == {our_name(name) for name in gone}
    RitmNetwork("h18s").load_state_dict(weights.state_dict)


def test_a_tensor_that_matters_may_not_be_missing(published, tmp_path):
    del published["feature_extractor.cls_head.bias"]
    with pytest.raises(WeightsError, match=r"lacks 1 tensors.*cls_head\.bias"):
        load_published_ritm(_saved(tmp_path / "headless.pth", published))


def test_a_tensor_of_another_shape_is_refused(published, tmp_path):
    published["feature_extractor.cls_head.weight"] = torch.zeros(2, 96, 1, 1)
    with pytest.raises(WeightsError, match=r"shape \(2, 96, 1, 1\); expected \(1, 96, 1, 1\)"):
        load_published_ritm(_saved(tmp_path / "two.pth", published))


def test_a_model_without_previous_mask_is_refused(published, tmp_path):
    published[CLICK_WEIGHT] = torch.zeros(16, 2, 1, 1)
    with pytest.raises(WeightsError, match="itermask"):
        load_published_ritm(_saved(tmp_path / "baseline.pth", published))


def test_an_unknown_size_is_refused(published, tmp_path):
    published[f"{CONTEXT}.f_pixel.0.weight"] = torch.zeros(50, 100, 1, 1)
    with pytest.raises(WeightsError, match="context width 50"):
        load_published_ritm(_saved(tmp_path / "odd.pth", published))


def test_a_file_of_another_network_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="expected a file of RITM"):
        load_published_ritm(_saved(tmp_path / "other.pth", {"conv.weight": torch.zeros(3)}))


@pytest.mark.parametrize(
    "content", [[1, 2], {"state_dict": 5}, {"model": {}}, {"state_dict": {"a": 1}}]
)
def test_a_file_without_tensors_by_name_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no 'state_dict'"):
        load_published_ritm(tmp_path / "list.pth")


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_hostile_pickle_is_refused_and_never_runs(legacy, published, tmp_path):
    content = {"state_dict": published, "config": Hostile(tmp_path / "mark")}
    path = tmp_path / "hostile.pth"
    if legacy:
        path.write_bytes(pickle.dumps(content["config"]))
    else:
        torch.save(content, path)
    with pytest.raises(WeightsError, match="was not read"):
        load_published_ritm(path)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("kept", [0, 1, 1000, 100_000])
def test_a_truncated_file_is_refused(kept, published, tmp_path):
    path = _saved(tmp_path / "cut.pth", published)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="damaged"):
        load_published_ritm(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        load_published_ritm(tmp_path / "nowhere.pth")


def test_an_unknown_size_of_the_network_is_refused():
    with pytest.raises(ConfigError, match="h18s, h18, h32"):
        RitmNetwork("h48")
