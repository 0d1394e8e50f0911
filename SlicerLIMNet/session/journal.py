"""The journal of a session: what happened, line by line, with masks beside; a crash loses nothing.

A folder `NAME.limnet/` holds `journal.jsonl` and `masks/NNN.npz`; a zip of it travels. Without a
folder the journal is kept in memory, ready to be saved.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from SlicerLIMNet.domain.masks import SparseProbability
from SlicerLIMNet.errors import OutputError, SessionError
from SlicerLIMNet.io.state_files import (
    append_to_journal,
    read_journal,
    read_slices,
    unzip_folder,
    write_slices,
    zip_folder,
)

FORMAT = 1

Entry = dict[str, Any]
Slices = Mapping[int, SparseProbability]

_JOURNAL = "journal.jsonl"
_MASKS = re.compile(r"masks/\d{3,}\.npz")


class Journal:
    """Entries in order, the first of which describes the session, and the masks they name."""

    def __init__(self, folder: Path | None = None) -> None:
        """Begin a journal, in memory or in a new folder.

        Raises:
            SessionError: The folder already holds a session.
            OutputError: The folder cannot be made.
        """
        self.entries: list[Entry] = []
        self._slices: dict[str, Slices] = {}
        self._folder = None if folder is None else _new_folder(folder)

    @property
    def folder(self) -> Path | None:
        """Where every operation is written at once; None in memory."""
        return self._folder

    @property
    def text(self) -> str:
        """The entries as they stand in the file; the masks are not part of it."""
        return "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in self.entries)

    def append(self, entry: Entry, slices: Slices | None = None) -> None:
        """Add an operation; on the disk, where there is a folder, before this returns.

        Raises:
            OutputError: It could not be written; the journal is as it was.
        """
        if slices is not None:
            entry = {**entry, "masks": self._next_name()}
        if self._folder is not None:
            if slices is not None:
                write_slices(self._folder / entry["masks"], slices)
            append_to_journal(self._folder / _JOURNAL, entry)
        self.entries.append(entry)
        if slices is not None:
            self._slices[entry["masks"]] = slices

    def slices(self, entry: Entry, shape: tuple[int, int, int]) -> Slices:
        """Return the masks that an entry names.

        Args:
            entry: Of this journal.
            shape: Slices, rows and columns of its plane.

        Raises:
            SessionError: The entry names no masks, or they cannot be read.
        """
        name = entry.get("masks")
        if not isinstance(name, str) or not _MASKS.fullmatch(name):
            raise SessionError(
                f"the journal names no masks for a {entry.get('op')}, but {name!r:.80}"
            )
        if name not in self._slices and self._folder is not None:
            self._slices[name] = read_slices(self._folder / name, shape)
        return self._slices[name]

    def save(self, path: Path) -> None:
        """Write everything: a zip where the name ends so, otherwise a new folder.

        Raises:
            OutputError: It could not be written; an old zip is as it was.
            SessionError: The folder already holds a session.
        """
        if path.suffix != ".zip":
            self._write_to(_new_folder(path))
        elif self._folder is not None:
            zip_folder(self._folder, path)
        else:
            with tempfile.TemporaryDirectory(prefix="limnet-") as folder:
                self._write_to(_new_folder(Path(folder)))
                zip_folder(folder, path)

    def moved_to(self, folder: Path) -> Journal:
        """Return the same journal in a new folder, where it goes on.

        Raises:
            SessionError: The folder already holds a session.
            OutputError: It could not be written.
        """
        self._write_to(_new_folder(folder))
        self._folder = folder
        return self

    def _write_to(self, folder: Path) -> None:
        for name, slices in self._slices.items():
            write_slices(folder / name, slices)
        for entry in self.entries:
            append_to_journal(folder / _JOURNAL, entry)

    def _next_name(self) -> str:
        return f"masks/{sum('masks' in entry for entry in self.entries):03d}.npz"

    @classmethod
    def _of_folder(cls, folder: Path) -> Journal:
        journal = cls()
        journal.entries = read_journal(folder / _JOURNAL)
        check_format(journal.entries, str(folder))
        journal._folder = folder
        return journal

    def _leave_folder(self) -> None:
        self._folder = None


def check_format(entries: Sequence[Entry], where: str) -> Entry:
    """Return the first line of a journal that was found somewhere.

    Raises:
        SessionError: There is none of this format.
    """
    header = entries[0] if entries else None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise SessionError(f"{where} holds no session of format {FORMAT}")
    return header


@contextmanager
def read_stored(path: Path) -> Iterator[Journal]:
    """Give the journal of a folder or zip; all its masks must be asked for inside the block.

    A folder stays the journal's own, so what happens next is written there; a zip does not.

    Raises:
        SessionError: There is no session.
    """
    if path.is_dir():
        yield Journal._of_folder(path)
        return
    if not path.is_file():
        raise SessionError(f"there is no session at {path}")
    with tempfile.TemporaryDirectory(prefix="limnet-") as folder:
        unpacked = Path(folder) / "session"
        unzip_folder(path, unpacked)
        journal = Journal._of_folder(unpacked)
        yield journal
        journal._leave_folder()


def _new_folder(folder: Path) -> Path:
    if (folder / _JOURNAL).exists():
        raise SessionError(f"{folder} already holds a session; open it, or choose another folder")
    try:
        (folder / "masks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the session folder {folder} could not be made ({error.strerror or error})"
        ) from error
    return folder
