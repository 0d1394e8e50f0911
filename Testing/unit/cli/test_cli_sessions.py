import os
import signal

import numpy as np
import pytest

from SlicerLIMNet.io.labelmaps import read_labelmap
from Testing.doubles import FakeNetworks
from Testing.unit.cli.limnet_calls import CENTRE

FAR = {"slice": 5, "row": 8, "column": 8, "positive": True}
AWAY = {"slice": 9, "row": 8, "column": 8, "positive": False}
KEPT = ["kept.limnet", "kept.zip"]


class InterruptedNetworks(FakeNetworks):
    """Ctrl-C is pressed in the middle of a round, once or twice in a row."""

    def __init__(self, in_round, times=1):
        super().__init__()
        self.in_round = in_round
        self.times = times
        self.rounds = 0

    def spread(self, task, cancel):
        self.rounds += 1
        for done, found in enumerate(super().spread(task, cancel)):
            if self.rounds == self.in_round and done == 3:
                for _ in range(self.times):
                    os.kill(os.getpid(), signal.SIGINT)
            yield found


def masks(limnet, name="out.seg.nrrd"):
    return read_labelmap(limnet.folder / name)[0] > 0


@pytest.fixture
def in_one_call(limnet):
    """The mask of three rounds without any session."""
    limnet.write_clicks([CENTRE], [FAR], [AWAY]).segment(out="whole.nrrd")
    return masks(limnet, "whole.nrrd")


@pytest.mark.parametrize("name", KEPT)
def test_further_clicks_go_on_from_the_session(limnet, in_one_call, name):
    session = ("--session", limnet.folder / name, "--json")
    limnet.write_clicks([CENTRE]).segment(*session)
    limnet.write_clicks([FAR], [AWAY]).segment(*session)
    assert limnet.code == 0, limnet.err
    assert [entry["round"] for entry in limnet.json["rounds"]] == [2, 3]
    assert limnet.json["rounds_in_all"] == 3
    np.testing.assert_array_equal(masks(limnet), in_one_call)


@pytest.mark.parametrize("name", KEPT)
def test_the_same_clicks_with_more_at_the_end_are_not_made_twice(limnet, in_one_call, name):
    session = ("--session", limnet.folder / name, "--json")
    limnet.write_clicks([CENTRE], [FAR]).segment(*session)
    limnet.write_clicks([CENTRE], [FAR], [AWAY]).segment(*session)
    assert [entry["round"] for entry in limnet.json["rounds"]] == [3]
    np.testing.assert_array_equal(masks(limnet), in_one_call)


def test_the_same_call_again_writes_the_same(limnet, in_one_call):
    session = ("--session", limnet.folder / "kept.limnet")
    limnet.write_clicks([CENTRE], [FAR], [AWAY]).segment(*session)
    asked = limnet.networks.prompts_asked
    (limnet.folder / "out.seg.nrrd").unlink()
    assert limnet.segment(*session).code == 0
    assert limnet.networks.prompts_asked == asked
    assert "has had all these clicks before" in limnet.err
    np.testing.assert_array_equal(masks(limnet), in_one_call)


@pytest.mark.parametrize("name", KEPT)
def test_after_ctrl_c_the_same_call_goes_on(limnet, in_one_call, name):
    session = ("--session", limnet.folder / name, "--json")
    limnet.networks = InterruptedNetworks(in_round=2)
    limnet.write_clicks([CENTRE], [FAR], [AWAY]).segment(*session)
    assert limnet.code == 130
    assert "stopping after this slice" in limnet.err
    assert "the same call goes on from it" in limnet.sentence
    assert not (limnet.folder / "out.seg.nrrd").exists()
    limnet.networks = FakeNetworks()
    assert limnet.segment(*session).code == 0
    assert [entry["round"] for entry in limnet.json["rounds"]] == [2, 3]
    np.testing.assert_array_equal(masks(limnet), in_one_call)


def test_a_second_ctrl_c_stops_at_once_and_loses_nothing(limnet, in_one_call):
    session = ("--session", limnet.folder / "kept.limnet")
    limnet.networks = InterruptedNetworks(in_round=2, times=2)
    limnet.write_clicks([CENTRE], [FAR], [AWAY]).segment(*session)
    assert limnet.code == 130
    assert "Traceback" not in limnet.err
    limnet.networks = FakeNetworks()
    assert limnet.segment(*session).code == 0
    np.testing.assert_array_equal(masks(limnet), in_one_call)


def test_ctrl_c_works_as_before_once_a_command_is_over(limnet):
    before = signal.getsignal(signal.SIGINT)
    limnet.segment()
    assert signal.getsignal(signal.SIGINT) is before


def test_without_a_session_ctrl_c_says_what_would_have_helped(limnet):
    limnet.networks = InterruptedNetworks(in_round=1)
    assert limnet.segment().code == 130
    assert "--session" in limnet.sentence


def test_the_window_of_a_session_stays(limnet):
    session = ("--session", limnet.folder / "kept.limnet", "--window")
    assert limnet.segment(*session, 0, 100).code == 0
    assert limnet.segment(*session, 0, 100).code == 0
    assert limnet.segment(*session, 0, 50).code == 1
    assert "window (0.0, 100.0), which stays" in limnet.sentence


def test_options_left_out_stay_as_the_session_has_them(limnet):
    session = ("--session", limnet.folder / "kept.limnet", "--json")
    limnet.segment(*session, "--range", "2", "--no-fusion")
    limnet.write_clicks([FAR]).segment(*session, "--fusion")
    options = limnet.json["options"]
    assert (options["range"], options["fusion"]) == (2, True)


def test_a_start_mask_is_used_once(limnet, ball):
    given = np.zeros(ball.shape_zyx, np.uint8)
    given[12, 2:5, 2:5] = 1
    words = ("--mask", limnet.write_image("start.nrrd", given), "--range", "1")
    session = ("--session", limnet.folder / "kept.limnet")
    limnet.segment(*words, *session)
    first = masks(limnet)
    assert limnet.segment(*words, *session).code == 0
    assert "--mask is not used again" in limnet.err
    np.testing.assert_array_equal(masks(limnet), first)


def test_another_plane_goes_on_in_the_same_session(limnet, ball_truth):
    session = ("--session", limnet.folder / "kept.limnet", "--json")
    limnet.segment(*session)
    limnet.write_clicks([{"slice": 8, "row": 8, "column": 8}])
    assert limnet.segment(*session, "--plane", "axial").code == 0, limnet.err
    assert limnet.json["plane"] == "axial"
    assert limnet.json["rounds_in_all"] == 2
    np.testing.assert_array_equal(masks(limnet), ball_truth)


def test_other_weights_are_named(limnet):
    session = ("--session", limnet.folder / "kept.limnet", "--json")
    limnet.segment(*session)
    limnet.networks.pretend(weights={"prompt": "zz", "memory": "bb"})
    limnet.write_clicks([FAR]).segment(*session)
    assert limnet.code == 0
    assert "note: the session was made with weights" in limnet.err
    assert any("weights" in notice for notice in limnet.json["notices"])
