import pytest
from full_disk import full_disk

from SlicerLIMNet.errors import OutputError
from SlicerLIMNet.io.write_aside import write_aside


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")
    return path


def test_the_new_file_takes_the_place_of_the_old_one_at_the_end(old):
    old.chmod(0o640)
    with write_aside(old) as aside:
        assert aside.name == "result.txt"
        aside.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"
    assert old.stat().st_mode & 0o777 == 0o640
    assert list(old.parent.iterdir()) == [old]


def test_a_failure_inside_leaves_the_old_file_and_no_rest(old):
    with pytest.raises(UnicodeEncodeError), write_aside(old) as aside:
        aside.write_text("half, then \ud800")
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_full_disk_leaves_the_old_file(old):
    refused = pytest.raises(OutputError, match="could not be written")
    with refused, write_aside(old) as aside, full_disk(100):
        aside.write_bytes(b"x" * 100_000)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_folder_that_cannot_be_written_is_named(old):
    for path in (old / "below_a_file.txt", old.parent / "gone" / "a.txt"):
        with pytest.raises(OutputError, match="choose another folder"), write_aside(path):
            pass


def test_a_folder_in_the_place_of_the_file_stays(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError), write_aside(tmp_path / "taken") as aside:
        aside.write_text("new")
    assert (tmp_path / "taken").is_dir()
