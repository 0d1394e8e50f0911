"""Fine-tuning end to end on volumes of a few kilobytes, and what is said of its gain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.networks.weights import build_network, load_weights, save_weights
from SlicerLIMNet.session.engine_networks import weights_in
from SlicerLIMNet.training.finetune import (
    FinetuneConfig,
    FinetuneReport,
    MeasuredObject,
    finetune,
)
from Testing.unit.training.tiny_data import write_volumes

NETWORKS = {
    "prompt": ("light-prompt", {"widths": {"eighth": 80}}),
    "memory": ("light-memory", {"with_place": True}),
    "quality": ("quality", {"kind": "small"}),
}


def write_networks(folder: Path) -> dict[str, Path]:
    """Write new networks of unusual widths and return their files."""
    torch.manual_seed(1)
    for role, (network, configuration) in NETWORKS.items():
        save_weights(
            folder / f"{role}.safetensors",
            build_network(network, configuration),
            network=network,
            configuration=configuration,
            trained_on="nothing",
        )
    return weights_in(folder)


def test_new_weights_are_written_and_measured_on_volumes_not_trained_on(tmp_path):
    base, told = write_networks(tmp_path / "base"), []
    config = FinetuneConfig(
        write_volumes(tmp_path),
        tmp_path / "mine",
        steps=2,
        batch=2,
        rounds=1,
        most_objects=1,
        device="cpu",
    )
    report = finetune(config, base, told.append)
    assert told[0] == "2 volumes to learn from, 1 to measure on"
    (measured,) = report.objects
    assert measured.volume not in report.trained_volumes
    assert len(measured.before) == len(measured.after) == 1
    found = weights_in(tmp_path / "mine")
    assert set(found) == {"prompt", "memory"}
    for role, path in found.items():
        new, info = load_weights(path)
        old, _ = load_weights(base[role])
        assert (info.network, dict(info.configuration)) == NETWORKS[role]
        pairs = zip(new.parameters(), old.parameters(), strict=True)
        assert any(not torch.equal(one, other) for one, other in pairs)
    with pytest.raises(ConfigError, match="other volumes or settings"):
        finetune(replace(config, steps=3), base)
    stored = json.loads((tmp_path / "mine" / "report.json").read_text())
    assert stored["better"] is False
    assert "too few" in stored["verdict"]


def report_of(*gains: float) -> FinetuneReport:
    objects = [
        MeasuredObject(f"case{number}", "liver", [0.2, 0.5], [0.1, 0.5 + gain])
        for number, gain in enumerate(gains)
    ]
    return FinetuneReport(objects, [], {})


@pytest.mark.parametrize(
    ("gains", "is_better", "words"),
    [
        ((0.1, 0.2, 0.15), True, ": better"),
        ((0.1, 0.2), False, "too few"),
        ((-0.1, -0.2, 0.05), False, "not better; keep"),
        ((0.3, -0.1, -0.05), False, "may be chance"),
        ((0.0, 0.0, 0.0), False, "not better"),
    ],
)
def test_better_is_only_what_surely_is(gains, is_better, words):
    report = report_of(*gains)
    assert report.is_better is is_better
    assert words in report.verdict


def test_a_volume_with_many_objects_counts_once():
    objects = [MeasuredObject("one", str(n), [0.5], [0.9]) for n in range(9)]
    objects.append(MeasuredObject("two", "a", [0.5], [0.5]))
    assert FinetuneReport(objects, [], {}).gain.mean == pytest.approx(0.2)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"minutes": -1}, {"measured_share": 1.0}, {"rounds": 0}]
)
def test_numbers_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong)).replace("_", ".")):
        FinetuneConfig(tmp_path, tmp_path, **wrong)
