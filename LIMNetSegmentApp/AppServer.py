"""The HTTP server of the app: one process, one loop, any number of tabs."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import tempfile
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from .Access import Access
from .AppError import AppError
from .AppOptions import AppOptions
from .DataFolder import DataFolder
from .KeptSessions import KeptSessions
from .Loading import Read
from .SharedEngines import SharedEngines
from .TabLink import PAGE, SECRET
from .TabState import PATIENCE_S, Shared, TabState, sentenceOf

MOST_TABS = 12

Say = Callable[[str], None]

_PAGE_MAY_BE_GONE_S = (
    90.0  # a page that is reloaded, or a laptop's short sleep, loses no connection
)
_LOOK_S = 5.0
_PATIENCE_AT_THE_END_S = 3.0  # the locks go with the process, and journals are always whole
_LOG = logging.getLogger(__name__)


class AppServer:
    """Serves the page, and owns the tabs."""

    def __init__(self, options: AppOptions, read: Read, say: Say) -> None:
        """Check the options; nothing listens yet.

        Args:
            options: Of the user.
            read: Reads volumes.
            say: Told the address, once it can be opened.

        Raises:
            AppError: The options would open the server to others, or name no folder.
        """
        self._options, self._say = options, say
        self.access = Access(options.token, options.host)
        self.tabs: dict[str, TabState] = {}
        self._quiet: dict[str, float] = {}
        self._shared = Shared(
            options,
            SharedEngines(),
            KeptSessions(options.dataFolder / "Sessions"),
            DataFolder(options.folder),
            read,
        )

    def application(self) -> web.Application:
        """Return all routes, behind the guard."""
        application = web.Application(client_max_size=2**20)
        if self._options.isTesting:
            from .TestRoutes import addRoutes

            addRoutes(application, self.tabs)
        application.add_routes(
            [
                web.get("/", self._newTab),
                web.get("/tab/{tab}/ws", self._socket),
                web.post("/tab/{tab}/upload", self._upload),
                web.post("/tab/{tab}/paraview/", self._socketAddress),
                web.get("/tab/{tab}/download/{what}", self._download),
                web.get("/tab/{tab}/{path:.*}", self._file),
            ]
        )
        self.access.guard(application)
        return application

    async def run(self) -> None:
        """Listen until the process is told to end."""
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._options.host, self._options.port)
            await site.start()
            address = self.access.address(runner.addresses[0][1])
            self._say(f"LIMNet runs at {address}")
            if self._options.opensBrowser:
                await asyncio.to_thread(webbrowser.open, address)
            await self._untilTold()
        finally:
            for tab in list(self.tabs):
                await self._close(tab, _PATIENCE_AT_THE_END_S)
            await runner.cleanup()

    async def _untilTold(self) -> None:
        """Look after the tabs until Ctrl-C."""
        end, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows raises KeyboardInterrupt instead
                loop.add_signal_handler(number, end.set)
        while not end.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(end.wait(), _LOOK_S)
            await self._closeLeft()

    # Tabs

    async def _closeLeft(self) -> None:
        """Close tabs that no page has been connected to for a while."""
        now = asyncio.get_running_loop().time()
        for name, tab in list(self.tabs.items()):
            if tab.link.connections:
                self._quiet.pop(name, None)
            elif now - self._quiet.setdefault(name, now) > _PAGE_MAY_BE_GONE_S:
                await self._close(name)

    async def _close(self, name: str, patienceSeconds: float = PATIENCE_S) -> None:
        tab = self.tabs.pop(name)
        self._quiet.pop(name, None)
        try:
            await tab.close(patienceSeconds)
        except Exception:
            _LOG.exception("A tab could not be closed in order")

    async def _newTab(self, request: web.Request) -> web.StreamResponse:
        """Make a tab, and send the page there."""
        if len(self.tabs) >= MOST_TABS:
            return web.Response(
                status=503,
                text=f"{MOST_TABS} pages are open already; close one and wait a minute.",
            )
        name = secrets.token_hex(8)  # trame writes addresses in small letters
        tab = TabState(name, self._shared)
        self.tabs[name] = tab
        await tab.start()
        wanted = request.query.get("start") or request.query.get("volume")
        try:
            tab.opening.openPath(wanted) if wanted else tab.opening.openStart()
        except AppError as error:
            tab.tell(error)
        raise web.HTTPFound(f"/tab/{name}/index.html")

    def _tab(self, request: web.Request) -> TabState:
        tab = self.tabs.get(request.match_info["tab"])
        if tab is None:
            raise web.HTTPNotFound(text="This page has been closed; open LIMNet's address again.")
        return tab

    # Routes

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        return await self._tab(request).link.serve(request)

    async def _socketAddress(self, request: web.Request) -> web.StreamResponse:
        """Tell trame's page where its websocket is; without an answer it guesses, and says so."""
        self._tab(request)
        isSafe = request.headers.get("Origin", "").startswith("https:")
        scheme, path = "wss" if isSafe else "ws", request.path.removesuffix("paraview/")
        address = f"{scheme}://{request.host}{path}ws"
        return web.json_response({"id": "limnet", "sessionURL": address, "secret": SECRET})

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        tab = self._tab(request)
        try:
            await tab.opening.upload(request)
        except Exception as error:
            return web.json_response({"error": sentenceOf(error)}, status=400)
        return web.json_response({"ok": True})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        tab, what = self._tab(request), request.match_info["what"]
        workspace = tab.workspace
        with tempfile.TemporaryDirectory(prefix="limnet-") as folder:
            try:
                if workspace is None or what not in ("segmentation", "session"):
                    raise AppError("There is nothing to download yet.")
                if what == "segmentation":
                    path = Path(folder, f"{plainName(workspace.name)}.seg.nrrd")
                    workspace.saveSegmentation(path)
                else:
                    names = (plainName(workspace.name), plainName(workspace.selectedName))
                    path = Path(folder, f"{names[0]}-{names[1]}.limnet.zip")
                    await workspace.saveSession(path)
                content = await asyncio.to_thread(path.read_bytes)
            except Exception as error:
                tab.tell(error)
                return web.Response(status=409, text=sentenceOf(error))
        return _attachment(path.name, content)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """Serve the page and its parts."""
        tab = self.tabs.get(request.match_info["tab"])
        if tab is None:
            raise web.HTTPFound("/")  # a page of a server that is gone begins anew
        place = request.match_info["path"] or "index.html"
        if place == "index.html":
            return _page(tab)
        found = _fileOf(tab, place)
        if found is None:
            raise web.HTTPNotFound(text="There is no such file.")
        return web.FileResponse(found, headers={"Cache-Control": "no-cache"})


def serve(options: AppOptions, read: Read, say: Say) -> None:
    """Serve the app until Ctrl-C.

    Args:
        options: Of the user.
        read: Reads volumes, see `Loading`.
        say: Told the address, once it can be opened.

    Raises:
        AppError: It cannot be served as asked.
        OSError: The port is taken.
    """
    asyncio.run(AppServer(options, read, say).run())


def _page(tab: TabState) -> web.Response:
    """Return trame's page under our name."""
    text = (tab.link.folders()[""] / "index.html").read_text("utf-8")
    text = text.replace("<title>trame is built by Kitware</title>", "<title>LIMNet</title>")
    text = text.replace('href="logo.png"', 'href="limnet/icon.svg"')
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})


def _fileOf(tab: TabState, place: str) -> Path | None:
    """Return a file of the page's folders; None for whatever lies elsewhere."""
    if place == "loading.tpl":
        return PAGE / place
    folders: dict[str, Any] = tab.link.folders()
    first, _, rest = place.partition("/")
    root = folders[first] if first and first in folders else folders[""]
    path = Path(root, rest if first in folders else place).resolve()
    isInside = path.is_relative_to(Path(root).resolve())
    return path if isInside and path.is_file() else None


def plainName(name: str) -> str:
    """Return a name that every system takes for a file."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    return plain.strip(".-") or "volume"


def _attachment(name: str, content: bytes) -> web.Response:
    return web.Response(
        body=content,
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
