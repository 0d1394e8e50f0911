"""Opening by path: only what lies below one folder, wherever links and `..` would lead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .AppError import AppError

_MOST_ENTRIES = 1000
_LONGEST_PATH = 4096


@dataclass(frozen=True)
class Entry:
    """Something that can be chosen."""

    name: str
    """Of the file or folder."""
    path: str
    """What `find` takes: from the folder on, with `/`."""
    isFolder: bool
    """Whether it is to be looked into; the folder of a DICOM series can be opened as well."""


class DataFolder:
    """The folder that was chosen when the server was started."""

    def __init__(self, root: Path) -> None:
        """Take the folder.

        Raises:
            AppError: There is none.
        """
        try:
            self.root = root.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise AppError(f"There is no folder {root}; choose another one (--folder).") from error
        if not self.root.is_dir():
            raise AppError(f"{root} is no folder; choose one (--folder).")

    def find(self, text: str) -> Path:
        """Return the image file, or the folder, that a user names.

        Args:
            text: From the folder on, or absolute.

        Raises:
            AppError: It is not there, or lies outside; which of both is not told. Or what it would
                read with it lies outside.
        """
        path = self._inside(text)
        for part in _readWith(path):
            if not self._holds(part):
                raise AppError(f"{path.name} needs files that lie outside {self.root.name}.")
        return path

    def listing(self, text: str = "") -> list[Entry]:
        """Return what a folder offers: folders first, then image files, both by name.

        Raises:
            AppError: It is no folder, not there, or lies outside.
        """
        folder = self._inside(text)
        if not folder.is_dir():
            raise AppError(f"{folder.name} is no folder.")
        try:
            paths = sorted(folder.iterdir(), key=lambda path: path.name.lower())
        except OSError as error:
            raise AppError(f"The folder {folder.name} cannot be read.") from error
        shown = [path for path in paths if not path.name.startswith(".") and self._holds(path)]
        folders = [path for path in shown if path.is_dir()]
        images = [path for path in shown if path.is_file() and _isImage(path)]
        return [self._entry(folder, path) for path in (*folders, *images)][:_MOST_ENTRIES]

    def _entry(self, folder: Path, path: Path) -> Entry:
        place = (folder.relative_to(self.root) / path.name).as_posix()
        return Entry(path.name, place, path.is_dir())

    def _inside(self, text: str) -> Path:
        """Return where a text leads, without links."""
        path = _resolved(self.root / text.strip()) if len(text) <= _LONGEST_PATH else None
        if path is None or not path.is_relative_to(self.root):
            raise AppError(
                f"There is no {text.strip()[:80]!r} in the folder {self.root.name}; files outside "
                "of it can be uploaded."
            )
        return path

    def _holds(self, path: Path) -> bool:
        """Whether a path leads to something in the folder."""
        resolved = _resolved(path)
        return resolved is not None and resolved.is_relative_to(self.root)


def _resolved(path: Path) -> Path | None:
    """Return a path without links and `..`; None where it leads nowhere."""
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # links in a circle, a null character
        return None


def _readWith(path: Path) -> list[Path]:
    """Return the other files that reading a file or a folder would open."""
    if path.is_dir():
        return [inner for inner in path.iterdir() if inner.is_file()]
    from SlicerLIMNet.errors import VolumeError
    from SlicerLIMNet.io.image_headers import read_promise

    if not _isImage(path):
        return []
    try:
        return [read_promise(path).data_file]
    except VolumeError:
        return []  # the reader refuses it with a better sentence


def _isImage(path: Path) -> bool:
    from SlicerLIMNet.io.itk_images import is_image_file

    return is_image_file(path)
