"""Zip archives that nobody vouches for: looked at as a whole before anything is unpacked."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from SlicerLIMNet.errors import OutputError

_CHUNK = 1 << 20
_BYTES_A_MEMBER = 1024  # of a zip's directory: more would be read at once than members are allowed


@dataclass(frozen=True)
class ArchiveLimits:
    """What may be unpacked at most."""

    files: int = 100_000
    """Members that are no folders."""
    unpacked_bytes: int = 1 << 33
    """Of all members together."""
    ratio: float | None = None
    """Bytes unpacked for every byte of the archive; None where their sum is limit enough."""


class ArchiveFault(ValueError):  # noqa: N818 - its text is no whole sentence
    """What is wrong with an archive: the end of a sentence that begins with its name."""


def unpack(
    path: Path, folder: Path, limits: ArchiveLimits, what: str = "files", around: str = ""
) -> None:
    """Unpack a zip into a new folder.

    Args:
        path: The zip.
        folder: Made by this call; it must not exist, or be empty.
        limits: What may be unpacked.
        what: The zip should hold, for the user.
        around: Ending of a folder around all files that is left out.

    Raises:
        ArchiveFault: The zip is damaged, beyond a limit, or names files outside the folder, links
            or special files. What was unpacked is removed.
        OutputError: The folder could not be written.
    """
    written: list[Path] = []
    try:
        with _opened(path, limits, what) as archive:
            members = _safe_members(archive, path.stat().st_size, limits, around)
            _make_empty(folder)
            for name, member in members.items():
                written.append(folder / name)
                _unpack(archive, member, folder / name)
    except ArchiveFault:
        _remove(written)
        raise
    except OSError as error:
        _remove(written)
        raise OutputError(
            f"{path} could not be unpacked into {folder} ({error.strerror or error})"
        ) from error


def member_names(path: Path, limits: ArchiveLimits, what: str = "files") -> list[PurePosixPath]:
    """Return what a zip says that it holds; nothing is unpacked or trusted.

    Raises:
        ArchiveFault: It is damaged, or holds more members than the limit.
    """
    with _opened(path, limits, what) as archive:
        return [PurePosixPath(name.replace("\\", "/")) for name in archive.namelist()]


class _ShortReads(io.FileIO):
    """A file that gives no more at once than the directory of a zip may take."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._most:
            raise zipfile.BadZipFile("the directory of the zip is too large")
        return super().read(-1 if size is None else size) or b""


@contextmanager
def _opened(path: Path, limits: ArchiveLimits, what: str) -> Iterator[zipfile.ZipFile]:
    """Give the archive; what shows that it is damaged, in whatever is done with it, is told.

    Raises:
        ArchiveFault: It is no zip, or a damaged one.
    """
    most = max(limits.files * _BYTES_A_MEMBER, _CHUNK)
    try:
        with _ShortReads(path, most) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveFault(f"is no zip of {what}, or a damaged one") from error


def _safe_members(
    archive: zipfile.ZipFile, size: int, limits: ArchiveLimits, around: str
) -> dict[str, zipfile.ZipInfo]:
    """Return the files of an archive by the safe name that each gets."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    total = sum(member.file_size for member in members)
    most = limits.unpacked_bytes
    if limits.ratio is not None:
        most = min(most, int(limits.ratio * size))
    if len(members) > limits.files or total > most:
        raise ArchiveFault(f"would unpack {len(members)} files and {total} bytes; too large")
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        is_plain = kind in (0, stat.S_IFREG)
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        is_inside = bool(parts) and not any(p in ("..", "/") or ":" in p for p in parts)
        if not (is_plain and is_inside):
            raise ArchiveFault(
                f"holds {member.filename!r:.80}, a link or a file outside its folder"
            )
    return _without_folder_around(members, around)


def _without_folder_around(
    members: list[zipfile.ZipInfo], around: str
) -> dict[str, zipfile.ZipInfo]:
    names = [PurePosixPath(member.filename.replace("\\", "/")) for member in members]
    top = names[0].parts[0] if names else ""
    if around and top.endswith(around) and all(name.parts[0] == top for name in names):
        names = [name.relative_to(top) for name in names]
    named = dict(zip((name.as_posix() for name in names), members, strict=True))
    if len(named) != len(members):
        raise ArchiveFault("holds two files of the same name")
    return named


def _make_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise OutputError(f"the folder {folder} is not empty; unpack into a new one")


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Write one file; what is unpacked never grows beyond the size that was checked."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as file:
        while piece := source.read(_CHUNK):
            file.write(piece)


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
