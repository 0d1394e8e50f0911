import json

import pytest
import torch

from SlicerLIMNet.networks.import_ritm import published_name
from SlicerLIMNet.networks.light_memory import LightMemoryNetwork
from SlicerLIMNet.networks.prompt_network import RitmNetwork
from SlicerLIMNet.networks.weights import load_weights, save_weights, write_checksums
from Testing.unit.networks.test_import_xmem import empty_state


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's folder of weights, empty."""
    monkeypatch.setenv("LIMNET_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "Models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def ritm_file(tmp_path):
    """A published checkpoint of the small size, with a tensor that belongs to nothing."""
    state = {
        published_name(name): tensor for name, tensor in RitmNetwork("h18s").state_dict().items()
    }
    path = tmp_path / "published.pth"
    torch.save({"config": {"a": 1}, "state_dict": {**state, "extra.weight": torch.ones(2)}}, path)
    return path


@pytest.fixture
def xmem_file(tmp_path):
    path = tmp_path / "xmem.pth"
    torch.save(empty_state(), path)
    return path


def save_light(path):
    torch.manual_seed(0)
    save_weights(
        path,
        LightMemoryNetwork(),
        network="light-memory",
        configuration={},
        trained_on="nothing",
    )
    return path


def test_published_ritm_weights_become_ours(limnet, home, ritm_file):
    limnet(
        "weights", "import", "--kind", "ritm", ritm_file, "-o", limnet.folder / "new/p.safetensors"
    )
    assert limnet.code == 0, limnet.err
    assert "1 tensors in the file, but of no use here:\n  extra.weight" in limnet.out
    module, info = load_weights(limnet.folder / "new/p.safetensors", "ritm")
    published = torch.load(ritm_file, weights_only=True)["state_dict"]
    ours = module.state_dict()
    name = next(name for name in ours if name.startswith("main_head.") and name.endswith("weight"))
    torch.testing.assert_close(ours[name], published[published_name(name)], atol=1e-3, rtol=1e-3)
    assert info.configuration == {"size": "h18s"}
    assert info.metadata["preset"] == "paper"


def test_published_xmem_weights_go_where_the_preset_finds_them(limnet, home, xmem_file):
    limnet("weights", "import", "--kind", "xmem", xmem_file, "--json")
    assert limnet.code == 0, limnet.err
    path = home / "paper-memory.safetensors"
    assert limnet.json == {"output": str(path), "unmatched": [], "missing": []}
    assert load_weights(path, "xmem")[1].metadata["trained_on"] == "imported from xmem.pth"
    assert path.name in (home / "SHA256SUMS").read_text()


def test_weights_of_another_network_are_refused_and_nothing_is_written(limnet, home, xmem_file):
    out = limnet.folder / "p.safetensors"
    out.write_text("old")
    limnet("weights", "import", "--kind", "ritm", xmem_file, "-o", out)
    assert limnet.code == 1
    assert "expected a file of RITM" in limnet.sentence or "state_dict" in limnet.sentence
    assert out.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"no pickle at all", None])
def test_a_damaged_or_missing_checkpoint_is_a_sentence(limnet, home, content):
    path = limnet.folder / "bad.pth"
    if content is not None:
        path.write_bytes(content)
    limnet("weights", "import", "--kind", "xmem", path)
    assert limnet.code == 1
    assert "Traceback" not in limnet.err
    assert "bad.pth" in limnet.sentence


def test_the_list_describes_every_file(limnet, home):
    save_light(home / "light-memory-v9.safetensors")
    limnet("weights", "list")
    assert "light-memory-v9.safetensors" in limnet.out
    assert "light-memory, preset light" in limnet.out
    limnet("weights", "list", "--json")
    row = next(row for row in limnet.json if row["file"].endswith("light-memory-v9.safetensors"))
    assert row["parameters"] == sum(p.numel() for p in LightMemoryNetwork().parameters())


def test_whole_weights_are_verified(limnet, home):
    path = save_light(home / "light-memory-v9.safetensors")
    limnet("weights", "verify", path)
    assert limnet.code == 0
    assert "whole, but no checksum is known" in limnet.out
    write_checksums(home)
    limnet("weights", "verify", path)
    assert limnet.out.strip().endswith("whole")


def test_a_changed_byte_is_found(limnet, home):
    path = save_light(home / "light-memory-v9.safetensors")
    write_checksums(home)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert limnet("weights", "verify", path).code == 1
    assert "checksum" in limnet.sentence


def test_a_listed_file_that_is_gone_is_found(limnet, home):
    path = save_light(home / "light-memory-v9.safetensors")
    write_checksums(home)
    path.unlink()
    assert limnet("weights", "verify").code == 1
    assert "light-memory-v9.safetensors is not there" in limnet.err


def test_a_damaged_file_does_not_hide_the_others(limnet, home):
    save_light(home / "light-memory-v9.safetensors")
    (home / "a-bad.safetensors").write_bytes(b"nothing")
    assert limnet("weights", "verify").code == 1
    assert "a-bad.safetensors" in limnet.err
    assert "light-memory-v9.safetensors: whole" in limnet.out
    limnet("weights", "list", "--json")
    assert limnet.code == 0
    faults = [row["fault"] for row in json.loads(limnet.out) if "fault" in row]
    assert len(faults) == 1


def test_weights_are_shrunk(limnet, tmp_path):
    path = save_light(tmp_path / "light.safetensors")
    small = tmp_path / "small.safetensors"
    limnet("weights", "shrink", path, "-o", small)
    assert limnet.code == 0, limnet.err
    assert "7.6 MB" in limnet.out
    assert small.stat().st_size < 0.55 * path.stat().st_size
    _, info = load_weights(small, "light-memory")
    assert info.metadata["trained_on"] == "nothing"


def test_what_is_no_weights_file_is_not_shrunk(limnet, tmp_path):
    (tmp_path / "note.safetensors").write_text("no weights")
    limnet("weights", "shrink", tmp_path / "note.safetensors", "-o", tmp_path / "small.safetensors")
    assert limnet.code != 0
    assert "not a readable weights file" in limnet.err
    assert not (tmp_path / "small.safetensors").exists()
