"""What browsers send: real requests, honest and hostile."""

from __future__ import annotations

import asyncio
import io
import stat
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

import LIMNetSegmentApp.Uploads
from LIMNetSegmentApp.AppError import AppError
from LIMNetSegmentApp.Uploads import MOST_RATIO, Uploads
from SlicerLIMNet.io.volumes import list_series, read_volume
from Testing.unit.io.full_disk import full_disk
from Testing.unit.io.series_writer import write_series

MIB = 1 << 20
VOXELS = np.random.default_rng(0).integers(-1000, 1000, (6, 8, 10)).astype(np.int16)


class Server:
    """Takes uploads of at most 1 MiB; remembers what came of the last one."""

    def __init__(self, folder):
        self.folder = folder
        self.uploads = Uploads(folder, MIB)
        self.path = None

    def send(self, *files, **request):
        """Send named files; return the path, or the sentence of the refusal."""
        form = FormData(quote_fields=False)
        for name, content in files:
            form.add_field("file", io.BytesIO(content), filename=name)
        return asyncio.run(self._send(**({"data": form} if files else {}), **request))

    async def _send(self, **request):
        application = web.Application()
        application.add_routes([web.post("/upload", self._receive)])
        async with TestClient(TestServer(application)) as client:
            response = await client.post("/upload", **request)
            text = await response.text()
        return self.path if response.status == 200 else text

    async def _receive(self, request):
        try:
            self.path = await self.uploads.receive(request)
        except AppError as error:
            return web.Response(status=400, text=str(error))
        return web.Response()

    @property
    def kept(self):
        """Names of all files that stayed."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def server(tmp_path):
    return Server(tmp_path / "in" / "uploads")


def image_bytes(tmp_path, name):
    image = sitk.GetImageFromArray(VOXELS)
    sitk.WriteImage(image, str(tmp_path / name))
    return (tmp_path / name).read_bytes()


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    """Return a zip of names (or ZipInfos) and contents."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def series_members(folder, top="PATIENT/STUDY 1/CT", **tags):
    """Write a series and return its members for a zip."""
    positions = [(0, 0, 2 * z) for z in range(len(VOXELS))]
    write_series(folder, VOXELS, positions, **tags)
    return [(f"{top}/{path.name}", path.read_bytes()) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz", "ct.nrrd", "ct.mha", "CT of A (1).nii.gz"])
def test_an_image_file_arrives_as_it_was_sent(server, tmp_path, name):
    content = image_bytes(tmp_path, name)
    path = server.send((name, content))
    assert path.name == name
    assert path.read_bytes() == content
    assert np.array_equal(read_volume(path).array, VOXELS)
    assert server.folder in path.parents


def test_a_header_and_its_voxels_arrive_together(server, tmp_path):
    header, voxels = image_bytes(tmp_path, "mr.mhd"), (tmp_path / "mr.raw").read_bytes()
    path = server.send(("mr.mhd", header), ("mr.raw", voxels))
    assert np.array_equal(read_volume(path).array, VOXELS)
    assert "beside it, which is missing" in server.send(("mr.mhd", header))


@pytest.mark.parametrize("top", ["PATIENT/STUDY 1/CT", "CT", "../CT"[3:]])
def test_a_zipped_series_becomes_a_folder_that_is_read(server, tmp_path, top):
    members = series_members(tmp_path / "series", top)
    beside = [("DICOMDIR", b"\0" * 128 + b"DICM"), ("__MACOSX/._1", b"x"), ("readme.txt", b"hi")]
    path = server.send(("abdomen.zip", zipped(*members, *beside)))
    assert path.name == "abdomen"
    assert np.array_equal(read_volume(path).array, VOXELS)
    assert all(file.parent == path for file in path.rglob("*"))
    assert "abdomen.zip" not in server.kept


def test_slices_of_one_name_in_several_folders_are_all_kept(server, tmp_path):
    members = series_members(tmp_path / "series")
    spread = [(f"{place}/slice.dcm", content) for place, (_, content) in enumerate(members)]
    assert np.array_equal(read_volume(server.send(("a.zip", zipped(*spread)))).array, VOXELS)


def test_several_series_can_be_told_apart(server, tmp_path):
    members = series_members(tmp_path / "a", "a") + series_members(
        tmp_path / "b", "b", SeriesDescription="late", SeriesNumber=7
    )
    found = list_series(server.send(("two.zip", zipped(*members))))
    assert [series.description for series in found] == ["abdomen", "late"]


def test_slices_that_are_sent_one_by_one_are_a_series(server, tmp_path):
    files = [(name.rpartition("/")[2], data) for name, data in series_members(tmp_path / "s")]
    assert np.array_equal(read_volume(server.send(*files)).array, VOXELS)


def test_an_image_in_a_zip_is_taken_out(server, tmp_path):
    header, voxels = image_bytes(tmp_path, "mr.mhd"), (tmp_path / "mr.raw").read_bytes()
    path = server.send(("mr.zip", zipped(("in/mr.mhd", header), ("in/mr.raw", voxels))))
    assert np.array_equal(read_volume(path).array, VOXELS)


@pytest.mark.parametrize("top", ["", "liver.limnet/"])
def test_the_zip_of_a_session_is_left_as_it_is(server, top):
    content = zipped((f"{top}journal.jsonl", "{}"), (f"{top}masks/000.npz", "x"))
    path = server.send(("liver.limnet.zip", content))
    assert path.name == "liver.limnet.zip"
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "name",
    [
        "../evil.nii",
        "/etc/evil.nii",
        "..\\..\\evil.nii",
        "C:\\evil.nii",
        ".evil.nii",
        "a/b/evil.nii",
    ],
)
def test_a_name_decides_nothing_but_the_last_part(server, tmp_path, name):
    path = server.send((name, image_bytes(tmp_path, "ct.nii")))
    assert path.name == "evil.nii"
    assert path.parent.parent == server.folder


@pytest.mark.parametrize("name", ["..", ".", "\u202e", "a" * 500])
def test_a_name_that_is_none_harms_nobody(server, name):
    assert "holds no image" in server.send((name, b"x"))
    assert server.kept == []


def test_two_files_of_one_name_are_both_kept(server, tmp_path):
    members = series_members(tmp_path / "series")
    path = server.send(*((f"{i}/IM1", data) for i, (_, data) in enumerate(members)))
    assert np.array_equal(read_volume(path).array, VOXELS)


@pytest.mark.parametrize(
    "name", ["../evil", "CT/../../evil", "/evil", "..\\evil", "C:\\evil", "C:/evil", "\\evil"]
)
def test_a_zip_that_leads_outside_is_refused(server, tmp_path, name):
    content = zipped(*series_members(tmp_path / "series"), (name, "evil"))
    assert "outside its folder" in server.send(("a.zip", content))
    assert server.kept == []
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip_are_refused(server, kind):
    member = zipfile.ZipInfo("CT/1.dcm")
    member.external_attr = (kind | 0o777) << 16
    assert "a link" in server.send(("a.zip", zipped((member, "/etc/passwd"))))
    assert server.kept == []


def test_a_bomb_is_refused_by_what_it_would_hold(server):
    content = zipped(("CT/1.dcm", b"\0" * (MIB + 1)))
    assert "too large" in server.send(("a.zip", content))
    assert server.kept == []


def test_a_bomb_is_refused_by_its_ratio(server):
    content = zipped(("CT/1.dcm", b"\0" * (MIB - 1)))
    assert len(content) * MOST_RATIO < MIB - 1
    assert "too large" in server.send(("a.zip", content))
    assert server.kept == []


def test_a_bomb_of_overlapping_members_is_refused(server):
    """Many entries of the directory share the bytes of one member."""
    content = zipped(("CT/1.dcm", np.random.default_rng(0).bytes(100_000)))
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entries = [
        content[start:end].replace(b"CT/1.dcm", f"CT/{i:05d}"[:8].encode()) for i in range(200)
    ]
    size = sum(len(entry) for entry in entries)
    tail = bytearray(content[end:])
    tail[8:12] = (200).to_bytes(2, "little") * 2
    tail[12:16] = size.to_bytes(4, "little")
    bomb = content[:start] + b"".join(entries) + bytes(tail)
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        assert len(archive.infolist()) == 200
    assert "too large" in server.send(("a.zip", bomb))
    assert server.kept == []


def test_a_bomb_that_lies_about_its_size_stops_there(server):
    content = zipped(("CT/1.dcm", b"\0" * 500_000))
    lie = content.replace((500_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert "damaged" in server.send(("a.zip", lie))
    assert server.kept == []


def test_a_zip_of_too_many_files_is_refused(server, monkeypatch):
    monkeypatch.setattr(LIMNetSegmentApp.Uploads, "MOST_FILES", 10)
    content = zipped(*((f"CT/{number}", "x") for number in range(11)))
    assert "11 files" in server.send(("a.zip", content))
    assert "more than 10 files" in server.send(*((f"{number}.dcm", b"x") for number in range(11)))
    assert server.kept == []


def test_a_zip_with_a_giant_directory_is_not_read(server, monkeypatch):
    monkeypatch.setattr(LIMNetSegmentApp.Uploads, "MOST_FILES", 1)
    members = [(f"{number:05d}{'x' * 250}", "") for number in range(4000)]
    content = zipped(*members, method=zipfile.ZIP_STORED)
    monkeypatch.setattr(server.uploads, "_maxBytes", 10 * MIB)
    assert "no zip of images, or a damaged one" in server.send(("a.zip", content))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 17, b"no zip"])
def test_what_is_no_zip_is_said_so(server, content):
    assert "a.zip is no zip of images, or a damaged one" in server.send(("a.zip", content))
    assert server.kept == []


def test_an_encrypted_zip_is_refused(server):
    content = bytearray(zipped(("CT/1.dcm", b"x" * 100)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "damaged" in server.send(("a.zip", bytes(content)))


def test_zips_in_a_zip_are_not_opened(server, tmp_path):
    inner = zipped(*series_members(tmp_path / "series"))
    assert "holds no image" in server.send(("a.zip", zipped(("inner.zip", inner))))


def test_too_much_is_refused_before_it_is_sent(server):
    answer = server.send(("ct.nii", b"\0" * (MIB + 1)))
    assert "larger than 1 MiB" in answer
    assert "--max-upload-mib" in answer
    assert server.kept == []


def test_too_much_is_refused_while_it_arrives(server):
    """Nothing tells beforehand how long the request will be."""
    boundary = "limit"
    head = b'--limit\r\nContent-Disposition: form-data; name="file"; filename="a.nii"\r\n\r\n'
    seen = []

    async def body():
        yield head
        while True:
            seen.append(None)
            assert len(seen) < 200, "nobody stops the upload"
            yield b"\0" * (MIB // 8)

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    try:
        answer = server.send(data=body(), headers=headers)
    except OSError:  # the server hung up while we were sending
        answer = "larger than 1 MiB"
    assert "larger than 1 MiB" in answer
    assert server.kept == []


def test_a_small_file_that_promises_many_voxels_is_refused(server, tmp_path):
    sitk.WriteImage(sitk.Image([256, 256, 64], sitk.sitkInt16), str(tmp_path / "a.nii.gz"), True)
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert len(content) < MIB // 10
    assert "larger than 1 MiB" in server.send(("a.nii.gz", content))
    assert server.kept == []


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", b"hello", "holds no image; send NIfTI"),
        ("a.nii.gz", b"hello", "no gzip file"),
        ("a.nrrd", b"hello", "no NRRD file"),
        ("a.mha", b"hello", "no MetaImage file"),
        ("a.mhd", b"NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\n"
         b"ElementSpacing = 1 1 1\nElementDataFile = /etc/passwd\n", "keeps its voxels in"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_one_sentence(server, name, content, text):
    answer = server.send((name, content))
    assert text in answer
    assert answer[0].isupper() or answer.startswith(name.upper()[:1])
    assert answer.endswith(".")
    assert server.kept == []


def test_two_images_at_once_are_refused(server, tmp_path):
    content = image_bytes(tmp_path, "ct.nii")
    assert "several images (a.nii, b.nii)" in server.send(("a.nii", content), ("b.nii", content))


def test_a_request_without_a_file_is_refused(server):
    assert "carries no file" in server.send(data=b"raw", headers={"Content-Type": "image/x"})
    form = FormData({"other": "text"})
    form.add_field("elsewhere", b"x", filename="a.nii")
    assert "carries no file" in server.send(data=form)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=b"])
def test_a_request_that_is_broken_is_refused(server, kind):
    answer = server.send(data=b"--a\r\nno header\r\n", headers={"Content-Type": kind})
    assert "came in broken" in answer
    assert server.kept == []


def test_a_full_disk_leaves_nothing(server):
    with full_disk(20_000):
        answer = server.send(("a.nii", b"\0" * 100_000))
    assert "make room" in answer
    assert server.kept == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert "could not be kept" in Server(tmp_path / "file" / "uploads").send(("a.nii", b"x"))


def test_everything_can_be_removed(server, tmp_path):
    server.send(("ct.nii", image_bytes(tmp_path, "ct.nii")))
    assert server.kept == ["ct.nii"]
    server.uploads.removeAll()
    assert not server.folder.exists()
