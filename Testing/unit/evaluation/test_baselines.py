import importlib
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import Cancelled, ConfigError
from SlicerLIMNet.evaluation.baselines.choice import spread_choice, try_candidates
from SlicerLIMNet.evaluation.baselines.grow_from_seeds import GrowFromSeeds
from SlicerLIMNet.evaluation.baselines.methods import (
    BASELINES,
    baseline_sessions,
    baseline_settings,
)
from SlicerLIMNet.evaluation.baselines.random_walker import RandomWalker
from SlicerLIMNet.evaluation.baselines.region_growing import RegionGrowing
from SlicerLIMNet.evaluation.baselines.session import BaselineSession
from SlicerLIMNet.evaluation.robot_rounds import run_rounds
from SlicerLIMNet.evaluation.robot_user import RobotUser
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.io.itk_images import to_image
from SlicerLIMNet.io.manifest import ManifestVolume
from SlicerLIMNet.metrics import dice

SPACING = (2.0, 1.0, 1.0)


METHODS = list(BASELINES)
TESTING = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _slicer_is_there(request, monkeypatch):
    """Slicer's own tool needs slicer-core, which the engine does without.

    That package takes every folder called slicer on Python's path for a part of itself, as
    Testing/slicer, which pytest puts there.
    """
    if "grow-from-seeds" not in request.node.name:
        return
    with monkeypatch.context() as patch, warnings.catch_warnings():
        patch.setattr(sys, "path", [p for p in sys.path if Path(p).resolve() != TESTING])
        warnings.simplefilter("ignore")  # of its own code, when it is first compiled
        importlib.import_module("slicer")  # `make install` brings it; without it this fails


@pytest.fixture
def block():
    """A bright block with a little noise in 12 x 32 x 40 voxels, and its truth."""
    truth = np.zeros((12, 32, 40), bool)
    truth[3:9, 8:22, 10:30] = True
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    voxels = (truth * 100 + noise).astype(np.float32)
    return Volume(voxels, Geometry(truth.shape, SPACING), "MR", "block"), truth


def rounds_of(session, *clicks):
    for click in clicks:
        session.add_click(click)
    list(session.run_round(CancelToken()))
    return session.mask_volume()


@pytest.mark.parametrize("method", METHODS)
def test_every_tool_finds_a_clear_block_from_one_click(block, method):
    volume, truth = block
    session = baseline_sessions(method)(volume, RoundConfig())
    assert not session.mask_volume().any()
    mask = rounds_of(session, Click(5, 14, 20))
    assert dice(truth, mask) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_every_tool_is_driven_by_the_robot_and_gives_the_same_twice(block, method):
    volume, truth = block
    curves = []
    for _ in range(2):
        session = baseline_sessions(method)(volume)
        user = RobotUser(truth, SPACING)
        curves.append([outcome.dice for outcome in run_rounds(session, truth, user, 3)])
    assert curves[0] == curves[1]
    assert len(curves[0]) == 3


@pytest.mark.parametrize("method", METHODS)
def test_clicks_are_obeyed_and_nothing_lies_outside_the_box(block, method):
    volume, _ = block
    mask = rounds_of(
        baseline_sessions(method)(volume),
        Click(5, 14, 20),
        Click(5, 14, 12, positive=False),
        Click(5, 26, 20),  # outside of the block
    )
    assert mask[5, 14, 20]
    assert mask[5, 26, 20]
    assert not mask[5, 11:18, 12].any()
    assert not mask[:, 0].any()
    assert not mask[:, :, -1].any()


@pytest.mark.parametrize("method", METHODS)
def test_a_large_box_is_worked_on_a_coarser_grid(block, method):
    volume, truth = block
    kinds = {"grow-from-seeds": GrowFromSeeds, "random-walker": RandomWalker}
    grower = kinds.get(method, RegionGrowing)(most_voxels=8000)
    mask = rounds_of(BaselineSession(volume, grower), Click(5, 14, 20))
    assert mask.shape == truth.shape
    assert dice(truth, mask) > 0.85


@pytest.mark.parametrize("method", METHODS)
def test_slices_in_a_row_of_one_and_colours_are_ordinary(method):
    truth = np.zeros((1, 24, 24), bool)
    truth[0, 6:15, 6:15] = True
    voxels = np.repeat((truth * 200).astype(np.uint8)[..., None], 3, axis=-1)
    volume = Volume(voxels, Geometry(truth.shape, (1, 1, 1)))
    mask = rounds_of(baseline_sessions(method)(volume), Click(0, 10, 10))
    assert dice(truth, mask) > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_a_negative_click_alone_marks_nothing(block, method):
    session = baseline_sessions(method)(block[0])
    assert not rounds_of(session, Click(5, 14, 20, positive=False)).any()


def test_a_random_walker_without_background_takes_all_and_without_doubt_leaves_all():
    grower = RandomWalker()
    values = np.zeros((2, 2, 2), np.float32)
    seeds = np.zeros((2, 2, 2), np.uint8)
    seeds[0] = 1
    assert (grower.grow(values, seeds, SPACING) == 1).all()
    seeds[1] = 2
    np.testing.assert_array_equal(grower.grow(values, seeds, SPACING), seeds == 1)


def test_region_growing_takes_the_interval_of_its_seeds_and_stops_at_walls():
    values = np.full((1, 1, 9), 0.5, np.float32)
    values[..., 7:] = 0.9
    seeds = np.zeros(values.shape, np.uint8)
    seeds[..., 4] = 1
    seeds[..., 2] = 2
    region = RegionGrowing(smoothing_steps=0).grow(values, seeds, SPACING)
    assert region.ravel().tolist() == [False] * 3 + [True] * 4 + [False] * 2


def test_the_window_of_the_first_click_or_a_given_one_is_used(block):
    class Grower:
        most_voxels = 1 << 30

        def grow(self, values, seeds, spacing_zyx_mm):
            self.seen = values
            return seeds == 1

    grower = Grower()
    rounds_of(BaselineSession(block[0], grower, window=Window(0, 200)), Click(5, 14, 20))
    assert grower.seen.max() == pytest.approx(block[0].array.max() / 200)
    rounds_of(BaselineSession(block[0], grower), Click(5, 14, 20))
    assert 1.0 < grower.seen.max() < 1.2  # a percentile is 1; nothing is cut off


def test_a_wish_to_stop_comes_before_the_work(block):
    session = baseline_sessions("region-growing")(block[0])
    session.add_click(Click(5, 14, 20))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        list(session.run_round(token))
    assert not session.mask_volume().any()


def test_a_tool_that_is_not_installed_is_named_before_any_work(monkeypatch):
    for method, module in (
        ("grow-from-seeds", "slicer"),
        ("random-walker", "skimage.segmentation"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ConfigError, match="pip install"):
            baseline_sessions(method)


def test_parameters_are_told_and_an_unknown_method_is_a_sentence():
    settings = baseline_settings("random-walker")
    assert {"beta", "most_voxels", "disc_radius_pixels", "least_reach_voxels"} <= set(settings)
    with pytest.raises(ConfigError, match="grow-from-seeds"):
        baseline_settings("magic")


def entry(name, targets):
    path = Path(name)
    return ManifestVolume(name=name, image=path, labels=path, modality="MR", targets=targets)


def test_the_choice_spreads_over_sources():
    names = ["ct_1", "ct_2", "ct_3", "mr_1", "us_1", "us_2", "pet_1"]
    volumes = [entry(name, {"a": 1}) for name in names] + [entry("none_1", {})]
    assert [v.name for v in spread_choice(volumes, 2)] == ["ct_1", "us_1"]
    assert [v.name for v in spread_choice(volumes, 4)] == ["ct_1", "mr_1", "us_1", "pet_1"]
    assert [v.name for v in spread_choice(volumes, 6)][4:] == ["ct_2", "us_2"]


def test_candidates_are_ordered_by_their_mean_over_rounds(block, tmp_path):
    volume, truth = block
    names = ("image.nrrd", "labels.nrrd")
    for name, voxels in zip(names, (volume.array, truth * np.uint8(3)), strict=True):
        sitk.WriteImage(to_image(voxels, volume.geometry), str(tmp_path / name))
    image, labels = (tmp_path / name for name in names)
    case = ManifestVolume("a", image, labels, "MR", {"x": 1, "y": 3})
    tried = {"region-growing": [RegionGrowing(multiplier=0.01, least_deviation=0), RegionGrowing()]}
    seen = []
    trials = try_candidates([case], 2, tried, seen.append)
    assert [trial.grower.multiplier for trial in trials] == [RegionGrowing().multiplier, 0.01]
    assert trials[0].score > trials[1].score
    assert len(trials[0].mean_dice) == 2
    assert (seen[-1].done, seen[-1].total) == (2, 2)
    with pytest.raises(ConfigError, match="no voxel of x"):
        try_candidates([replace(case, targets={"x": 1})], 1, tried)
