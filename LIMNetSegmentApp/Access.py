"""Who may talk to the server: only this machine, or whoever knows the token.

A browser sends requests for pages of others, too. So on loopback the Host must be a name of
loopback, which no foreign page's address is (DNS rebinding), and what comes from a page must come
from ours (Origin), WebSockets included: browsers let any page open one.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, urlsplit

from aiohttp import web

from .AppError import AppError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PARAMETER = "token"
_SHORTEST_TOKEN = 16
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}

TOKEN_NEEDED = (
    "This LIMNet server asks for a token: open the address that it printed when it started."
)
FOREIGN_PAGE = "This request comes from another page; open LIMNet's own address."
FOREIGN_NAME = "LIMNet answers on this machine only: open http://127.0.0.1 with its port."


class Access:
    """Checks every request, whatever it is for."""

    def __init__(self, token: str | None, host: str) -> None:
        """Take what the server was started with.

        Args:
            token: That everybody must know; None on loopback.
            host: Address or name to listen on.

        Raises:
            AppError: The host is not loopback and there is no token, or the token is too short.
        """
        self.check(host, token)
        self._token, self._host = token, host
        self._isLocal = isLoopback(host)

    @staticmethod
    def check(host: str, token: str | None) -> None:
        """Do nothing where a server may listen on a host.

        Raises:
            AppError: Others could reach it and there is no token, or one that could be guessed.
        """
        if token is None and not isLoopback(host):
            raise AppError(
                f"On {host} others can reach this server; start it with a token (--token), or on "
                "127.0.0.1."
            )
        if token is not None and len(token) < _SHORTEST_TOKEN:
            raise AppError(
                f"The token is too short; use at least {_SHORTEST_TOKEN} letters and digits that "
                "nobody guesses."
            )

    @staticmethod
    def newToken() -> str:
        """Return a token that nobody guesses."""
        return secrets.token_urlsafe(32)

    def address(self, port: int) -> str:
        """Return what to open in a browser."""
        name = "127.0.0.1" if self._host in ("0.0.0.0", "") else self._host
        name = f"[{'::1' if name == '::' else name}]" if ":" in name else name
        query = "" if self._token is None else f"?{_PARAMETER}={quote(self._token, safe='')}"
        return f"http://{name}:{port}/{query}"

    def guard(self, application: web.Application) -> None:
        """Stand before everything that an application serves."""
        application.middlewares.insert(0, self.middleware)

    @property
    def middleware(self) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
        """What `guard` puts there."""

        @web.middleware
        async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = self._refusal(request) or await handler(request)
            if not response.prepared:  # a WebSocket, or a stream, is on its way already
                response.headers.update(_HEADERS)
            return response

        return checked

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Return what to answer instead; None where the request may pass."""
        problem = self._foreign(request.headers)
        if problem:
            return web.Response(status=403, text=problem)
        if self._token is None or self._hasToken(request.cookies.get(self._cookie)):
            return None
        return self._answerWithoutCookie(request)

    @property
    def _cookie(self) -> str:
        """Another server of this machine has another cookie: their ports do not part them."""
        assert self._token is not None
        return f"limnet-{hashlib.sha256(self._token.encode()).hexdigest()[:12]}"

    def _answerWithoutCookie(self, request: web.Request) -> web.Response:
        """Give the cookie to who shows the token, at an address that does not show it any more."""
        if not self._hasToken(request.query.get(_PARAMETER)):
            return web.Response(status=403, text=TOKEN_NEEDED)
        rest = [(name, text) for name, text in request.query.items() if name != _PARAMETER]
        response = web.Response(
            status=302, headers={"Location": str(request.rel_url.with_query(rest))}
        )
        response.set_cookie(
            self._cookie, self._token or "", httponly=True, samesite="Lax", path="/"
        )
        return response

    def _hasToken(self, shown: str | None) -> bool:
        """Whether a text is the token; how long that takes tells nothing of it."""
        assert self._token is not None
        return secrets.compare_digest((shown or "").encode("utf-8"), self._token.encode("utf-8"))

    def _foreign(self, headers: Mapping[str, str]) -> str:
        """Return what is wrong with where a request comes from or goes to; empty for nothing."""
        host = headers.get("Host", "")
        if self._isLocal and not isLoopback(_nameOf(f"//{host}")):
            return FOREIGN_NAME
        isTyped = headers.get("Sec-Fetch-Dest", "document") == "document"  # a link, at the most
        if not isTyped and headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return FOREIGN_PAGE
        origin = headers.get("Origin")
        if origin is None:
            return ""
        place = _placeOf(origin)
        isOurs = place is not None and place == _placeOf(f"{_schemeOf(origin)}://{host}")
        return "" if isOurs else FOREIGN_PAGE


def isLoopback(host: str) -> bool:
    """Whether a host is reached from this machine only."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _nameOf(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _schemeOf(address: str) -> str:
    return address.partition("://")[0].lower()


def _placeOf(address: str) -> tuple[str, int] | None:
    """Return name and port of an address; None where it has none, as the origin `null`."""
    try:
        parts = urlsplit(address)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
