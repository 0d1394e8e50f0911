import io
import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from full_disk import full_disk

from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.errors import OutputError, SessionError
from SlicerLIMNet.io.npz_files import read_arrays
from SlicerLIMNet.io.state_files import (
    append_to_journal,
    read_journal,
    read_slices,
    unzip_folder,
    write_slices,
    zip_folder,
)

SHAPE = (20, 30, 40)


class TestJournal:
    @pytest.fixture
    def journal(self, tmp_path):
        path = tmp_path / "journal.jsonl"
        for number in range(3):
            append_to_journal(path, {"op": "click", "number": number, "text": "ä\nb"})
        return path

    def test_operations_come_back_in_their_order(self, journal):
        assert [entry["number"] for entry in read_journal(journal)] == [0, 1, 2]
        assert read_journal(journal)[0]["text"] == "ä\nb"
        assert len(journal.read_bytes().splitlines()) == 3

    def test_a_torn_last_line_is_left_out_wherever_it_tore(self, journal):
        content = journal.read_bytes()
        start = content[:-1].rfind(b"\n") + 1
        for end in range(start, len(content)):
            journal.write_bytes(content[:end])
            assert [entry["number"] for entry in read_journal(journal)] == [0, 1]

    @pytest.mark.parametrize("rest", [b'{"op": "cl', b"\0\0\0\0", b"\0\0\0\n", b'"click"\n'])
    def test_the_next_operation_takes_the_place_of_a_torn_line(self, journal, rest):
        with journal.open("ab") as file:
            file.write(rest)
        append_to_journal(journal, {"number": 3})
        assert [entry["number"] for entry in read_journal(journal)] == [0, 1, 2, 3]

    def test_an_empty_journal_has_no_operations(self, tmp_path):
        (tmp_path / "a").write_bytes(b"")
        assert read_journal(tmp_path / "a") == []

    def test_damage_before_the_last_line_is_named(self, journal):
        lines = journal.read_bytes().split(b"\n")
        journal.write_bytes(b"\n".join([lines[0], b"garbage", *lines[2:]]))
        with pytest.raises(SessionError, match=r"line 2 of the journal .* is damaged"):
            read_journal(journal)
        with pytest.raises(SessionError, match="line 2"):
            append_to_journal(journal, {"number": 9})

    def test_a_missing_journal_is_named(self, tmp_path):
        with pytest.raises(SessionError, match="cannot be read"):
            read_journal(tmp_path / "gone")
        with pytest.raises(OutputError, match="could not be written"):
            append_to_journal(tmp_path / "gone" / "journal.jsonl", {})

    def test_a_full_disk_leaves_the_journal_as_it_was(self, journal):
        before = journal.read_bytes()
        with full_disk(len(before) + 10), pytest.raises(OutputError, match="make room"):
            append_to_journal(journal, {"text": "x" * 1000})
        assert journal.read_bytes() == before
        append_to_journal(journal, {"number": 3})
        assert len(read_journal(journal)) == 4


class TestSlices:
    @pytest.fixture
    def slices(self):
        rng = np.random.default_rng(0)
        weak = np.zeros(SHAPE[1:], np.float32)
        weak[3:9, 4:20] = rng.random((6, 16))
        mask = np.zeros(SHAPE[1:], bool)
        mask[29, 39] = True
        return {
            7: SparseProbability.from_mask(mask),
            3: SparseProbability.from_dense(weak),
            5: SparseProbability.empty(SHAPE[1:]),
        }

    def test_slices_come_back_and_empty_ones_take_no_place(self, tmp_path, slices):
        write_slices(tmp_path / "001.npz", slices)
        read = read_slices(tmp_path / "001.npz", SHAPE)
        assert read == {3: slices[3], 7: slices[7]}

    def test_no_slices_come_back_as_none(self, tmp_path):
        write_slices(tmp_path / "001.npz", {})
        assert read_slices(tmp_path / "001.npz", SHAPE) == {}

    def test_masks_are_packed_into_bits(self, tmp_path, slices):
        write_slices(tmp_path / "001.npz", slices)
        with np.load(tmp_path / "001.npz", allow_pickle=False) as stored:
            bits = np.unpackbits(stored["masks"], count=stored["probabilities"].size)
            np.testing.assert_array_equal(bits, stored["probabilities"] > 127)

    @pytest.mark.parametrize("shape", [(7, 30, 40), (20, 29, 40), (20, 30, 39)])
    def test_slices_of_another_volume_are_refused(self, tmp_path, slices, shape):
        write_slices(tmp_path / "001.npz", slices)
        with pytest.raises(SessionError, match="of another volume: slice 7"):
            read_slices(tmp_path / "001.npz", shape)

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"indices": np.array([3])}, "types or shapes"),
            ({"boxes": np.zeros((2, 4), int)}, "lies outside"),
            ({"probabilities": np.zeros(97, np.uint8)}, "differ"),
            ({"masks": np.zeros(13, np.uint8)}, "differ"),
            ({"probabilities": np.zeros(97)}, "types or shapes"),
            ({"indices": np.array([{}, {}], object)}, "objects"),
            ({"probabilities": np.zeros(10_000_000, np.uint8)}, "bytes, of at most"),
        ],
    )
    def test_files_that_were_tampered_with_are_refused(self, tmp_path, slices, change, text):
        path = tmp_path / "001.npz"
        write_slices(path, slices)
        with np.load(path) as stored:
            arrays = {**stored, **change}
        np.savez_compressed(path, **arrays)
        with pytest.raises(SessionError, match=text):
            read_slices(path, SHAPE)

    def test_missing_and_damaged_files_are_named(self, tmp_path, slices):
        path = tmp_path / "001.npz"
        with pytest.raises(SessionError, match="cannot be read"):
            read_slices(path, SHAPE)
        write_slices(path, slices)
        content = path.read_bytes()
        for damaged in (
            b"",
            b"x" * 100,
            content[:-30],
            content[:60] + b"\xff" * 40 + content[100:],
        ):
            path.write_bytes(damaged)
            with pytest.raises(SessionError, match="damaged"):
                read_slices(path, SHAPE)

    def test_a_full_disk_leaves_the_old_masks(self, tmp_path, slices):
        write_slices(tmp_path / "001.npz", slices)
        with full_disk(300), pytest.raises(OutputError):
            write_slices(tmp_path / "001.npz", {3: slices[3]})
        assert len(read_slices(tmp_path / "001.npz", SHAPE)) == 2


def test_an_array_whose_header_lies_is_refused_before_it_is_made(tmp_path):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        member, {"descr": "|u1", "fortran_order": False, "shape": (1 << 40,)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", member.getvalue() + b"12345")
    with pytest.raises(ValueError, match="fewer values than its header says"):
        read_arrays(tmp_path / "a.npz", ["a"])
    with pytest.raises(ValueError, match="no array b"):
        read_arrays(tmp_path / "a.npz", ["b"])


def test_arrays_keep_their_order_and_type(tmp_path):
    arrays = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "s": np.array("text")}
    np.savez(tmp_path / "a.npz", **arrays)
    read = read_arrays(tmp_path / "a.npz", ["f", "s"])
    np.testing.assert_array_equal(read["f"], arrays["f"])
    assert str(read["s"]) == "text"


class TestZip:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "a.limnet"
        (folder / "masks").mkdir(parents=True)
        append_to_journal(folder / "journal.jsonl", {"format": 1})
        (folder / "masks" / "001.npz").write_bytes(b"masks")
        return folder

    def pack(self, path, members):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members:
                archive.writestr(member, content)
        return path

    def content(self, folder):
        files = (file for file in sorted(folder.rglob("*")) if file.is_file())
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}

    def test_a_folder_comes_back(self, tmp_path, folder):
        zip_folder(folder, tmp_path / "a.zip")
        unzip_folder(tmp_path / "a.zip", tmp_path / "b")
        assert self.content(tmp_path / "b") == self.content(folder)

    def test_the_folder_around_the_files_is_left_out(self, tmp_path, folder):
        members = [(f"a.limnet/{name}", data) for name, data in self.content(folder).items()]
        path = self.pack(tmp_path / "a.zip", [("a.limnet/", b""), *members])
        unzip_folder(path, tmp_path / "b")
        assert self.content(tmp_path / "b") == self.content(folder)

    def test_links_are_not_packed(self, tmp_path, folder):
        (tmp_path / "secret").write_text("secret")
        (folder / "link").symlink_to(tmp_path / "secret")
        zip_folder(folder, tmp_path / "a.zip")
        assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == ["journal.jsonl", "masks/001.npz"]

    @pytest.mark.parametrize(
        "name",
        ["../evil", "masks/../../evil", "/evil", "..\\evil", "C:\\evil", "C:/evil", "\\evil"],
    )
    def test_files_outside_the_folder_are_refused(self, tmp_path, name):
        path = self.pack(tmp_path / "a.zip", [("journal.jsonl", "{}"), (name, "evil")])
        with pytest.raises(SessionError, match="outside its folder"):
            unzip_folder(path, tmp_path / "in" / "b")
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]

    @pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
    def test_links_and_devices_are_refused(self, tmp_path, kind):
        member = zipfile.ZipInfo("link")
        member.external_attr = (kind | 0o777) << 16
        path = self.pack(tmp_path / "a.zip", [(member, "/etc/passwd")])
        with pytest.raises(SessionError, match="a link"):
            unzip_folder(path, tmp_path / "b")
        assert not (tmp_path / "b").exists()

    def test_bombs_are_refused(self, tmp_path):
        path = self.pack(tmp_path / "a.zip", [("a", b"\0" * 1_000_000)])
        with pytest.raises(SessionError, match="too large"):
            unzip_folder(path, tmp_path / "b", most_bytes=999_999)
        assert not (tmp_path / "b").exists()

    def test_a_bomb_that_lies_about_its_size_stops_there(self, tmp_path):
        path = self.pack(tmp_path / "a.zip", [("a", b"\0" * 1_000_000)])
        size = (1_000_000).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
        with pytest.raises(SessionError, match="damaged"):
            unzip_folder(path, tmp_path / "b", most_bytes=1000)
        assert self.content(tmp_path / "b") == {}

    def test_damaged_files_and_full_folders_are_refused(self, tmp_path, folder):
        zip_folder(folder, tmp_path / "a.zip")
        content = (tmp_path / "a.zip").read_bytes()
        (tmp_path / "cut.zip").write_bytes(content[:-40])
        with pytest.raises(SessionError, match="no zip of a session"):
            unzip_folder(tmp_path / "cut.zip", tmp_path / "b")
        before = self.content(folder)
        with pytest.raises(OutputError, match="is not empty"):
            unzip_folder(tmp_path / "a.zip", folder)
        assert self.content(folder) == before
        with pytest.raises(SessionError, match="there is no file"):
            unzip_folder(tmp_path / "gone.zip", tmp_path / "b")

    def test_two_files_of_one_name_are_refused(self, tmp_path):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "1")
            archive.writestr("b", "2")
        path.write_bytes(path.read_bytes().replace(b"b", b"a"))
        with pytest.raises(SessionError, match="same name"):
            unzip_folder(path, tmp_path / "b")

    def test_a_full_disk_leaves_nothing(self, tmp_path):
        noise = np.random.default_rng(0).bytes(50_000)
        path = self.pack(tmp_path / "a.zip", [("a", "1"), ("masks/b", noise)])
        with full_disk(20_000), pytest.raises(OutputError, match="could not be unpacked"):
            unzip_folder(path, tmp_path / "b")
        assert self.content(tmp_path / "b") == {}


def test_journal_lines_are_plain_json(tmp_path):
    append_to_journal(tmp_path / "j", {"a": [1, 2.5, None, True]})
    assert json.loads(Path(tmp_path / "j").read_text()) == {"a": [1, 2.5, None, True]}
    with pytest.raises(ValueError, match="JSON"):
        append_to_journal(tmp_path / "j", {"a": float("nan")})
