"""Clicks in another plane: a new sequence over the fused volume."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.plane import Plane, covering_plane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ClickError
from SlicerLIMNet.session.round_plan import ANCHOR_SHARE
from SlicerLIMNet.session.session import Session

CENTRE = Click(slice_index=8, row=8, column=8)
ERASER = Click(slice_index=8, row=8, column=8, positive=False)


def finish_round(session: Session) -> None:
    for _ in session.run_round():
        pass


@pytest.fixture
def axial(session_on_ball) -> Session:
    """A session with one axial round behind it."""
    session = session_on_ball("axial")
    session.add_click(CENTRE)
    finish_round(session)
    return session


def test_the_fused_volume_goes_along_with_provenance_given(axial):
    before = axial.probability_volume()
    axial.add_click(CENTRE, Plane(2))
    assert axial.plane == Plane(2)
    assert np.array_equal(axial.probability_volume(), before)
    assert {str(result.provenance) for result in axial.results} == {"given"}
    assert axial.clicks == (CENTRE,)


def test_the_previous_mask_of_the_click_is_the_fused_volume_cut_anew(axial, networks):
    expected = axial.probability_volume()[:, 8, :].astype(np.float32) / np.float32(255)
    axial.add_click(CENTRE, Plane(1))
    assert np.array_equal(networks.previous_seen[-1], expected)


def test_clicks_and_prompts_of_the_old_plane_are_no_references(axial, networks):
    axial.configure(RoundConfig(memory="paper"))
    axial.add_click(Click(6, 8, 8), Plane(1))
    finish_round(axial)
    assert networks.references_seen[-1] == (6,)


def test_a_correction_in_the_new_plane_ends_at_given_masks_on_either_side(axial, networks):
    axial.configure(RoundConfig(fusion=False))
    before = axial.probability_volume()
    given = sorted(np.flatnonzero((before >= 128).any(axis=(0, 2))).tolist())
    away = round(ANCHOR_SHARE * len(given))
    networks.drift = 3
    axial.add_click(Click(8, 8, 8), Plane(1))
    finish_round(axial)
    assert networks.references_seen[-1] == (8 - away, 8, 8 + away)
    after = axial.probability_volume()
    changed = np.flatnonzero((after != before).any(axis=(0, 2)))
    assert changed.size
    assert set(changed.tolist()) <= set(range(8 - away + 1, 8 + away))


def test_a_correction_where_nothing_was_given_spreads_to_the_end(axial, networks):
    """What is missing altogether is found, too."""
    given = np.flatnonzero(axial.mask_volume().any(axis=(0, 2)))
    axial.add_click(Click(int(given[-1]), 8, 8), Plane(1))
    finish_round(axial)
    references = networks.references_seen[-1]
    assert len(references) == 2
    assert max(references) == given[-1]


def test_a_given_mask_stays_unless_the_judge_is_sure_of_the_new_one(axial, networks):
    networks.drift, networks.preference = 2, 0.45
    before = axial.mask_volume()
    axial.add_click(Click(8, 8, 8), Plane(1))
    finish_round(axial)
    assert networks.slices_judged > 0
    assert np.array_equal(axial.mask_volume(), before)
    axial.undo()
    networks.preference = 0.35
    finish_round(axial)
    assert not np.array_equal(axial.mask_volume(), before)


def test_fusion_takes_part_from_the_first_round_of_the_new_plane(axial, networks):
    networks.drift, networks.preference = 2, 1.0
    before = axial.mask_volume()
    axial.add_click(Click(8, 8, 8), Plane(1))
    finish_round(axial)
    assert networks.slices_judged > 0
    assert np.array_equal(axial.mask_volume(), before)


def test_prompted_and_locked_slices_of_the_old_plane_are_not_overwritten(axial, networks):
    axial.lock(5)
    axial.configure(RoundConfig(fusion=False))
    before = axial.probability_volume()
    networks.drift = 3
    axial.add_click(Click(8, 8, 8, positive=False), Plane(1))
    finish_round(axial)
    after = axial.probability_volume()
    assert np.array_equal(after[[5, 8]], before[[5, 8]])
    assert not np.array_equal(after[[6, 7]], before[[6, 7]])


def test_the_change_of_plane_belongs_to_the_click(axial):
    before = axial.state
    axial.add_click(CENTRE, Plane(1))
    axial.undo()
    assert axial.state == before
    assert axial.plane == Plane(0)


def test_a_click_outside_does_not_change_the_plane(axial):
    before = axial.state
    with pytest.raises(ClickError):
        axial.add_click(Click(99, 8, 8), Plane(1))
    assert axial.state == before


def test_on_return_clicks_prompts_locks_and_scores_serve_again(axial, networks):
    axial.lock(3)
    before = axial.state.current
    axial.add_click(CENTRE, Plane(1))
    axial.add_click(Click(10, 8, 8), Plane(0))
    now = axial.state.current
    assert axial.clicks == (CENTRE, Click(10, 8, 8))
    assert now.prompts[8].probability == before.prompts[8].probability
    assert now.locked == {3}
    assert now.results[8] == before.results[8]
    finish_round(axial)
    assert {3, 8, 10} <= set(networks.references_seen[-1])


def test_slices_that_the_other_plane_changed_are_given_on_return(axial, networks):
    axial.configure(RoundConfig(fusion=False))
    networks.drift = 3
    axial.add_click(ERASER, Plane(1))
    finish_round(axial)
    axial.add_click(Click(10, 8, 8), Plane(0))
    assert str(axial.results[8].provenance) == "round 1"
    assert str(axial.results[7].provenance) == "given"
    assert axial.results[7].score is None


def test_a_prompt_mask_that_waits_is_kept_when_the_plane_changes(session_on_ball):
    session = session_on_ball("axial")
    update = session.add_click(CENTRE)
    session.add_click(CENTRE, Plane(1))
    assert np.array_equal(session.mask_volume()[8], update.mask)
    session.undo()
    assert not session.mask_volume().any()


def test_a_first_click_in_another_plane_starts_without_a_previous_result(session_on_ball):
    session = session_on_ball("axial")
    session.add_click(CENTRE, Plane(2))
    assert {str(result.provenance) for result in session.results} == {"none"}


@pytest.fixture
def slanted(ball):
    """An oblique plane that reaches every voxel of the ball's volume."""
    return covering_plane(ball.geometry, (0, 0.8, 0.6), (1, 0, 0))


def click_in(session: Session, plane, index_zyx) -> Click:
    """Return the click that hits a voxel in a plane."""
    from SlicerLIMNet.session.planes import stack_of

    point = session.volume.geometry.index_zyx_to_lps(index_zyx)
    return stack_of(session.volume, plane).click_from_lps(point)


def test_an_oblique_plane_segments_the_object(ball, networks, slanted, ball_truth):
    session = Session(ball, networks, slanted)
    session.add_click(click_in(session, slanted, (8, 8, 8)))
    finish_round(session)
    wrong = session.mask_volume() ^ ball_truth
    assert wrong.sum() < 0.2 * ball_truth.sum()


def test_an_oblique_plane_leaves_voxels_alone_that_it_did_not_change(axial, networks, slanted):
    axial.configure(RoundConfig(range=0, fusion=False))
    before = axial.probability_volume()
    click = click_in(axial, slanted, (5, 8, 8))
    axial.add_click(click, slanted)
    assert np.array_equal(axial.probability_volume(), before)
    axial.add_click(Click(click.slice_index, click.row, click.column, positive=False))
    finish_round(axial)
    after = axial.probability_volume()
    changed = np.argwhere(after != before)
    assert len(changed)
    assert 8 not in changed[:, 0]
    places = slanted.geometry.lps_to_index_zyx(
        axial.volume.geometry.index_zyx_to_lps(changed.astype(float))
    )
    assert np.abs(places[:, 0] - click.slice_index).max() <= 0.5 + 1e-6


def test_on_return_to_an_oblique_plane_nothing_was_lost(axial, networks, slanted):
    click = click_in(axial, slanted, (7, 8, 8))
    axial.add_click(click, slanted)
    finish_round(axial)
    scores = [result.score for result in axial.results]
    volume = axial.probability_volume()
    axial.add_click(CENTRE, Plane(0))
    axial.undo()
    assert np.array_equal(axial.probability_volume(), volume)
    axial.redo()
    axial.remove_click(CENTRE)
    axial.add_click(click, slanted)
    assert [result.score for result in axial.results] == scores
    assert np.array_equal(axial.probability_volume(), volume)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_agree_on_flipped_and_anisotropic_grids(networks, axis):
    voxels = np.zeros((6, 9, 12), np.int16)
    voxels[2:5, 3:7, 4:9] = 100
    flipped = ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
    volume = Volume(voxels, Geometry((6, 9, 12), (3.0, 0.5, 1.5), (5, 6, 7), flipped), "MR")
    session = Session(volume, networks, Plane(axis))
    place = Plane(axis).from_zyx((3, 5, 6))
    session.add_click(Click(*place))
    finish_round(session)
    assert np.array_equal(session.mask_volume(), voxels > 0)
    for other in {0, 1, 2} - {axis}:
        session.add_click(Click(*Plane(other).from_zyx((3, 5, 6))), Plane(other))
        finish_round(session)
        assert np.array_equal(session.mask_volume(), voxels > 0)
