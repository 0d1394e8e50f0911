"""Clicks: what the prompt network is asked, what is shown, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click, LpsClick
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import ClickError, SessionError
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.session import Session
from Testing.doubles import INSIDE

CENTRE = Click(slice_index=8, row=8, column=8)
ERASER = Click(slice_index=8, row=8, column=12, positive=False)


def finish_round(session: Session) -> None:
    for _ in session.run_round():
        pass


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_click_redraws_its_slice_and_waits_for_the_round(session_on_ball, plane):
    session = session_on_ball(plane)
    update = session.add_click(CENTRE)
    assert update.slice_index == 8
    assert update.mask.any()
    assert np.array_equal(session.shown_mask(8), update.mask)
    assert not session.fused_mask(8).any()


@pytest.mark.parametrize(
    "click", [Click(8, 99, 8), Click(8, 8, -1), Click(16, 8, 8), Click(-1, 8, 8)]
)
def test_a_click_outside_leaves_the_session_as_it_was(session_on_ball, click):
    session = session_on_ball("axial")
    with pytest.raises(ClickError, match="click on the image"):
        session.add_click(click)
    assert session.clicks == ()
    assert not session.can_undo


def test_a_click_at_a_patient_position_hits_the_voxel_there(networks):
    voxels = np.zeros((4, 5, 6), np.int16)
    voxels[2, 3, 1] = 1
    flipped = ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
    geometry = Geometry((4, 5, 6), (4.0, 2.0, 1.0), (7.0, -3.0, 5.0), flipped)
    session = Session(Volume(voxels, geometry), networks)
    point = geometry.index_zyx_to_lps((2, 3, 1))
    session.add_click(LpsClick(tuple(point)))
    assert session.clicks == (Click(2, 3, 1),)


def test_the_first_click_of_a_round_starts_from_the_fused_probabilities(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.add_click(ERASER)
    fused = session.state.current.result(8).probability
    assert np.array_equal(networks.previous_seen[-1], fused.dense())
    assert networks.previous_seen[-1].max() < 1


def test_later_clicks_of_a_round_start_from_the_map_after_the_last_click(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    assert not networks.previous_seen[-1].any()
    session.add_click(ERASER)
    assert networks.previous_seen[-1].max() == pytest.approx(float(INSIDE), abs=1 / 255)


def test_all_clicks_of_a_slice_are_asked_in_order_and_those_of_others_are_not(
    session_on_ball, networks
):
    session = session_on_ball()
    session.add_click(Click(7, 8, 8))
    finish_round(session)
    session.add_click(CENTRE)
    finish_round(session)
    session.add_click(ERASER)
    assert networks.clicks_seen[-1] == (CENTRE, ERASER)


def test_the_zoom_is_handed_on_within_a_round_and_forgotten_after_it(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    session.add_click(ERASER)
    assert session.state.current.prompts[8].zoom == (1, 2)
    finish_round(session)
    session.add_click(CENTRE)
    assert session.state.current.prompts[8].zoom == (3,)


def test_a_negative_first_click_gives_an_empty_mask_and_says_so(session_on_ball, networks):
    session = session_on_ball()
    update = session.add_click(ERASER)
    assert not update.mask.any()
    assert "positive click" in update.message
    assert networks.prompts_asked == 0
    finish_round(session)
    assert not session.mask_volume().any()


def test_a_positive_click_after_a_negative_one_finds_the_object(session_on_ball):
    session = session_on_ball()
    session.add_click(ERASER)
    update = session.add_click(CENTRE)
    assert update.mask.any()
    assert update.message == ""


def test_removing_a_click_of_this_round_is_as_if_it_had_never_been(session_on_ball):
    session, other = session_on_ball(), session_on_ball()
    for click in (CENTRE, ERASER, Click(8, 8, 4, positive=False)):
        session.add_click(click)
    session.remove_click(ERASER)
    other.add_click(CENTRE)
    other.add_click(Click(8, 8, 4, positive=False))
    assert session.state == other.state


def test_removing_the_only_click_of_this_round_brings_the_earlier_prompt_back(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    after_round = session.state
    session.add_click(ERASER)
    update = session.remove_click(ERASER)
    assert session.state == after_round
    assert np.array_equal(update.mask, session.fused_mask(8))


def test_removing_a_click_of_an_earlier_round_asks_anew_from_nothing(session_on_ball, networks):
    session = session_on_ball()
    session.add_click(CENTRE)
    session.add_click(ERASER)
    finish_round(session)
    update = session.remove_click(ERASER)
    assert not networks.previous_seen[-1].any()
    assert update.mask[8, 12]
    finish_round(session)
    assert session.fused_mask(8)[8, 12]


def test_a_slice_without_clicks_left_is_no_longer_prompted(session_on_ball):
    session = session_on_ball()
    session.add_click(CENTRE)
    finish_round(session)
    session.remove_click(CENTRE)
    assert session.state.current.prompts == {}
    with pytest.raises(SessionError, match="no click waits"):
        session.run_round()


def test_a_click_that_is_not_there_cannot_be_removed(session_on_ball):
    session = session_on_ball()
    with pytest.raises(ClickError, match="there is no positive click"):
        session.remove_click(CENTRE)
    session.add_click(CENTRE)
    with pytest.raises(ClickError, match="there is no negative click"):
        session.remove_click(ERASER)


def test_the_window_is_chosen_by_the_first_click_and_then_stays(networks):
    voxels = np.full((3, 64, 64), -800, np.int16)
    voxels[:, :32, :32] = 50
    voxels[0, 0, 0] = -1000
    session = Session(Volume(voxels, Geometry((3, 64, 64), (5, 1, 1)), "CT"), networks)
    session.add_click(Click(1, 50, 50))
    assert session.state.window == (-1000, 400)
    session.add_click(Click(1, 10, 10))
    assert session.state.window == (-1000, 400)
    assert session.window == session.stack.window == Window(-1000, 400)
    session.undo()
    session.undo()
    session.add_click(Click(1, 10, 10))
    assert session.state.window == (-160, 240)


def test_a_window_that_was_given_is_taken(session_on_ball):
    session = session_on_ball(window=Window(10, 20))
    session.add_click(CENTRE)
    assert session.state.window == (10, 20)


def test_there_are_no_images_before_the_first_click(session_on_ball):
    with pytest.raises(SessionError, match="before the first click"):
        _ = session_on_ball().stack
    with pytest.raises(SessionError, match="before the first click"):
        _ = session_on_ball(window=Window(0, 1)).window


def test_colour_volumes_are_clicked_like_grey_ones(networks, ball):
    colours = np.repeat(ball.array[..., None], 3, axis=3).astype(np.uint8)
    session = Session(Volume(colours, ball.geometry), networks)
    assert session.add_click(CENTRE).mask.any()
    finish_round(session)
    assert session.mask_volume().any()
