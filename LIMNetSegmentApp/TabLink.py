"""The wire between one browser tab and its objects: a trame server that listens on no port.

Every tab has a server of its own, with its own state, views and triggers; the one HTTP server of
the app hands it the messages of the tab's websocket.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web
from trame_server import Server

PAGE = Path(__file__).with_name("Page")
SECRET = "wslink-secret"
"""That trame's page greets with; no secret at all, so who may greet is for `Access` to say."""

_PAGE_ROUTE = "limnet"
_HEARTBEAT_S = 30
_GOODBYE_S = 2.0  # for a page to answer that it is let go
_MAX_MESSAGE = 8 * 2**20  # uploads come another way
_ENDPOINT = "ws"
_LOST = """\
<div class="lost"><div class="card"><h1>The connection is gone</h1>
<p class="lead">Nothing is lost: what was done is kept on the server.</p>
<button class="main" data-testid="reconnect" onclick="location.reload()">Connect again</button>
</div></div>"""


class TabLink:
    """One tab's server."""

    def __init__(self, name: str) -> None:
        """Make it; it runs from `start` on."""
        os.environ["TRAME_ARGS"] = ""  # the command line is ours, and not for trame to read
        self.server = Server(name=f"limnet-{name}")
        self.server.client_type = "vue3"
        self._endpoint: Any = None
        self._task: asyncio.Task[None] | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def connections(self) -> int:
        """How many pages are connected now."""
        return len(self._sockets)

    def showPage(self, pagesOwn: Mapping[str, Any]) -> None:
        """Have the page shown, with values that only the page itself changes."""
        state = self.server.state
        state.trame__title = "LIMNet"
        state.trame__favicon = f"{_PAGE_ROUTE}/icon.svg"
        state.trame__template_main = (PAGE / "page.html").read_text("utf-8")
        state.trame__template_error = _LOST
        state.update(pagesOwn)
        state.trame__client_only = [*state.trame__client_only, *pagesOwn]

    async def start(self) -> None:
        """Run, with all modules that were enabled before."""
        from trame_rca import module as remoteAreas

        self.server.enable_module(remoteAreas)
        self.server.enable_module(
            {
                "serve": {_PAGE_ROUTE: str(PAGE)},
                "styles": [f"{_PAGE_ROUTE}/page.css"],
                "scripts": [f"{_PAGE_ROUTE}/page.js"],
            }
        )
        self.server.controller.on_server_bind.add(self._bind)
        self._task = self.server.start(
            exec_mode="task",
            backend="generic",
            open_browser=False,
            show_connection_info=False,
            disable_logging=True,
            timeout=0,
        )
        await self.server.ready

    async def stop(self) -> None:
        """End it; connected pages are told that the server is gone."""
        # A page that stays connected would hold up the end of the app for a minute.
        await asyncio.gather(*(s.close(code=WSCloseCode.GOING_AWAY) for s in self._sockets))
        await self.server.stop()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task

    def folders(self) -> dict[str, Path]:
        """Return the folders whose files the page may ask for, by the first part of their path."""
        found = {
            name: Path(place[0] if isinstance(place, tuple | list) else place)
            for name, place in self.server.serve.items()
        }
        return {**found, "": Path(self.server._www)}

    def on(self, name: str, action: Callable[..., Any]) -> None:
        """Let the page call something: `trigger('name', [...])`."""
        self.server.trigger(name)(action)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Carry the messages of one page until it goes."""
        socket = web.WebSocketResponse(
            max_msg_size=_MAX_MESSAGE, heartbeat=_HEARTBEAT_S, timeout=_GOODBYE_S
        )
        await socket.prepare(request)
        connection = await self._endpoint.connect()

        async def send(isBinary: bool, message: bytes | str) -> None:
            with suppress(ConnectionError):  # a page that is gone misses nothing
                await (socket.send_bytes if isBinary else socket.send_str)(message)

        connection.on_message(send)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    await connection.send(True, message)
        finally:
            self._sockets.discard(socket)
            await self._endpoint.disconnect(connection)
        return socket

    def _bind(self, server: Any) -> None:
        self._endpoint = server[_ENDPOINT]
