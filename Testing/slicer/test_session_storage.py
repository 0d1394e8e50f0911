"""Sessions in segment tags, and journals against a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vtk

from LIMNetSegmentLib.JournalFolders import JournalFolders, hasCrashedRuns
from LIMNetSegmentLib.SessionStorage import (
    LONGEST_TAG,
    TAG,
    StoredSession,
    storedSession,
    tagText,
)

STORED = StoredSession(
    "key:3", ({"format": 1, "name": "a|b"}, {"op": "click"}), 1, (0, 7, 2**32 - 1)
)


def test_what_is_stored_comes_back():
    assert storedSession(tagText(STORED)) == STORED


def test_a_tag_holds_no_bar_which_would_cut_it_in_a_file():
    assert "|" not in tagText(STORED)


def test_a_tag_survives_the_scenes_file(application, tmp_path):
    segmentation, (segment,) = application.add_segmentation(
        application.add_volume(np.arange(64, dtype=np.int16).reshape(4, 4, 4))
    )
    text = tagText(STORED)
    segmentation.GetSegmentation().GetSegment(segment).SetTag(TAG, text)
    application.save(tmp_path / "scene.mrb")
    application.close_scene()
    application.load(tmp_path / "scene.mrb")
    loaded = application.node("vtkMRMLSegmentationNode").GetSegmentation()
    found = vtk.reference("")
    assert loaded.GetSegment(loaded.GetNthSegmentID(0)).GetTag(TAG, found)
    assert storedSession(str(found)) == STORED


def test_a_journal_that_is_too_long_is_left_out_and_the_state_stays():
    long = StoredSession("key:9", ({"format": 1, "text": "x" * LONGEST_TAG},), 0, (1, 2))
    text = tagText(long)
    assert len(text) <= LONGEST_TAG
    assert storedSession(text) == StoredSession("key:9", (), 0, (1, 2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        "[]",
        "null",
        json.dumps({"format": 2, "state": "a"}),
        json.dumps({"format": 1}),
        json.dumps({"format": 1, "state": 7}),
        json.dumps({"format": 1, "state": "a", "journal": 4}),
        json.dumps({"format": 1, "state": "a", "axis": 5}),
        json.dumps({"format": 1, "state": "a", "checksums": ["b"]}),
        "[" * 100_000,
    ],
)
def test_a_damaged_tag_counts_as_none(text):
    assert storedSession(text) is None


# Journals

VOLUME, SEGMENT = "0123456789abcdef" * 4, "liver"


def begin_journal(folders: JournalFolders, segment: str = SEGMENT) -> Path:
    folder = folders.newFolder(VOLUME, segment)
    folder.mkdir()
    (folder / "journal.jsonl").write_text("{}\n")
    return folder


def crash(root: Path, segment: str = SEGMENT) -> None:
    """Another process begins a journal and dies."""
    code = (
        "import os, sys; sys.path[:0] = sys.argv[3:];"
        "from pathlib import Path; from LIMNetSegmentLib.JournalFolders import JournalFolders;"
        f"folder = JournalFolders(Path(sys.argv[1])).newFolder({VOLUME!r}, sys.argv[2]);"
        "folder.mkdir(); (folder / 'journal.jsonl').write_text('{}'); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(root), segment, *sys.path]
    assert subprocess.run(command, check=False).returncode == 9


@pytest.fixture
def folders(tmp_path):
    made = JournalFolders(tmp_path / "journals")
    yield made
    made.close()


def test_an_orderly_end_leaves_nothing(folders, tmp_path):
    begin_journal(folders)
    folders.close()
    assert not hasCrashedRuns(tmp_path / "journals")
    assert JournalFolders(tmp_path / "journals").leftBehind(VOLUME, SEGMENT) is None


def test_journals_that_are_to_be_kept_outlive_an_orderly_end(tmp_path):
    kept, later = (JournalFolders(tmp_path / "journals", keep=True) for _ in range(2))
    begin_journal(kept)
    assert later.leftBehind(VOLUME, SEGMENT) is None
    kept.close()
    assert later.leftBehind(VOLUME, SEGMENT) is not None


def test_nothing_is_made_before_a_journal_begins(folders, tmp_path):
    assert folders.leftBehind(VOLUME, SEGMENT) is None
    assert not (tmp_path / "journals").exists()
    assert not hasCrashedRuns(tmp_path / "journals")
    assert not hasCrashedRuns(None)


def test_every_session_has_a_folder_of_its_own(folders):
    assert begin_journal(folders) != begin_journal(folders)


def test_what_a_crash_has_left_is_found_for_its_volume_and_segment_only(folders, tmp_path):
    crash(tmp_path / "journals")
    assert hasCrashedRuns(tmp_path / "journals")
    assert folders.leftBehind(VOLUME, SEGMENT) is not None
    assert folders.leftBehind(VOLUME, "spleen") is None
    assert folders.leftBehind("f" * 64, SEGMENT) is None


def test_a_run_that_goes_on_has_left_nothing(folders, tmp_path):
    begin_journal(folders)
    other = JournalFolders(tmp_path / "journals")
    assert other.leftBehind(VOLUME, SEGMENT) is None
    other.close()


def test_what_was_taken_is_ours_and_not_found_again(folders, tmp_path):
    crash(tmp_path / "journals")
    taken = folders.take(folders.leftBehind(VOLUME, SEGMENT))
    assert (taken / "journal.jsonl").exists()
    assert folders.leftBehind(VOLUME, SEGMENT) is None
    folders.close()
    assert not hasCrashedRuns(tmp_path / "journals")


def test_what_was_dropped_is_gone_and_other_segments_stay(folders, tmp_path):
    crash(tmp_path / "journals")
    crash(tmp_path / "journals", "spleen")
    folders.drop(folders.leftBehind(VOLUME, SEGMENT))
    assert folders.leftBehind(VOLUME, SEGMENT) is None
    assert folders.leftBehind(VOLUME, "spleen") is not None
