"""Weights files of one's own, by what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from SlicerLIMNet.errors import WeightsError
from SlicerLIMNet.networks.quality_network import QualityNetwork
from SlicerLIMNet.networks.weights import save_weights
from SlicerLIMNet.session.engine_networks import weights_in


def save(path: Path) -> Path:
    save_weights(
        path, QualityNetwork("small"), network="quality", configuration={}, trained_on="nothing"
    )
    return path


def test_files_are_known_by_what_they_hold(tmp_path):
    path = save(tmp_path / "whatever.safetensors")
    assert weights_in(tmp_path) == weights_in(path) == {"quality": path}


def test_two_files_for_one_role_are_refused(tmp_path):
    save(tmp_path / "a.safetensors")
    save(tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match=r"b\.safetensors is a second file for the quality"):
        weights_in(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="no weights files"):
        weights_in(tmp_path)
    with pytest.raises(WeightsError, match="is not there"):
        weights_in(tmp_path / "none.safetensors")
