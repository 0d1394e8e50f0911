"""What a tab leaves behind: its journals, and what to open again around them.

Every tab works in a folder of its own, which it keeps locked. Whether the tab is closed or the
server is killed, the lock goes and the folder stays, and is offered to whoever opens the page next.

    tab-XXXX/in-use.lock   work.json   Journals/run-XXXX/....limnet   Uploads/
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from LIMNetSegmentLib.JournalFolders import lockedFile

from .AppError import AppError

MOST_OFFERED = 5
MOST_KEPT = 20
MOST_DAYS = 30

_TAB = "tab-"
_LOCK = "in-use.lock"
_NOTE = "work.json"
_JOURNALS = "Journals"
_UPLOADS = "Uploads"
_ANY_JOURNAL = f"{_JOURNALS}/run-*/*.limnet/journal.jsonl"
_SECONDS_A_DAY = 86_400
_SECONDS_TO_LOCK = 60


@dataclass(frozen=True)
class NotedSegment:
    """A segment, to be made again before its journal is taken up."""

    id: str
    """In the segmentation; its journal is found by it."""
    name: str
    """For the user."""
    colour: tuple[float, float, float]
    """Red, green and blue, 0 to 1."""


@dataclass(frozen=True)
class WorkNote:
    """What has to be opened again."""

    volume: str
    """Absolute path, `sample` or `phantom`."""
    volumeName: str
    """For the user."""
    segments: tuple[NotedSegment, ...]
    """All, in their order."""
    savedAt: float
    """Seconds of the epoch."""
    selected: int = 0
    """Place of the selected segment."""
    series: str = ""
    """UID, where the path is a folder of several."""
    volumeSha256: str = ""
    """Of the voxels, where it is known."""


@dataclass(frozen=True)
class LeftWork:
    """A folder that no tab works in."""

    id: str
    """For the page; no path."""
    note: WorkNote
    """What it holds."""


class KeptWork:
    """The folder of one tab, locked until it is left."""

    def __init__(self, folder: Path, lock: IO[bytes]) -> None:
        """Take a folder that is locked."""
        self.folder = folder
        """Of the tab."""
        self.journals = folder / _JOURNALS
        """Where `SessionDesk` keeps the journals of the tab."""
        self.uploads = folder / _UPLOADS
        """Where the tab's uploads stay, as long as its journals."""
        self._lock: IO[bytes] | None = lock

    def note(self, work: WorkNote) -> None:
        """Write down what has to be opened again, in place of what was noted before.

        Raises:
            OutputError: It could not be written.
        """
        from SlicerLIMNet.io.write_aside import write_aside

        with write_aside(self.folder / _NOTE) as aside:
            aside.write_text(json.dumps(asdict(work)), encoding="utf-8")

    def noted(self) -> WorkNote | None:
        """Return what was noted last; None where that is nothing, or damaged."""
        return _readNote(self.folder)

    def leave(self) -> None:
        """The tab is closed: keep what it did, or nothing where it did nothing."""
        if self._lock is None:
            return
        if not _isWorthKeeping(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._unlock()

    def drop(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
        self._lock = None


class KeptSessions:
    """The folders of all tabs, of this server and of others that share the place."""

    def __init__(self, root: Path) -> None:
        """Take the folder around them; nothing is made before the first tab."""
        self._root = root

    def begin(self) -> KeptWork:
        """Return a new folder for a tab, and delete what is old.

        Raises:
            AppError: It cannot be made.
        """
        self._removeOld()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=_TAB, dir=self._root))
        except OSError as error:
            raise AppError(
                f"Sessions cannot be kept in {self._root} ({error.strerror or error}); name "
                "another folder (--data)."
            ) from error
        lock = lockedFile(folder / _LOCK)
        if lock is None:
            raise AppError(f"Files in {self._root} cannot be locked; name another folder (--data).")
        return KeptWork(folder, lock)

    def leftBehind(self, volumeSha256: str | None = None) -> list[LeftWork]:
        """Return what no tab works on, newest first; of one volume where it is given."""
        found = [
            LeftWork(folder.name, note)
            for folder, note in self._free()
            if note is not None and volumeSha256 in (None, note.volumeSha256)
        ]
        return sorted(found, key=lambda left: -left.note.savedAt)[:MOST_OFFERED]

    def take(self, id: str) -> KeptWork:  # noqa: A002 - the page's word
        """Return what was left behind, for a tab that goes on with it.

        Raises:
            AppError: It is gone, or another tab has it now.
        """
        folder = self._folderOf(id)
        lock = lockedFile(folder / _LOCK) if _isWorthKeeping(folder) else None
        if lock is None:
            raise AppError("This session is gone, or open in another tab.")
        return KeptWork(folder, lock)

    def forget(self, id: str) -> None:  # noqa: A002 - the page's word
        """Delete what was left behind; what a tab works on stays."""
        with suppress(AppError):
            self.take(id).drop()

    def _folderOf(self, id: str) -> Path:  # noqa: A002 - the page's word
        """Return the folder of an id that a page sent: only a name that is listed has one."""
        for folder in self._folders():
            if folder.name == id:
                return folder
        raise AppError("This session is gone, or open in another tab.")

    def _folders(self) -> list[Path]:
        return [folder for folder in self._root.glob(f"{_TAB}*") if folder.is_dir()]

    def _free(self) -> Iterator[tuple[Path, WorkNote | None]]:
        """Yield what nobody has locked; the note is None where there is nothing to go on with."""
        for folder in self._folders():
            lock = lockedFile(folder / _LOCK)
            if lock is not None:
                lock.close()
                yield folder, _readNote(folder) if _isWorthKeeping(folder) else None

    def _removeOld(self) -> None:
        now = time.time()
        free = sorted(self._free(), key=lambda pair: -_savedAt(pair[1]))
        for place, (folder, note) in enumerate(free):
            isOld = now - _savedAt(note) > MOST_DAYS * _SECONDS_A_DAY
            if place >= MOST_KEPT or (isOld and not _isJustMade(folder, now)):
                shutil.rmtree(folder, ignore_errors=True)


def _isWorthKeeping(folder: Path) -> bool:
    """Whether something was done there, and it is known on what."""
    return (folder / _NOTE).is_file() and next(folder.glob(_ANY_JOURNAL), None) is not None


def _isJustMade(folder: Path, now: float) -> bool:
    """Whether another server may be about to lock it."""
    return now - folder.stat().st_mtime < _SECONDS_TO_LOCK


def _savedAt(note: WorkNote | None) -> float:
    return 0.0 if note is None else note.savedAt


def _readNote(folder: Path) -> WorkNote | None:
    try:
        parts = json.loads((folder / _NOTE).read_text("utf-8"))
        parts["segments"] = tuple(_segmentOf(segment) for segment in parts["segments"])
        return WorkNote(**parts)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _segmentOf(parts: dict[str, Any]) -> NotedSegment:
    red, green, blue = (float(value) for value in parts["colour"])
    return NotedSegment(str(parts["id"]), str(parts["name"]), (red, green, blue))
