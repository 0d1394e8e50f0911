"""The folder of imported weights: what lies there, taking in files, removing them.

The weights of preset `light` come with the extension and are not here. The engine looks below the
folder that the environment names in LIMNET_HOME.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

HOME_VARIABLE = "LIMNET_HOME"
SUFFIX = ".safetensors"
CHECKSUMS = "SHA256SUMS"
_CHUNK = 4 * 2**20
_NAME = re.compile(r"(?:light|paper)-(?:prompt|memory|quality)(?:-v\d+)?\.safetensors")

Report = Callable[[int, int], None]
"""Told bytes done and bytes in all."""


class WeightsFolderError(Exception):
    """A file could not be taken in or removed; the sentence is for the user."""


class UnknownChecksumError(WeightsFolderError):
    """Nothing says what the checksum of a file should be; the user may compare it."""


@dataclass(frozen=True)
class WeightsFile:
    """A file that lies in the folder."""

    name: str
    """Of the file."""
    size: int
    """In bytes."""


class WeightsFolder:
    """A folder with imported weights."""

    def __init__(self, home: Path) -> None:
        self.home = home
        """What LIMNET_HOME names; the files lie in Models below it."""

    @property
    def models(self) -> Path:
        """Where the files lie; it need not exist."""
        return self.home / "Models"

    @property
    def files(self) -> tuple[WeightsFile, ...]:
        """What lies there."""
        found = sorted(self.models.glob(f"*{SUFFIX}"))
        return tuple(WeightsFile(path.name, path.stat().st_size) for path in found)

    @property
    def sentence(self) -> str:
        """What lies there, in words."""
        if not self.files:
            return _("No imported weights; those of preset light come with the extension.")
        size = sum(file.size for file in self.files) / 1e6
        names = ", ".join(file.name for file in self.files)
        return _("{names} ({size} MB)").format(names=names, size=round(size, 1))

    def use(self) -> None:
        """Let the engine look here."""
        os.environ[HOME_VARIABLE] = str(self.home)

    def add(self, source: Path, isTrusted: bool = False, report: Report | None = None) -> Path:
        """Copy a weights file here, aside and then renamed, if its checksum is right.

        Args:
            source: A file as `limnet weights import` or a colleague wrote it; the list SHA256SUMS
                beside it says what its checksum should be.
            isTrusted: Whether a file that is in no list is taken all the same.
            report: Told how far it has come.

        Raises:
            UnknownChecksumError: No list names the file, and it is not trusted.
            WeightsFolderError: The file is damaged, of an unknown name, or cannot be copied.
        """
        if not _NAME.fullmatch(source.name):
            raise WeightsFolderError(
                _("{name} is no weights file of LIMNet; they are named like {example}.").format(
                    name=source.name, example="paper-memory.safetensors"
                )
            )
        try:
            return self._copy(source, isTrusted, report or (lambda _done, _total: None))
        except OSError as error:
            raise WeightsFolderError(
                _("{name} could not be copied to {folder} ({reason}).").format(
                    name=source.name, folder=self.models, reason=error.strerror or error
                )
            ) from error

    def remove(self) -> int:
        """Remove all imported weights; return how many bytes that freed.

        Raises:
            WeightsFolderError: A file could not be removed.
        """
        freed = sum(file.size for file in self.files)
        try:
            for file in self.files:
                (self.models / file.name).unlink()
            (self.models / CHECKSUMS).unlink(missing_ok=True)
        except OSError as error:
            raise WeightsFolderError(
                _("The imported weights could not be removed ({reason}).").format(
                    reason=error.strerror or error
                )
            ) from error
        with suppress(OSError):  # what else lies there is not ours
            self.models.rmdir()
        return freed

    def _copy(self, source: Path, isTrusted: bool, report: Report) -> Path:
        expected = readChecksums(source.parent).get(source.name)
        target = self.models / source.name
        self.models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".limnet-", dir=self.models) as aside:
            part = Path(aside, source.name)
            found = _copyAndHash(source, part, report)
            if expected is None and not isTrusted:
                raise UnknownChecksumError(
                    _(
                        "No list {list} beside {name} says what its checksum should be. "
                        "Its SHA-256 is {found}"
                    ).format(list=CHECKSUMS, name=source.name, found=found)
                )
            if expected not in (None, found):
                raise WeightsFolderError(
                    _(
                        "{name} is damaged: its SHA-256 is {found} and should be {expected}. "
                        "Copy it again."
                    ).format(name=source.name, found=found, expected=expected)
                )
            part.replace(target)
        self._write({**readChecksums(self.models), target.name: found})
        return target

    def _write(self, checksums: Mapping[str, str]) -> None:
        lines = [f"{checksum}  {name}\n" for name, checksum in sorted(checksums.items())]
        part = self.models / f"{CHECKSUMS}.part"
        part.write_text("".join(lines), "utf-8")
        part.replace(self.models / CHECKSUMS)


def readChecksums(folder: Path) -> dict[str, str]:
    """Return SHA-256 by file name from a folder's list, empty where there is none."""
    try:
        lines = (folder / CHECKSUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    return {pair[1].lstrip("*"): pair[0].lower() for pair in pairs if len(pair) == 2}


def _copyAndHash(source: Path, target: Path, report: Report) -> str:
    """Copy a file and return its SHA-256."""
    digest, total, done = hashlib.sha256(), source.stat().st_size, 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            report(done, total)
    return digest.hexdigest()
