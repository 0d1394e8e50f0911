"""The session of a command: new, or one that an earlier call kept, in a folder or a zip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.cli.terminal import say
from SlicerLIMNet.domain.plane import AnyPlane
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.parts import Networks
from SlicerLIMNet.session.session import Session


@dataclass(frozen=True)
class KeptSession:
    """Where a session is kept, and the one found there."""

    path: Path | None
    """A folder, written at every step; a file `.zip`, written after every round; None for neither.
    """
    volume: Volume
    """The image."""
    engine: Networks
    """To go on with."""
    stored: Session | None
    """What was found."""

    @classmethod
    def find(cls, path: Path | None, volume: Volume, engine: Networks) -> KeptSession:
        """Open the session at a path if there is one.

        Raises:
            SessionError: What is there is no session, is damaged, or belongs to another volume.
            OutputError: It cannot be written.
        """
        if path is None:
            return cls(None, volume, engine, None)
        if path.is_file() and not _is_zip(path):
            raise SessionError(f"{path} is a file; a session is a folder or a file .zip")
        if path.is_dir() or _is_zip(path):
            check_can_write(path if _is_zip(path) else path / "journal.jsonl")
        stored = Session.open(path, volume, engine) if _holds_files(path) else None
        return cls(path, volume, engine, stored)

    def begin(
        self,
        plane: AnyPlane,
        window: Window | None,
        mask: npt.NDArray[np.bool_] | None,
        options: Mapping[str, Any],
    ) -> Session:
        """Return the session to work in.

        Args:
            plane: To click in, if it is new.
            window: Given by the user; what is stored must be the same.
            mask: [z, y, x], to start from if it is new.
            options: Of rounds, by the names of `RoundConfig`; others stay as they are.

        Raises:
            SessionError: The stored session has another window.
            OutputError: Its folder cannot be made.
        """
        if self.stored is not None:
            return self._go_on(self.stored, window, mask is not None, options)
        config = replace(self.engine.default_config, **options)
        folder = None if self.path is None or _is_zip(self.path) else self.path
        session = Session(self.volume, self.engine, plane, config, window=window, folder=folder)
        if mask is not None:
            session.set_mask(mask, given=True)
        return session

    def save(self, session: Session) -> None:
        """Write the zip, where it is one; a folder has everything already."""
        if self.path is not None and _is_zip(self.path) and session.journal_text:
            session.save(self.path)

    @property
    def farewell(self) -> str:
        """A sentence for the user who stops."""
        if self.path is None:
            return "cancelled; nothing was written (with --session a later call could go on)"
        return f"cancelled; {self.path} holds all that was done, and the same call goes on from it"

    def _go_on(
        self, session: Session, window: Window | None, has_mask: bool, options: Mapping[str, Any]
    ) -> Session:
        if window is not None and (window.low, window.high) != _window_of(session):
            raise SessionError(
                f"the session in {self.path} has the window {_window_of(session)}, which stays as "
                "it is; leave --window out, or begin another session"
            )
        if has_mask:
            say(f"note: the session in {self.path} had begun already, so --mask is not used again")
        session.configure(replace(session.config, **options))
        return session


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _holds_files(path: Path) -> bool:
    """Whether there is anything but folders that wait for their first file."""
    return path.is_file() or (path.is_dir() and any(found.is_file() for found in path.rglob("*")))


def _window_of(session: Session) -> tuple[float, float] | None:
    """Return the window in use, or the one that waits for the first click."""
    if session.state.window is not None:
        return session.state.window
    low_high = json.loads(session.journal_text.partition("\n")[0])["window"]
    return None if low_high is None else (low_high[0], low_high[1])
