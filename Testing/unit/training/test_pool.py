from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from SlicerLIMNet.errors import ConfigError
from SlicerLIMNet.training.pool import Pool, load_pool
from Testing.unit.training.tiny_data import (
    BALL,
    BAR,
    SHAPE,
    WINDOW,
    tiny_labels,
    tiny_voxels,
    write_images,
    write_manifest,
    write_volume,
    write_volumes,
)

NECK = "CT head and neck"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_volumes(folder)
    write_images(folder)
    return folder


def load(folder: Path, images: bool = True, **options) -> Pool:
    manifest = folder / "train2d.json" if images else None
    return load_pool(folder / "train.json", manifest, folder / "packs", **options)


@pytest.fixture(scope="module")
def pool(folder) -> Pool:
    return load(folder)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_volumes_are_read_as_they_were_written(pool):
    volume = pool.real["MR"][0].volume
    assert volume.name == "other_mr"
    assert volume.voxels.dtype == np.uint8
    assert np.abs(volume.voxels.astype(int) - tiny_voxels(len("other_mr"))).mean() < 8
    np.testing.assert_array_equal(volume.labels, tiny_labels())
    assert volume.spacing_zyx_mm == (1.0, 1.0, 1.0)
    assert volume.window == WINDOW
    assert volume.modality == "MR"
    assert volume.targets == (BALL, BAR)


def test_volumes_are_grouped_by_anatomy_and_unknown_ones_by_modality(pool):
    assert {group: len(targets) for group, targets in pool.real.items()} == {NECK: 4, "MR": 2}
    assert pool.weights == {NECK: 3.0, "MR": 1.0}


def test_a_target_knows_its_slices_along_every_axis(pool):
    ball, bar = pool.real["MR"]
    assert ball.value == BALL
    for axis in range(3):
        for target in (ball, bar):
            there = (tiny_labels() == target.value).any(axis=tuple({0, 1, 2} - {axis}))
            np.testing.assert_array_equal(target.slices[axis], np.flatnonzero(there))
    assert bar.slices[1].tolist() == list(range(44, 52))


def test_held_out_volumes_are_left_out_of_everything(folder):
    pool = load(folder, held_out=("kbp_0.1$",))
    assert list(pool.real) == ["MR"]
    assert {target.volume.name for target in pool.pseudo} == {"other_mr+"}


def test_only_held_out_volumes_come_without_made_objects(folder):
    pool = load(folder, held_out=("011",), only_held_out=True)
    assert {target.volume.name for target in pool.real[NECK]} == {"kbp_011"}
    assert pool.pseudo == []
    assert pool.images == {}
    assert pool.superpixels == []


def test_pseudo_objects_have_at_least_five_slices_and_labels_of_their_own(pool):
    assert pool.pseudo
    for target in pool.pseudo:
        assert len(target.slices[0]) >= 5
        assert (target.volume.labels == target.value).any()
        assert target.volume.name.endswith("+")
    assert (pool.real["MR"][0].volume.labels == tiny_labels()).all()


def test_images_come_grey_or_red_first(pool):
    assert {name: len(images) for name, images in pool.images.items()} == {"cells": 3, "skin": 2}
    grey, colour = pool.images["cells"][0], pool.images["skin"][0]
    assert grey.pixels.shape == SHAPE[1:]
    assert colour.pixels.shape == (*SHAPE[1:], 3)
    red, green, blue = colour.pixels.reshape(-1, 3).mean(axis=0)
    assert red > 1.5 * green > 1.5 * blue
    for image in (grey, colour):
        np.testing.assert_array_equal(image.labels, tiny_labels()[5])
        assert image.labels.dtype == np.uint16


def test_superpixels_fit_their_images(pool):
    groups = Counter(image.group for image in pool.superpixels)
    assert groups == {NECK: 10, "MR": 5, "cells": 2, "skin": 1}
    assert all(image.labels.shape == image.pixels.shape[:2] for image in pool.superpixels)
    assert any(image.labels.any() for image in pool.superpixels)


def test_anatomies_are_drawn_by_their_weight(pool):
    generator = rng()
    drawn = Counter(pool.draw_real(generator).volume.group for _ in range(600))
    assert drawn[NECK] / 600 == pytest.approx(0.75, abs=0.06)


def test_packs_are_drawn_evenly_whatever_their_size(pool):
    generator = rng()
    drawn = Counter(pool.draw_image(generator).group for _ in range(400))
    assert drawn["skin"] / 400 == pytest.approx(0.5, abs=0.08)


def test_a_seed_fixes_every_draw(pool):
    def draws(seed: int) -> list[int]:
        generator = rng(seed)
        kinds = (pool.draw_real, pool.draw_pseudo, pool.draw_image, pool.draw_superpixels)
        return [id(draw(generator)) for _ in range(8) for draw in kinds]

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


def test_made_objects_are_kept_and_found_again(folder, pool):
    files = sorted((folder / "packs").glob("*.npz"))
    before = [file.stat().st_mtime_ns for file in files]
    again = load(folder)
    assert [file.stat().st_mtime_ns for file in files] == before
    for one, other in zip(pool.superpixels, again.superpixels, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
    for one, other in zip(pool.pseudo, again.pseudo, strict=True):
        np.testing.assert_array_equal(one.volume.labels, other.volume.labels)


def test_as_many_other_images_do_not_get_the_superpixels_of_these(tmp_path):
    for name in ("first", "other-1"):
        entry = write_volume(tmp_path, name, "MR", (1, 1, 1))
        write_manifest(tmp_path / "train.json", "volumes", [entry])
        load(tmp_path, images=False)
    assert len(list((tmp_path / "packs").glob("superpixels-*.npz"))) == 2


def test_a_damaged_cache_is_made_anew(tmp_path):
    write_volumes(tmp_path)
    first = load(tmp_path, images=False)
    for file in (tmp_path / "packs").glob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    again = load(tmp_path, images=False)
    for one, other in zip(first.superpixels, again.superpixels, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
    assert not [path for path in (tmp_path / "packs").iterdir() if path.suffix != ".npz"]


def change_arrays(path: Path, **arrays: np.ndarray) -> None:
    with np.load(path) as data:
        kept = {name: data[name] for name in data.files}
    np.savez_compressed(path, **{**kept, **arrays})


def drop_array(folder: Path) -> None:
    path = folder / "train/kbp_001.npz"
    with np.load(path) as data:
        np.savez_compressed(path, slices=data["slices"], offsets=data["offsets"])


def edit_manifest(folder: Path, edit: Callable[[dict], object]) -> None:
    path = folder / "train.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


FAULTS: dict[str, Callable[[Path], object]] = {
    "train.json is not a training manifest": lambda f: (f / "train.json").unlink(),
    "train.json is not a": lambda f: (f / "train.json").write_text("{"),
    "is not a training manifest": lambda f: (f / "train.json").write_text("[]"),
    "manifest with 'volumes'": lambda f: (f / "train.json").write_text('{"packs": []}'),
    "an entry without all of": lambda f: edit_manifest(f, lambda m: m["volumes"][0].pop("targets")),
    "an entry without": lambda f: edit_manifest(f, lambda m: m["volumes"].append(7)),
    "kbp_001.npz is not a readable": lambda f: (f / "train/kbp_001.npz").unlink(),
    "is not a readable training": lambda f: (f / "train/kbp_001.npz").write_bytes(b"nothing"),
    "is not a readable": lambda f: cut_short(f / "train/kbp_001.npz"),
    "has no array labels": drop_array,
    "cannot be decoded": lambda f: change_arrays(
        f / "train/kbp_001.npz", slices=np.zeros(40_000, np.uint8)
    ),
    "labels of shape": lambda f: change_arrays(f / "train/kbp_001.npz", labels=tiny_labels()[1:]),
    "no voxel of its target 9": lambda f: edit_manifest(
        f, lambda m: m["volumes"][0]["targets"].update(ghost=9)
    ),
    "no labelled volume": lambda f: edit_manifest(f, lambda m: m.update(volumes=[])),
    "packs": lambda f: (f / "train2d.json").write_text("{}"),
    "cells.npz is not": lambda f: (f / "train2d/cells.npz").unlink(),
    "argument 2 is": lambda f: change_arrays(
        f / "train2d/cells.npz", label_offsets=np.zeros(1, np.int64)
    ),
}


@pytest.mark.parametrize("sentence", FAULTS)
def test_broken_data_are_refused_with_their_name(tmp_path, sentence):
    write_volumes(tmp_path)
    write_images(tmp_path)
    FAULTS[sentence](tmp_path)
    with pytest.raises(ConfigError, match=sentence):
        load(tmp_path)


def test_nothing_left_to_train_on_is_an_error(folder):
    with pytest.raises(ConfigError, match="held_out"):
        load(folder, held_out=(".*",))
