"""Opens volumes and sessions in a tab: by path, by upload, or left behind; one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .AppError import AppError
from .AppOptions import STARTS
from .KeptSessions import KeptWork
from .Loading import Loaded, load
from .Uploads import Uploads

if TYPE_CHECKING:
    from .TabState import TabState


class Opening:
    """What a tab is about to work on."""

    def __init__(self, tab: TabState) -> None:
        self._tab, self._shared = tab, tab.shared
        self.isBusy = False
        """Whether a volume is being read."""
        self.text = ""
        """What is done, for the user."""

    def openStart(self) -> None:
        """Load what the server was started with; nothing if it was started without."""
        options = self._shared.options
        source = options.start or str(options.volume or "")
        if source:
            self._tab.run(self._open(source))

    def openPath(self, text: str) -> None:
        """Load what the user names: a path in the folder, `sample` or `phantom`.

        Raises:
            AppError: There is no such path in the folder.
        """
        source = text if text in STARTS else str(self._shared.folder.find(text))
        self._tab.run(self._open(source))

    async def upload(self, request: Any) -> None:
        """Take what the page sends, and load it.

        Raises:
            AppError: It cannot be loaded.
        """
        work = self._shared.kept.begin()
        with self._droppedUnlessTaken(work):
            uploads = Uploads(work.uploads, self._shared.options.maxUploadBytes)
            path = await uploads.receive(request)
            if path.suffix.lower() == ".zip":
                await self._openSession(path)
            else:
                await self._load(str(path), work)

    def resume(self, identifier: str) -> None:
        """Go on with a session that was left behind."""
        self._tab.run(self._resume(identifier))

    async def _open(self, source: str) -> None:
        work = self._shared.kept.begin()
        with self._droppedUnlessTaken(work):
            await self._load(source, work)

    async def _resume(self, identifier: str) -> None:
        work = self._shared.kept.take(identifier)
        try:
            note = work.noted()
            if note is None:
                raise AppError("This session is damaged and cannot be opened.")
            loaded = await self._read(self._noted(note.volume, work))
            workspace = await self._tab.take(loaded, work)
            await workspace.restore(note)
            workspace.begin()
        finally:
            if not self._isTaken(work):
                work.leave()

    async def _load(self, source: str, work: KeptWork) -> None:
        loaded = await self._read(source)
        workspace = await self._tab.take(loaded, work)
        workspace.editor.select(workspace.segments.add())
        workspace.begin()

    async def _openSession(self, path: Path) -> None:
        """Go on with a session from a file, in the selected segment."""
        workspace = self._tab.workspace
        if workspace is None:
            raise AppError(
                "This file is a session; open its volume first, then send the session again."
            )
        workspace.logic.openSession(path)
        await workspace.idle()
        if workspace.logic.state.isError:
            raise AppError(workspace.logic.state.statusText)
        workspace.showClicks()

    async def _read(self, source: str) -> Loaded:
        if self.isBusy:
            raise AppError("Another volume is being loaded; wait for it.")
        self.isBusy = True
        self.text = f"Loading {source if source in STARTS else Path(source).name} \u2026"
        self._tab.dismiss()
        try:
            return await asyncio.to_thread(load, source, self._shared.read)
        finally:
            self.isBusy = False
            self._tab.publish()

    def _noted(self, source: str, work: KeptWork) -> str:
        """Return where a noted volume is, if it may be read: uploaded then, or in the folder."""
        uploads = work.uploads.resolve()
        if source in STARTS or Path(source).resolve().is_relative_to(uploads):
            return source
        return str(self._shared.folder.find(source))

    @contextmanager
    def _droppedUnlessTaken(self, work: KeptWork) -> Iterator[None]:
        """Delete a folder in which nothing was begun."""
        try:
            yield
        finally:
            if not self._isTaken(work):
                work.drop()

    def _isTaken(self, work: KeptWork) -> bool:
        workspace = self._tab.workspace
        return workspace is not None and workspace.work is work
