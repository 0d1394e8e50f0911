"""Imported weights: checksums, copying, converting, removing, and their line in the panel."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from LIMNetSegmentLib.PublishedImport import PublishedImport
from LIMNetSegmentLib.WeightsFolder import (
    CHECKSUMS,
    HOME_VARIABLE,
    UnknownChecksumError,
    WeightsFolder,
    WeightsFolderError,
    readChecksums,
)
from LIMNetSegmentLib.WeightsPanel import SETTING, WeightsPanel
from Testing.slicer.python_qt import qt
from Testing.slicer.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
NAME = "paper-memory.safetensors"
CONTENT = b"weights" * 1000


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, "as before")


@pytest.fixture
def folder(tmp_path):
    return WeightsFolder(tmp_path / "home")


@pytest.fixture
def source(tmp_path):
    """A file with the list of checksums beside it."""
    path = tmp_path / "usb" / NAME
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    checksum = hashlib.sha256(CONTENT).hexdigest()
    path.with_name(CHECKSUMS).write_text(f"{checksum}  {NAME}\n", "utf-8")
    return path


@pytest.fixture
def panel(tmp_path):
    heard = []
    made = WeightsPanel(tmp_path / "default", lambda: heard.append(1))
    made.heard = heard
    yield made
    made.cleanup()
    qt.QSettings().remove(SETTING)


def test_a_file_is_copied_with_its_checksum(folder, source):
    told = []
    folder.add(source, report=lambda done, total: told.append((done, total)))
    assert (folder.models / NAME).read_bytes() == CONTENT
    assert readChecksums(folder.models) == readChecksums(source.parent)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert {path.name for path in folder.models.iterdir()} == {CHECKSUMS, NAME}


def test_the_engine_knows_the_file_and_its_checksum(folder, source):
    from SlicerLIMNet.networks.weights import read_checksums, user_models_folder

    folder.use()
    folder.add(source)
    assert user_models_folder() == folder.models
    assert read_checksums(folder.models)[NAME] == hashlib.sha256(CONTENT).hexdigest()


def test_a_damaged_file_is_refused_and_the_old_one_stays(folder, source):
    folder.add(source)
    source.write_bytes(b"half")
    with pytest.raises(WeightsFolderError, match="damaged"):
        folder.add(source)
    assert (folder.models / NAME).read_bytes() == CONTENT


def test_a_file_that_is_in_no_list_needs_trust(folder, source):
    source.with_name(CHECKSUMS).unlink()
    with pytest.raises(UnknownChecksumError, match=hashlib.sha256(CONTENT).hexdigest()):
        folder.add(source)
    assert not folder.files
    folder.add(source, isTrusted=True)
    assert [file.name for file in folder.files] == [NAME]


@pytest.mark.parametrize("name", ["other.safetensors", "paper-memory.pth", "../x.safetensors"])
def test_other_files_are_refused(folder, tmp_path, name):
    with pytest.raises(WeightsFolderError, match="no weights file"):
        folder.add(tmp_path / name)


def test_a_file_that_is_gone_is_said(folder, tmp_path):
    with pytest.raises(WeightsFolderError, match="could not be copied"):
        folder.add(tmp_path / NAME)


def test_imported_weights_can_be_removed(folder, source):
    assert folder.remove() == 0
    folder.add(source)
    assert NAME in folder.sentence
    assert folder.remove() == len(CONTENT)
    assert not folder.files
    assert not folder.models.exists()
    assert "come with the extension" in folder.sentence


def test_other_files_in_the_folder_are_left_alone(folder, source):
    folder.add(source)
    (folder.models / "notes.txt").write_text("mine", "utf-8")
    folder.remove()
    assert [path.name for path in folder.models.iterdir()] == ["notes.txt"]


def test_the_folder_is_handed_to_the_engine(folder):
    folder.use()
    assert os.environ[HOME_VARIABLE] == str(folder.home)


def test_what_the_engine_says_to_a_wrong_file_is_shown(tmp_path):
    wrong = tmp_path / "XMem.pth"
    wrong.write_bytes(b"no weights")
    running = PublishedImport("xmem", wrong, tmp_path / "home", ROOT)
    with pytest.raises(WeightsFolderError, match="XMem"):
        running.result()
    assert not running.isRunning


# The line in the panel


def test_the_panel_takes_in_a_file(panel, source, dialogs):
    dialogs.will_be_answered(str(source))
    panel.actions["add"].trigger()
    assert NAME in panel.label.text
    assert panel.heard
    assert panel.actions["remove"].enabled


def test_the_panel_asks_before_it_takes_an_unknown_file(panel, source, dialogs):
    source.with_name(CHECKSUMS).unlink()
    dialogs.will_be_answered(str(source), False)
    panel.actions["add"].trigger()
    assert not panel.folder.files
    dialogs.will_be_answered(str(source), True)
    panel.actions["add"].trigger()
    assert panel.folder.files


def test_leaving_the_dialog_changes_nothing(panel, dialogs):
    for action in ("add", "ritm", "xmem", "home"):
        dialogs.will_be_answered("")
        panel.actions[action].trigger()
    assert not panel.folder.files
    assert not panel.heard


def test_the_panel_shows_what_is_wrong_with_a_file(panel, source, dialogs):
    source.write_bytes(b"half")
    dialogs.will_be_answered(str(source))
    panel.actions["add"].trigger()
    assert "damaged" in panel.label.text


def test_the_panel_removes_after_asking(panel, source, dialogs):
    panel.folder.add(source)
    dialogs.will_be_answered(False)
    panel.actions["remove"].setEnabled(True)
    panel.actions["remove"].trigger()
    assert panel.folder.files
    dialogs.will_be_answered(True)
    panel.actions["remove"].trigger()
    assert not panel.folder.files


def test_the_chosen_folder_is_remembered(panel, tmp_path, dialogs):
    dialogs.will_be_answered(str(tmp_path / "chosen"))
    panel.actions["home"].trigger()
    assert os.environ[HOME_VARIABLE] == str(tmp_path / "chosen")
    again = WeightsPanel(tmp_path / "default", lambda: None)
    assert again.folder.home == tmp_path / "chosen"
    again.cleanup()


def test_converting_shows_how_it_ended(panel, tmp_path, dialogs):
    wrong = tmp_path / "XMem.pth"
    wrong.write_bytes(b"no weights")
    dialogs.will_be_answered(str(wrong))
    panel.actions["xmem"].trigger()
    assert "Converting XMem.pth" in panel.label.text
    wait_until(lambda: "Converting" not in panel.label.text)
    assert "XMem" in panel.label.text
    assert not panel.heard


def test_leaving_ends_a_conversion(panel, tmp_path, dialogs):
    wrong = tmp_path / "XMem.pth"
    wrong.write_bytes(b"no weights")
    dialogs.will_be_answered(str(wrong))
    panel.actions["xmem"].trigger()
    process = panel._import._process
    panel.cleanup()
    assert process.poll() is not None
