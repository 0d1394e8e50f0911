from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from SlicerLIMNet.errors import ConfigError, OutputError
from SlicerLIMNet.training.config import TrainConfig
from SlicerLIMNet.training.config_pool import configured_pool
from SlicerLIMNet.training.pool import Pool
from SlicerLIMNet.training.training_pack import KINDS, write_training_pack
from Testing.unit.training.tiny_data import (
    tiny_labels,
    tiny_voxels,
    write_images,
    write_manifest,
    write_volumes,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_volumes(folder)
    write_images(folder)
    return folder


@pytest.fixture(scope="module")
def config(folder) -> TrainConfig:
    return TrainConfig(
        str(folder / "train.json"),
        str(folder / "train2d.json"),
        str(folder / "cache"),
        held_out=("kbp_0.1$",),
    )


def from_pack(config: TrainConfig, path: Path, cache: Path) -> TrainConfig:
    return replace(config, volumes=None, images=None, pack=str(path), cache=str(cache))


def assert_same(one: Pool, other: Pool) -> None:
    assert one.weights == other.weights
    assert list(one.images) == list(other.images)
    lists = [(one.superpixels, other.superpixels)]
    lists += [(one.images[name], other.images[name]) for name in one.images]
    for images, others in lists:
        for image, like in zip(images, others, strict=True):
            np.testing.assert_array_equal(image.pixels, like.pixels)
            np.testing.assert_array_equal(image.labels, like.labels)
    targets, others = ([*chain(*pool.real.values()), *pool.pseudo] for pool in (one, other))
    for target, like in zip(targets, others, strict=True):
        assert (target.value, target.volume.name) == (like.value, like.volume.name)
        assert target.volume.window == like.volume.window
        np.testing.assert_array_equal(target.volume.voxels, like.volume.voxels)
        np.testing.assert_array_equal(target.volume.labels, like.volume.labels)


def test_a_pack_holds_everything_that_training_draws_from(config, tmp_path):
    path, cache = tmp_path / "pack.npz", tmp_path / "cache"
    assert write_training_pack(config, path) == []
    packed = from_pack(config, path, cache)
    assert_same(configured_pool(config), configured_pool(packed))
    assert not cache.exists()  # no region was made anew
    assert_same(
        configured_pool(config, only_held_out=True), configured_pool(packed, only_held_out=True)
    )


def test_the_same_data_make_the_same_pack(config, tmp_path):
    paths = [tmp_path / name for name in ("one.npz", "other.npz")]
    for path in paths:
        write_training_pack(config, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_is_left_out_is_not_in_the_pack(config, tmp_path):
    path = tmp_path / "pack.npz"
    write_training_pack(replace(config, leave_out=("011",)), path)
    with np.load(path, allow_pickle=False) as data:
        manifest = json.loads(data["manifest"].tobytes())
    assert [entry["name"] for entry in manifest["volumes"]] == ["kbp_001", "other_mr"]


def test_regions_that_do_not_fit_are_made_anew(config, tmp_path):
    path, cache = tmp_path / "pack.npz", tmp_path / "cache"
    write_training_pack(config, path)
    with zipfile.ZipFile(path) as archive:
        labels = {kind: archive.getinfo(f"{kind}-labels.npy").compress_size for kind in KINDS}
    assert min(labels.values()) > 0
    most = path.stat().st_size - labels["supervoxels"] // 2
    small = tmp_path / "small.npz"
    missing = write_training_pack(config, small, most)
    assert missing == ["supervoxels"]
    assert small.stat().st_size <= most
    assert_same(configured_pool(config), configured_pool(from_pack(config, small, cache)))


def test_images_that_do_not_fit_are_refused_and_nothing_is_left(config, tmp_path):
    with pytest.raises(OutputError, match="leave_out"):
        write_training_pack(config, tmp_path / "pack.npz", 1000)
    assert list(tmp_path.iterdir()) == []


def test_volumes_of_image_files_are_packed_without_loss(tmp_path):
    for name, voxels in (("a.nrrd", tiny_voxels(1)), ("b.nrrd", tiny_labels())):
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / name))
    entry = {"name": "a", "image": "a.nrrd", "labels": "b.nrrd", "modality": None}
    manifest = write_manifest(tmp_path / "m.json", "volumes", [{**entry, "targets": {"ball": 1}}])
    config = TrainConfig(str(manifest), cache=str(tmp_path / "cache"))
    write_training_pack(config, tmp_path / "pack.npz")
    packed = from_pack(config, tmp_path / "pack.npz", tmp_path / "other")
    assert_same(configured_pool(config), configured_pool(packed))


def test_a_pack_is_not_made_from_a_pack(config, tmp_path):
    with pytest.raises(ConfigError, match="manifests"):
        write_training_pack(from_pack(config, tmp_path / "a", tmp_path), tmp_path / "b.npz")


def pickled(path: Path) -> None:
    np.savez(path, manifest=np.array([{"format": 1}], dtype=object))


BROKEN = {
    "No such file": lambda path: None,
    "no archive": lambda path: path.write_bytes(b"nothing"),
    "no array manifest": lambda path: np.savez(path, other=np.zeros(2)),
    "objects instead": pickled,
    "its format is 'other'": lambda path: np.savez(
        path, manifest=np.frombuffer(b'{"format": "other"}', np.uint8)
    ),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_broken_pack_is_refused_by_name(config, tmp_path, sentence):
    path = tmp_path / "pack.npz"
    BROKEN[sentence](path)
    with pytest.raises(ConfigError, match=f"pack.npz.*{sentence}"):
        configured_pool(from_pack(config, path, tmp_path))
