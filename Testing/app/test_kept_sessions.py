"""What a closed tab or a killed server leaves behind, and who is offered it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from LIMNetSegmentApp.AppError import AppError
from LIMNetSegmentApp.KeptSessions import (
    MOST_DAYS,
    MOST_KEPT,
    MOST_OFFERED,
    KeptSessions,
    NotedSegment,
    WorkNote,
)
from LIMNetSegmentLib.EffectLogic import EffectLogic
from LIMNetSegmentLib.InferenceWorker import InferenceWorker
from LIMNetSegmentLib.SessionDesk import SessionDesk
from SlicerLIMNet.cli.main import main
from SlicerLIMNet.imaging.made_volumes import ball_volume
from SlicerLIMNet.io.labelmaps import read_labelmap
from Testing.doubles import FakeNetworks
from Testing.slicer.effect_days import CORONAL, click, finish, run_round
from Testing.slicer.scene_double import SceneDouble

IMAGE, TRUTH = ball_volume((16, 16, 16), radius_mm=5.0, centre_zyx=(8, 8, 8))
NOW = 2_000_000_000.0  # later than any folder of a test
SEGMENTS = (
    NotedSegment("segment-1", "Leber | größte", (0.5, 0.25, 1.0)),
    NotedSegment("segment-2", "spleen", (0.0, 1.0, 0.0)),
)
NOTE = WorkNote("/data/ct.nii.gz", "ct", SEGMENTS, NOW, 1, "1.2.3", "ab" * 32)


class Kept(KeptSessions):
    """As it is, and knows at the end which tabs were forgotten by the test."""

    def __init__(self, root):
        super().__init__(root)
        self.tabs = []

    def begin(self):
        self.tabs.append(super().begin())
        return self.tabs[-1]

    def take(self, id):  # noqa: A002 - as there
        self.tabs.append(super().take(id))
        return self.tabs[-1]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data" / "Sessions"


@pytest.fixture
def kept(root):
    made = Kept(root)
    yield made
    for tab in made.tabs:
        tab.leave()


def work(kept, note=NOTE, journals=1):
    """Do something in a new tab, and leave it open."""
    tab = kept.begin()
    for number in range(journals):
        folder = tab.journals / "run-1" / f"a-{number}.limnet"
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").write_text("{}\n")
    if note is not None:
        tab.note(note)
    return tab


def test_a_closed_tab_is_offered_with_everything_that_was_noted(kept, root):
    tab = work(kept)
    assert kept.leftBehind() == []
    tab.leave()
    (left,) = kept.leftBehind()
    assert left.note == NOTE
    assert tab.noted() == NOTE
    assert str(root) not in left.id


def test_a_killed_server_leaves_what_it_had(root):
    code = (
        "import os, sys, time; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\n"
        "from Testing.app.test_kept_sessions import KeptSessions, work\n"
        "tab = work(KeptSessions(Path(sys.argv[1])))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(root), *sys.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        assert KeptSessions(root).leftBehind() == []
        server.send_signal(signal.SIGKILL)
        server.wait()
    (left,) = KeptSessions(root).leftBehind()
    assert left.note == NOTE


def test_only_one_tab_goes_on_with_it(kept, root):
    work(kept).leave()
    (left,) = kept.leftBehind()
    tab = kept.take(left.id)
    assert kept.leftBehind() == []
    for other in (kept, KeptSessions(root)):
        with pytest.raises(AppError, match="open in another tab"):
            other.take(left.id)
        other.forget(left.id)
    assert tab.noted() == NOTE
    tab.leave()
    assert kept.leftBehind() == [left]


@pytest.mark.parametrize("text", ["", ".", "..", "../Sessions", "/etc", "tab-", "tab-gone", "*"])
def test_an_id_that_was_never_offered_opens_nothing(kept, text):
    tab = work(kept)
    with pytest.raises(AppError, match="gone, or open"):
        kept.take(text)
    kept.forget(text)
    assert tab.noted() == NOTE


def test_a_tab_that_did_nothing_leaves_nothing(kept):
    empty, without_note, without_journal = kept.begin(), work(kept, None), work(kept, journals=0)
    without_journal.uploads.mkdir()
    for tab in (empty, without_note, without_journal):
        tab.leave()
        tab.leave()  # twice is fine
        assert not tab.folder.exists()
    assert kept.leftBehind() == []


def test_uploads_stay_as_long_as_the_journals(kept, root):
    tab = work(kept)
    tab.uploads.mkdir()
    (tab.uploads / "ct.nii").write_bytes(b"voxels")
    tab.leave()
    assert (tab.uploads / "ct.nii").read_bytes() == b"voxels"
    kept.forget(kept.leftBehind()[0].id)
    assert list(root.iterdir()) == []


def test_a_dropped_tab_leaves_nothing(kept, root):
    work(kept).drop()
    assert kept.leftBehind() == []
    assert list(root.iterdir()) == []


def test_the_newest_come_first_and_not_too_many(kept):
    tabs = [work(kept, replace(NOTE, savedAt=NOW + age)) for age in (3, 1, 2, 7, 5, 6, 4)]
    for tab in tabs:
        tab.leave()
    ages = [left.note.savedAt - NOW for left in kept.leftBehind()]
    assert ages == [7, 6, 5, 4, 3]
    assert len(ages) == MOST_OFFERED


def test_a_volume_is_offered_only_its_own(kept):
    for sha256 in ("a" * 64, "b" * 64):
        work(kept, replace(NOTE, volumeSha256=sha256)).leave()
    assert [left.note.volumeSha256 for left in kept.leftBehind("b" * 64)] == ["b" * 64]
    assert kept.leftBehind("c" * 64) == []


def test_what_is_old_or_too_much_goes_with_the_next_tab(kept):
    old = work(kept, replace(NOTE, savedAt=NOW - 1e9))
    tabs = [work(kept, replace(NOTE, savedAt=NOW + age)) for age in range(MOST_KEPT + 2)]
    for tab in (old, *tabs):
        os.utime(tab.folder, (1, 1))  # nobody is about to lock it
        tab.leave()
    busy = work(kept, replace(NOTE, savedAt=1.0))
    kept.begin()
    gone = [tab for tab in (old, *tabs) if not tab.folder.exists()]
    assert gone == [old, *tabs[:2]]
    assert busy.folder.exists(), "a tab that is open is never too old"


def test_a_session_is_kept_for_some_weeks():
    assert 7 <= MOST_DAYS <= 90


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"volume": "a"}', '{"segments": 3}', json.dumps({"segments": [{}]})]
)
def test_a_damaged_note_is_not_offered(kept, text):
    tab = work(kept)
    (tab.folder / "work.json").write_text(text)
    tab.leave()
    assert kept.leftBehind() == []


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AppError, match="--data"):
        KeptSessions(tmp_path / "file" / "Sessions").begin()


class Tab:
    """One tab's logic over a scene, with journals in the tab's folder; fake networks."""

    def __init__(self, kept_work):
        self.work = kept_work
        self.scene = SceneDouble(IMAGE)
        worker = InferenceWorker(
            lambda: SessionDesk(lambda *_: FakeNetworks(), kept_work.journals, keepJournals=True)
        )
        self.logic = EffectLogic(self.scene, worker, kept_work.journals)
        self.logic.activate()

    def close(self):
        self.logic.cleanup()
        self.work.leave()


def test_a_tab_that_was_closed_goes_on_where_it_was(kept):
    tab = Tab(kept.begin())
    click(tab.logic, 8)
    run_round(tab.logic)
    click(tab.logic, 11, positive=False)
    tab.work.note(NOTE)
    seen, mask = tab.logic.state, tab.scene.array().copy()
    tab.close()
    again = Tab(kept.take(kept.leftBehind()[0].id))
    finish(again.logic)
    assert again.logic.state.canResume
    again.logic.resumeAfterCrash()
    finish(again.logic)
    assert np.array_equal(again.scene.array(), mask)
    assert again.logic.state.clicks == seen.clicks
    assert again.logic.state.rounds == 1
    again.close()
    third = Tab(kept.take(kept.leftBehind()[0].id))
    finish(third.logic)
    assert third.logic.state.canResume, "what was taken up again is kept again"
    third.close()


def test_limnet_segment_goes_on_from_a_saved_session(kept, tmp_path):
    """The zip holds what the user sees, undone steps and open rounds included."""
    tab = Tab(kept.begin())
    click(tab.logic, 8, axis=CORONAL)
    run_round(tab.logic)
    mask = tab.scene.array().copy()
    click(tab.logic, 3, positive=False)
    tab.scene.undo()
    tab.logic.saveSession(tmp_path / "liver.limnet.zip")
    finish(tab.logic)
    assert tab.logic.state.statusText == ""
    tab.close()
    sitk.WriteImage(sitk.GetImageFromArray(IMAGE), str(tmp_path / "ct.nii"))
    same = {"slice": 8, "row": 8, "column": 8, "positive": True}
    (tmp_path / "clicks.json").write_text(json.dumps({"rounds": [[same]]}))
    files = {name: str(tmp_path / name) for name in ("ct.nii", "clicks.json", "liver.limnet.zip")}
    arguments = ["segment", files["ct.nii"], "--clicks", files["clicks.json"]]
    arguments += ["--session", files["liver.limnet.zip"], "-o", str(tmp_path / "out.nii")]
    assert main(arguments, lambda _: FakeNetworks()) == 0
    labels, _ = read_labelmap(tmp_path / "out.nii")
    assert np.array_equal(labels != 0, mask)


def test_a_session_without_clicks_is_not_saved(kept, tmp_path):
    tab = Tab(kept.begin())
    tab.logic.saveSession(tmp_path / "a.zip")
    finish(tab.logic)
    assert "nothing to save" in tab.logic.state.statusText
    assert not (tmp_path / "a.zip").exists()
    tab.close()
