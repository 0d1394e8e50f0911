"""Journals on the disk, against a crash: what an orderly end leaves behind is nothing.

Every run of the application has a folder of its own, which it keeps locked: a folder that nobody
locks was left behind by a crash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_LOCK = "in-use.lock"
_RUN = "run-"
_SUFFIX = ".limnet"
_JOURNAL = "journal.jsonl"


class JournalFolders:
    """The folders of this run, and what crashed runs have left; one thread at a time."""

    def __init__(self, root: Path, keep: bool = False) -> None:
        """Begin a run; nothing is made before a journal is begun.

        Args:
            root: The folder that all runs share.
            keep: Whether journals outlive an orderly end as they do a crash.
        """
        self._root, self._keeps = root, keep
        self._run: Path | None = None
        self._lock: IO[bytes] | None = None

    def newFolder(self, volumeSha256: str, segmentName: str) -> Path:
        """Return a folder for the journal of a session; it does not exist yet.

        Raises:
            OSError: The folder of this run cannot be made.
        """
        run, name = self._ownRun(), _nameOf(volumeSha256, segmentName)
        number = 1
        while (folder := run / f"{name}-{number}{_SUFFIX}").exists():
            number += 1
        return folder

    def leftBehind(self, volumeSha256: str, segmentName: str) -> Path | None:
        """Return the newest journal of a volume and a segment that a crash has left; or None."""
        name = _nameOf(volumeSha256, segmentName)
        found = [
            journal
            for run in self._crashedRuns()
            for journal in run.glob(f"{name}-*{_SUFFIX}/{_JOURNAL}")
        ]
        newest = max(found, key=lambda journal: journal.stat().st_mtime, default=None)
        return None if newest is None else newest.parent

    def take(self, folder: Path) -> Path:
        """Make a folder that was left behind one of this run; return where it stands then.

        Raises:
            OSError: It is gone, or cannot be moved.
        """
        target = self._ownRun() / f"{folder.stem}-again{_SUFFIX}"
        while target.exists():
            target = target.with_name(f"{target.stem}+{_SUFFIX}")
        shutil.move(folder, target)
        self._dropEmptyRuns()
        return target

    def drop(self, folder: Path) -> None:
        """Delete a folder that was left behind."""
        shutil.rmtree(folder, ignore_errors=True)
        self._dropEmptyRuns()

    def close(self) -> None:
        """End this run in order: its journals are needed no more, unless they are to be kept."""
        if self._lock is not None:
            self._lock.close()
        if self._run is not None and not self._keeps:
            shutil.rmtree(self._run, ignore_errors=True)
        self._run = self._lock = None

    def _ownRun(self) -> Path:
        if self._run is None:
            self._root.mkdir(parents=True, exist_ok=True)
            self._run = Path(tempfile.mkdtemp(prefix=_RUN, dir=self._root))
            self._lock = lockedFile(self._run / _LOCK)
        return self._run

    def _crashedRuns(self) -> Iterator[Path]:
        for run in self._root.glob(f"{_RUN}*"):
            if run != self._run and (lock := lockedFile(run / _LOCK)) is not None:
                lock.close()
                yield run

    def _dropEmptyRuns(self) -> None:
        for run in self._crashedRuns():
            if not any(run.glob(f"*{_SUFFIX}")):
                shutil.rmtree(run, ignore_errors=True)


def hasCrashedRuns(root: Path | None) -> bool:
    """Whether it is worth looking for what was left behind; quick, and on any thread."""
    return root is not None and next(root.glob(f"{_RUN}*/*{_SUFFIX}"), None) is not None


def lockedFile(path: Path) -> IO[bytes] | None:
    """Return a file that this process has locked until it is closed; None where another has."""
    try:
        file = path.open("ab")
    except OSError:
        return None
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _nameOf(volumeSha256: str, segmentName: str) -> str:
    """Return a file name that tells volume and segment apart from others."""
    segment = hashlib.sha256(segmentName.encode("utf-8")).hexdigest()
    return f"{volumeSha256[:16]}-{segment[:8]}"
