"""The journal: a session survives the end of its process, and can be run again."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import OutputError, SessionError
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.replay import replay
from SlicerLIMNet.session.session import Session
from Testing.doubles import FakeNetworks
from Testing.session_days import CENTRE, LEFT, busy_day, day_with_second_thoughts, finish_round


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "ball.limnet"


def lines_in(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_opening_gives_the_state_and_its_history_bit_for_bit(session_on_ball, folder, ball):
    session = session_on_ball(folder=folder)
    states = busy_day(session)
    opened = Session.open(folder, ball, FakeNetworks())
    assert opened.state == states[-1]
    for state in reversed(states[:-1]):
        opened.undo()
        assert opened.state == state


def test_opening_asks_no_network(session_on_ball, folder, ball):
    day_with_second_thoughts(session_on_ball(folder=folder))
    networks = FakeNetworks()
    opened = Session.open(folder, ball, networks)
    assert networks.prompts_asked == networks.slices_encoded == networks.slices_judged == 0
    assert opened.notices == []


@pytest.mark.parametrize("day", [busy_day, day_with_second_thoughts])
def test_replaying_gives_the_same_state_bit_for_bit(session_on_ball, folder, ball, day):
    session = session_on_ball(folder=folder)
    day(session)
    networks = FakeNetworks()
    replayed = replay(folder, ball, networks)
    assert networks.prompts_asked > 0
    assert replayed.state == session.state
    assert replayed.config == session.config
    while replayed.can_undo:
        replayed.undo()
        session.undo()
        assert replayed.state == session.state


def test_an_opened_session_goes_on_in_its_folder(session_on_ball, folder, ball, networks):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    opened = Session.open(folder, ball, networks)
    finish_round(opened)
    opened.add_click(Click(5, 8, 8))
    again = Session.open(folder, ball, networks)
    assert again.state == opened.state
    assert again.state.rounds == 1


def test_an_opened_session_does_what_the_first_one_would_have_done(
    session_on_ball, folder, ball, networks
):
    session = session_on_ball()
    day_with_second_thoughts(session)
    session.save(folder)
    opened = Session.open(folder, ball, networks)
    for each in (session, opened):
        each.add_click(Click(8, 8, 11, positive=False))
        finish_round(each)
    assert opened.state == session.state


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_session_travels_as_a_zip(session_on_ball, folder, tmp_path, ball, networks, in_memory):
    session = session_on_ball(folder=None if in_memory else folder)
    day_with_second_thoughts(session)
    session.save(tmp_path / "ball.limnet.zip")
    opened = Session.open(tmp_path / "ball.limnet.zip", ball, networks)
    assert opened.state == session.state
    assert opened.folder is None
    assert replay(tmp_path / "ball.limnet.zip", ball, networks).state == session.state
    opened.add_click(CENTRE)
    opened.save(tmp_path / "ball.limnet.zip")
    assert Session.open(tmp_path / "ball.limnet.zip", ball, networks).state == opened.state
    names = zipfile.ZipFile(tmp_path / "ball.limnet.zip").namelist()
    assert {"journal.jsonl", "masks/000.npz"} <= set(names)


def test_the_first_line_says_what_results_depend_on(session_on_ball, folder, ball):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    header = lines_in(folder)[0]
    assert header["format"] == 1
    assert header["preset"] == "fake"
    assert header["weights"] == {"prompt": "aa", "memory": "bb"}
    assert (header["device"], header["precision"], header["threads"]) == ("cpu", "float32", 1)
    assert header["volume"]["sha256"] == ball.sha256
    assert header["volume"]["shape_zyx"] == [16, 16, 16]
    assert set(header["volume"]) >= {"spacing_zyx_mm", "origin_lps", "direction_lps"}
    assert header["window"] == [0, 100]
    assert header["seed"] == 0
    assert header["engine_version"]


def test_every_operation_is_a_line_with_array_indices(session_on_ball, folder):
    session = session_on_ball(folder=folder)
    day_with_second_thoughts(session)
    lines = lines_in(folder)[1:]
    assert {line["op"] for line in lines} == {
        "plane", "click", "propagate_begin", "propagate_end", "undo", "redo", "lock", "unlock",
        "edit", "option",
    }  # fmt: skip
    sagittal = lines[lines.index({"op": "plane", "plane": {"axis": 2}}) + 1]
    assert sagittal["index_zyx"] == [LEFT.row, LEFT.column, LEFT.slice_index]
    for line in lines:
        if "masks" in line:
            assert (folder / line["masks"]).is_file()


def test_the_text_of_the_journal_is_the_file(session_on_ball, folder):
    session = session_on_ball(folder=folder)
    day_with_second_thoughts(session)
    assert session.journal_text == (folder / "journal.jsonl").read_text()


def test_every_operation_is_on_disk_before_its_call_returns(session_on_ball, folder, ball):
    session = session_on_ball(folder=folder)
    networks = FakeNetworks()
    session.add_click(CENTRE)
    assert Session.open(folder, ball, networks).state == session.state
    finish_round(session)
    assert Session.open(folder, ball, networks).state == session.state
    session.undo()
    assert Session.open(folder, ball, networks).state == session.state


def test_a_round_without_its_end_did_not_happen(session_on_ball, folder, ball, networks):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    results = session.run_round()
    next(results)
    assert lines_in(folder)[-1]["op"] == "propagate_begin"
    opened = Session.open(folder, ball, networks)
    assert opened.state == session.state
    finish_round(opened)
    assert Session.open(folder, ball, networks).state == opened.state
    assert replay(folder, ball, networks).state == opened.state


def test_a_torn_last_line_is_dropped(session_on_ball, folder, ball, networks):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    before = session.state
    session.add_click(LEFT)
    journal = folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    opened = Session.open(folder, ball, networks)
    assert opened.state == before
    opened.add_click(LEFT)
    assert Session.open(folder, ball, networks).state == session.state


def test_a_plane_whose_click_was_not_written_changes_nothing(
    session_on_ball, folder, ball, networks
):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"op":"plane","plane":{"axis":2}}\n')
    opened = Session.open(folder, ball, networks)
    opened.lock(3)
    assert opened.state.plane == session.state.plane
    assert Session.open(folder, ball, networks).state == opened.state


def test_another_volume_is_said_and_the_masks_are_opened(session_on_ball, folder, networks):
    session = session_on_ball(folder=folder)
    busy_day(session)
    other = Volume(session.volume.array + np.int16(1), session.volume.geometry, "MR")
    opened = Session.open(folder, other, networks)
    assert opened.state == session.state
    assert len(opened.notices) == 1
    assert "another volume" in opened.notices[0]


def test_a_volume_that_lies_elsewhere_is_said(session_on_ball, folder, networks):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    moved = Geometry((16, 16, 16), (1, 1, 1), (50, 0, 0))
    opened = Session.open(folder, Volume(session.volume.array, moved, "MR"), networks)
    assert "lies elsewhere" in opened.notices[0]


@pytest.mark.parametrize(
    "change", [{"weights": {"prompt": "cc"}}, {"device": "cuda"}, {"precision": "bfloat16"}]
)
def test_another_engine_is_said_and_noted_before_what_it_does(
    session_on_ball, folder, ball, networks, change
):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    networks.pretend(**change)
    opened = Session.open(folder, ball, networks)
    assert opened.state == session.state
    assert next(iter(change)) in opened.notices[0]
    finish_round(opened)
    noted = [line for line in lines_in(folder) if line.get("name") == "engine"]
    assert [line["value"][key] for line in noted for key in change] == list(change.values())
    assert Session.open(folder, ball, networks).notices == []


def test_a_volume_of_another_size_is_refused(session_on_ball, folder, networks):
    session_on_ball(folder=folder).add_click(CENTRE)
    small = Volume(np.arange(8).reshape(2, 2, 2), Geometry((2, 2, 2), (1, 1, 1)))
    with pytest.raises(SessionError, match="with its own volume"):
        Session.open(folder, small, networks)


def test_a_folder_with_a_session_is_not_overwritten(session_on_ball, folder):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    with pytest.raises(SessionError, match="already holds a session"):
        session_on_ball(folder=folder)
    with pytest.raises(SessionError, match="already holds a session"):
        session.save(folder)


def test_where_there_is_no_session_it_is_said(tmp_path, ball, networks):
    with pytest.raises(SessionError, match="no session at"):
        Session.open(tmp_path / "nothing.limnet", ball, networks)
    with pytest.raises(SessionError, match=r"journal\.jsonl"):
        Session.open(tmp_path, ball, networks)
    (tmp_path / "journal.jsonl").write_text("{}\n")
    with pytest.raises(SessionError, match="no session of format 1"):
        Session.open(tmp_path, ball, networks)


def test_an_empty_session_has_nothing_to_save(session_on_ball, tmp_path):
    with pytest.raises(SessionError, match="nothing to save"):
        session_on_ball().save(tmp_path / "x.zip")


@pytest.mark.parametrize(
    "line",
    [
        '{"op":"fly"}',
        '{"op":"click"}',
        '{"op":"undo","x":1}\n{"op":"undo"}',
        '{"op":"edit","slices":[3],"given":false,"masks":"../../secret.npz"}',
        '{"op":"lock","slice":99}',
        '{"op":"lock","slice":"a"}',
        '{"slice":3}',
        '{"op":"propagate_end","slices":[0],"provenance":["x"],"scores":[1],"masks":"masks/000.npz"}',
    ],
)
def test_a_line_that_cannot_be_used_is_named(session_on_ball, folder, ball, networks, line):
    session_on_ball(folder=folder).add_click(CENTRE)
    with (folder / "journal.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(SessionError, match=r"line [34] of the session's journal"):
        Session.open(folder, ball, networks)


def test_lost_masks_are_named(session_on_ball, folder, ball, networks):
    session_on_ball(folder=folder).add_click(CENTRE)
    (folder / "masks" / "000.npz").unlink()
    with pytest.raises(SessionError, match=r"line 2 .* masks"):
        Session.open(folder, ball, networks)


def test_what_cannot_be_written_has_not_happened(session_on_ball, folder, ball, networks):
    session = session_on_ball(folder=folder)
    session.add_click(CENTRE)
    before = session.state
    journal = (folder / "journal.jsonl").read_bytes()
    (folder / "masks" / "000.npz").unlink()
    (folder / "masks").rmdir()
    (folder / "masks").write_text("in the way")
    with pytest.raises(OutputError):
        session.add_click(LEFT)
    with pytest.raises(OutputError):
        finish_round(session)
    assert session.state == before
    entries = (folder / "journal.jsonl").read_bytes()[len(journal) :].splitlines()
    assert [json.loads(entry)["op"] for entry in entries] == ["propagate_begin"]


def test_a_window_that_was_given_is_remembered(session_on_ball, folder, ball, networks):
    session = session_on_ball(folder=folder, window=Window(10, 60))
    session.lock(3)
    opened = Session.open(folder, ball, networks)
    opened.add_click(CENTRE)
    assert opened.state.window == (10, 60)
    assert replay(folder, ball, networks).state == opened.state
