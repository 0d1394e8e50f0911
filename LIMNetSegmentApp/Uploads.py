"""Files that a browser sends: capped while they arrive, each upload in a folder of its own.

Nothing that is sent says where it is written: names lose their folders, and members of a zip are
checked before one of them is unpacked.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from aiohttp import BodyPartReader, web

from .AppError import AppError

MOST_FILES = 20_000
"""Of a series; of an upload, or of a zip."""
MOST_RATIO = 200
"""Bytes that a zip may hold for every byte of it; images of patients rarely reach 20."""

_FIELD = "file"
_PIECE = 1 << 20
_LONGEST_NAME = 120
_JOURNAL = "journal.jsonl"
_MIB = 1 << 20
_NO_IMAGES = ("DICOMDIR", "__MACOSX")  # what lies beside the images of a series


class Uploads:
    """Takes what is sent, and keeps it until it is removed."""

    def __init__(self, folder: Path, maxBytes: int) -> None:
        """Take where to keep it; nothing is made before something arrives.

        Args:
            folder: Uploads become folders in it.
            maxBytes: Of one upload, and of what it holds when unpacked.
        """
        self._folder, self._maxBytes = folder, maxBytes

    async def receive(self, request: web.Request) -> Path:
        """Return what was sent: an image file, the folder of DICOM files, or the zip of a session.

        Args:
            request: Multipart, with one or more fields `file`.

        Raises:
            AppError: It is too large, broken, or none of these. Nothing of it stays.
        """
        if not request.content_type.startswith("multipart/"):
            raise AppError("The upload carries no file; choose one.")
        self._checkSize(request.content_length or 0)
        folder = self._newFolder()
        try:
            await self._store(request, folder)
            return await asyncio.to_thread(self._found, folder)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise AppError(
                    f"The upload could not be kept ({error.strerror or error}); make room on the "
                    "server's disk."
                ) from error
            raise

    def removeAll(self) -> None:
        """Delete all uploads."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _newFolder(self) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix="upload-", dir=self._folder))
        except OSError as error:
            raise AppError(f"The upload could not be kept ({error.strerror or error}).") from error

    async def _store(self, request: web.Request, folder: Path) -> None:
        """Write the files as they arrive."""
        count = size = 0
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader) or part.name != _FIELD or not part.filename:
                    continue
                count += 1
                self._checkCount(count)
                with _freshFile(folder, part.filename) as file:
                    async for piece in _pieces(part):
                        size += len(piece)
                        self._checkSize(size)
                        file.write(piece)
        except (ValueError, KeyError, AssertionError) as error:  # of whatever wrote no multipart
            raise AppError("The upload came in broken; send it again.") from error
        if not count:
            raise AppError("The upload carries no file; choose one.")

    def _found(self, folder: Path) -> Path:
        """Return what to load of the files that were sent."""
        files = sorted(folder.iterdir())
        if len(files) == 1 and files[0].suffix.lower() == ".zip":
            if _isSession(files[0]):
                return files[0]
            return self._unpacked(files[0])
        return self._imageOrSeries(folder, files)

    def _unpacked(self, path: Path) -> Path:
        """Return what to load of a zip, which goes."""
        from SlicerLIMNet.errors import LIMNetError
        from SlicerLIMNet.io.archives import ArchiveFault, ArchiveLimits, unpack

        target = path.parent / (path.stem or "images")
        try:
            unpack(path, target, ArchiveLimits(MOST_FILES, self._maxBytes, MOST_RATIO), "images")
        except ArchiveFault as fault:
            raise AppError(f"{path.name} {fault}.") from fault
        except LIMNetError as error:
            raise AppError(f"{path.name} could not be unpacked; make room on the disk.") from error
        path.unlink()
        files = sorted(file for file in target.rglob("*") if file.is_file())
        return self._imageOrSeries(target, [f for f in files if not _isBeside(f, target)])

    def _imageOrSeries(self, folder: Path, files: list[Path]) -> Path:
        """Return the one image file, else a folder in which all files lie side by side."""
        from SlicerLIMNet.io.itk_images import is_image_file

        images = [file for file in files if is_image_file(file)]
        if len(images) > 1:
            names = ", ".join(file.name for file in images[:3])
            raise AppError(f"The upload holds several images ({names}); send one at a time.")
        if images:
            self._checkPromise(images[0])
            return images[0]
        if not any(_isDicom(file) for file in files):
            raise AppError(
                "The upload holds no image; send NIfTI, NRRD, MetaImage, or a DICOM series (its "
                "files, or a zip of them)."
            )
        return _sideBySide(folder, files)

    def _checkPromise(self, path: Path) -> None:
        """A small file may promise very many voxels; what is wrong else is for the reader to say.

        Raises:
            AppError: It promises too many.
        """
        from SlicerLIMNet.errors import VolumeError
        from SlicerLIMNet.io.image_headers import read_promise

        try:
            self._checkSize(read_promise(path).size)
        except VolumeError as error:
            raise AppError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error

    def _checkSize(self, size: int) -> None:
        if size > self._maxBytes:
            raise AppError(
                f"The upload is larger than {self._maxBytes // _MIB} MiB, which this server takes; "
                "crop the volume, or start the server with --max-upload-mib."
            )

    def _checkCount(self, count: int) -> None:
        if count > MOST_FILES:
            raise AppError(f"The upload holds more than {MOST_FILES} files; send one series.")


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(_PIECE):
        yield piece


def _freshFile(folder: Path, name: str) -> BinaryIO:
    """Open a new file for a name that nobody vouches for: its last part, if that is one."""
    last = re.split(r"[/\\]", name)[-1]
    clean = re.sub(r"[^\w .,()+=@-]", "_", last)[-_LONGEST_NAME:].strip(" .")
    clean = clean or "image"
    path, number = folder / clean, 1
    while path.exists():
        number += 1
        path = folder / f"{number}-{clean}"
    return path.open("xb")


def _isSession(path: Path) -> bool:
    """Whether a zip holds a journal, at the top or in one folder."""
    from SlicerLIMNet.io.archives import ArchiveFault, ArchiveLimits, member_names

    try:
        names = member_names(path, ArchiveLimits(MOST_FILES))
    except ArchiveFault:
        return False
    return any(name.name == _JOURNAL and len(name.parts) <= 2 for name in names)


def _isBeside(file: Path, folder: Path) -> bool:
    """Whether a file of a zip belongs to no image: an index, or what some systems add."""
    parts = file.relative_to(folder).parts
    return any(part.startswith(".") or part.upper() in _NO_IMAGES for part in parts)


def _isDicom(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def _sideBySide(folder: Path, files: list[Path]) -> Path:
    """Bring files of a tree into its top folder, with names of our own; the rest goes."""
    flat = Path(tempfile.mkdtemp(prefix="series-", dir=folder))
    for number, file in enumerate(files):
        file.rename(flat / f"{number:05d}.dcm")
    for left in folder.iterdir():
        if left != flat:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    for file in flat.iterdir():
        file.rename(folder / file.name)
    flat.rmdir()
    return folder
