from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from SlicerLIMNet.errors import OutputError, WeightsError
from SlicerLIMNet.networks import weights
from SlicerLIMNet.networks.eight_bits import from_eight_bits, in_eight_bits
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.networks.weights import (
    CHECKSUMS,
    FORMAT,
    build_network,
    load_weights,
    models_folder,
    read_info,
    save_weights,
    user_models_folder,
    write_checksums,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A weights file with its checksum beside it."""
    torch.manual_seed(3)
    path = tmp_path / "light-quality-v1.safetensors"
    network = QualityNetwork("small")
    torch.nn.init.normal_(network.head.weight)
    save(path, network)
    write_checksums(tmp_path)
    return path


def save(path: Path, network: torch.nn.Module, **changes: object) -> None:
    options = {"network": "quality", "configuration": {"kind": "small"}, "trained_on": "nothing"}
    save_weights(path, network, **{**options, **changes})  # type: ignore[arg-type]


def rewrite(path: Path, metadata: dict[str, str]) -> None:
    """Store the same tensors with other metadata."""
    save_file(load_file(path), path, metadata=metadata)
    (path.parent / CHECKSUMS).unlink()


def test_a_network_comes_back_as_it_was_stored(file):
    first, info = load_weights(file, "quality")
    again = file.with_name("again.safetensors")
    save(again, first)
    second, _ = load_weights(again)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])
    assert info.configuration == {"kind": "small"}
    assert info.metadata["parameters"] == str(sum(p.numel() for p in first.parameters()))
    assert info.metadata["licence"] == "Apache-2.0"


def test_files_hold_half_precision_and_networks_full_precision(file):
    stored = load_file(file)
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    network, _ = load_weights(file)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_a_loaded_network_is_ready_to_infer(file):
    network, _ = load_weights(file)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("keep", [0, 7, 100, 5000, -1])
def test_a_file_that_was_cut_off_is_refused(file, keep):
    (file.parent / CHECKSUMS).unlink()
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="not a readable weights file"):
        load_weights(file)


def test_a_changed_byte_is_found_by_the_checksum(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="its checksum is not the one"):
        load_weights(file)


def test_a_header_that_promises_gigabytes_is_refused_before_they_are_allocated(file):
    (file.parent / CHECKSUMS).unlink()
    header = {
        "__metadata__": {"format": FORMAT, "network": "quality", "configuration": "{}"},
        "head.weight": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]},
    }
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 16)
    with pytest.raises(WeightsError, match="not a readable weights file"):
        load_weights(file)


@pytest.mark.parametrize("length", [1 << 62, (1 << 64) - 1])
def test_a_header_longer_than_the_file_is_refused(file, length):
    (file.parent / CHECKSUMS).unlink()
    file.write_bytes(struct.pack("<Q", length) + b"{}")
    with pytest.raises(WeightsError, match="not a readable weights file"):
        load_weights(file)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(WeightsError, match="is not there"):
        load_weights(tmp_path / "nowhere.safetensors")


def test_a_file_of_another_network_is_refused(file):
    with pytest.raises(WeightsError, match="holds a quality network where light-prompt is needed"):
        load_weights(file, "light-prompt")


def test_a_file_of_another_project_is_refused(file):
    rewrite(file, {"format": "pt"})
    with pytest.raises(WeightsError, match="limnet weights import"):
        load_weights(file)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "os.system"},
        {"configuration": '{"kind": "huge"}'},
        {"configuration": '{"colour": 1}'},
        {"configuration": "[1, 2]"},
        {"configuration": "{"},
    ],
)
def test_metadata_that_build_no_network_are_refused(file, changes):
    metadata = {"format": FORMAT, "network": "quality", "configuration": '{"kind": "small"}'}
    rewrite(file, {**metadata, **changes})
    with pytest.raises(WeightsError):
        load_weights(file)


def test_tensors_of_another_configuration_are_refused_with_their_names(file):
    metadata = {"format": FORMAT, "network": "quality", "configuration": '{"kind": "resnet18"}'}
    rewrite(file, metadata)
    with pytest.raises(WeightsError, match=r"does not fit its network.*missing"):
        load_weights(file)


def test_weights_that_are_not_finite_are_refused(file):
    network, _ = load_weights(file)
    with torch.no_grad():
        network.head.weight[0, 0] = float("nan")
    save(file, network)
    write_checksums(file.parent)
    with pytest.raises(WeightsError, match="not finite"):
        load_weights(file)


def test_a_file_that_no_checksum_lists_is_not_checked(file):
    (file.parent / CHECKSUMS).write_text("0" * 64 + "  other.safetensors\n")
    assert not weights.verify_checksum(read_info(file))
    load_weights(file)


def test_a_file_that_cannot_be_written_leaves_the_old_one(file):
    before = file.read_bytes()
    file.with_name(file.name + ".part").mkdir()  # where the new one would be written
    with pytest.raises(OutputError, match="could not be written"):
        save(file, QualityNetwork("small"))
    assert file.read_bytes() == before


@pytest.mark.parametrize("network", sorted(weights.BUILDERS))
def test_every_registered_network_can_be_built(network):
    if network == "xmem":
        with torch.device("meta"):  # 62M parameters that nobody reads
            built = build_network(network, {})
    else:
        built = build_network(network, {"size": "h18s"} if network == "ritm" else {})
    assert isinstance(built, torch.nn.Module)


def test_the_models_lie_beside_the_package():
    assert models_folder().parts[-2:] == ("Resources", "Models")


def test_imported_models_live_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("LIMNET_HOME", str(tmp_path))
    assert user_models_folder() == tmp_path / "Models"
    monkeypatch.delenv("LIMNET_HOME")
    assert "limnet" in str(user_models_folder())


def test_eight_bits_are_half_as_large_and_nearly_the_same(file):
    network, _ = load_weights(file)
    small = file.with_name("small.safetensors")
    save(small, network, eight_bits=True)
    assert small.stat().st_size < 0.6 * file.stat().st_size
    again, info = load_weights(small, "quality")
    assert info.configuration == {"kind": "small"}
    for name, tensor in network.state_dict().items():
        other = again.state_dict()[name]
        if tensor.ndim < 2:
            assert torch.equal(other, tensor)
            continue
        largest = tensor.flatten(1).abs().amax(dim=1)  # of each output channel
        nearly = largest.reshape(-1, *[1] * (tensor.ndim - 1)) / 250
        assert bool(((other - tensor).abs() <= nearly).all()), name


def test_eight_bits_without_their_steps_are_refused(file):
    network, _ = load_weights(file)
    save(file, network, eight_bits=True)
    stored = load_file(file)
    steps = [name for name in stored if name.endswith(".step")]
    assert steps
    kept = {name: tensor for name, tensor in stored.items() if name not in steps}
    metadata = dict(read_info(file).metadata)
    save_file(kept, file, metadata=metadata)
    (file.parent / CHECKSUMS).unlink()
    with pytest.raises(WeightsError, match="of another shape or kind"):
        load_weights(file)


def test_channels_of_nothing_stay_nothing():
    empty = {"a": torch.zeros(64, 64)}
    assert torch.equal(from_eight_bits(in_eight_bits(empty))["a"], empty["a"])
