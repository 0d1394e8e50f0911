"""Who may talk to the server: asked over real HTTP and WebSockets."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer

from LIMNetSegmentApp.Access import FOREIGN_NAME, FOREIGN_PAGE, TOKEN_NEEDED, Access, isLoopback
from LIMNetSegmentApp.AppError import AppError

TOKEN = "a-token-that-nobody-guesses"
LOCAL, OPEN = "127.0.0.1", "0.0.0.0"


async def _page(_request):
    return web.Response(text="the page")


async def _echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("the socket")
    return socket


def ask(token, host, questions):
    """Run questions against a server that is guarded; they get a client."""

    async def run():
        application = web.Application()
        application.add_routes([web.get("/", _page), web.get("/ws", _echo)])
        Access(token, host).guard(application)
        async with TestClient(TestServer(application)) as client:
            return await questions(client)

    return asyncio.run(run())


def get(token, host, path="/", **headers):
    """Return status and text of one request."""

    async def questions(client):
        response = await client.get(path, headers=headers, allow_redirects=False)
        return response.status, await response.text()

    return ask(token, host, questions)


def open_socket(token, host, path="/ws", **headers):
    """Return the status with which a WebSocket is refused, or what it says first."""

    async def questions(client):
        try:
            async with client.ws_connect(path, headers=headers) as socket:
                return await socket.receive_str()
        except WSServerHandshakeError as error:
            return error.status

    return ask(token, host, questions)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.2"])
def test_this_machine_is_served_under_every_name_of_its_own(name):
    assert get(None, LOCAL, Host=f"{name}:8765") == (200, "the page")
    assert open_socket(None, LOCAL, Host=f"{name}:8765") == "the socket"


@pytest.mark.parametrize(
    "name", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.0.7", "["]
)
def test_a_foreign_name_that_leads_here_is_refused(name):
    assert get(None, LOCAL, Host=f"{name}:8765") == (403, FOREIGN_NAME)
    assert open_socket(None, LOCAL, Host=f"{name}:8765") == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:9",
        "http://localhost:8765",
        "null",
        "null://127.0.0.1:8765.evil.example",
        "http://127.0.0.1:no",
        "",
    ],
)
def test_a_page_of_others_may_not_speak_to_this_machine(origin):
    headers = {"Host": "127.0.0.1:8765", "Origin": origin}
    assert get(None, LOCAL, **headers) == (403, FOREIGN_PAGE)
    assert open_socket(None, LOCAL, **headers) == 403


def test_a_page_of_nobody_may_not_speak_where_the_port_is_the_usual_one():
    assert get(None, LOCAL, Host="127.0.0.1", Origin="null") == (403, FOREIGN_PAGE)
    assert get(None, LOCAL, Host="127.0.0.1", Origin="http://127.0.0.1") == (200, "the page")


@pytest.mark.parametrize("kind", ["image", "script", "iframe", "empty", "websocket"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_others_may_link_here_and_no_more(kind, site):
    headers = {"Sec-Fetch-Site": site}
    assert get(None, LOCAL, **headers, **{"Sec-Fetch-Dest": kind}) == (403, FOREIGN_PAGE)
    assert get(None, LOCAL, **headers, **{"Sec-Fetch-Dest": "document"}) == (200, "the page")
    ours = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": kind}
    assert get(None, LOCAL, **ours) == (200, "the page")


def test_our_own_page_may_speak():
    headers = {"Host": "127.0.0.1:8765", "Origin": "http://127.0.0.1:8765"}
    assert get(None, LOCAL, **headers) == (200, "the page")
    assert open_socket(None, LOCAL, **headers) == "the socket"


@pytest.mark.parametrize("path", ["/", "/?token=", f"/?token={TOKEN}x", f"/?token={TOKEN[:-1]}"])
def test_who_does_not_know_the_token_gets_nothing(path):
    for host in (OPEN, LOCAL):
        assert get(TOKEN, host, path) == (403, TOKEN_NEEDED)
        assert open_socket(TOKEN, host, path.replace("/", "/ws", 1)) == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address():
    async def questions(client):
        first = await client.get(f"/?token={TOKEN}&start=sample", allow_redirects=False)
        assert (first.status, first.headers["Location"]) == (302, "/?start=sample")
        cookie = first.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        second = await client.get("/")
        assert await second.text() == "the page"
        async with client.ws_connect("/ws") as socket:
            assert await socket.receive_str() == "the socket"

    ask(TOKEN, OPEN, questions)


def test_the_cookie_of_another_server_opens_nothing():
    async def questions(client):
        other = {"Cookie": "limnet-0123456789ab=another-token-of-somebody"}
        assert (await client.get("/", headers=other)).status == 403
        await client.get(f"/?token={TOKEN}")
        (name,) = {cookie.key for cookie in client.session.cookie_jar}
        wrong = {"Cookie": f"{name}=another-token-of-somebody"}
        client.session.cookie_jar.clear()
        assert (await client.get("/", headers=wrong)).status == 403

    ask(TOKEN, OPEN, questions)


def test_a_token_does_not_open_the_door_for_pages_of_others():
    headers = {"Origin": "http://evil.example"}
    assert get(TOKEN, OPEN, f"/?token={TOKEN}", **headers) == (403, FOREIGN_PAGE)


def test_pages_are_not_shown_in_frames_of_others_and_tell_nobody_where_they_are():
    async def questions(client):
        headers = (await client.get("/")).headers
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Referrer-Policy"] == "no-referrer"

    ask(None, LOCAL, questions)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::", "example.org", ""])
def test_a_server_that_others_reach_needs_a_token(host):
    with pytest.raises(AppError, match="others can reach this server"):
        Access(None, host)
    Access(Access.newToken(), host)


def test_a_token_that_can_be_guessed_is_refused():
    with pytest.raises(AppError, match="too short"):
        Access("1234", LOCAL)


def test_made_tokens_are_long_and_never_the_same():
    tokens = {Access.newToken() for _ in range(100)}
    assert len(tokens) == 100
    assert min(len(token) for token in tokens) > 40


@pytest.mark.parametrize(
    ("token", "host", "address"),
    [
        (None, "127.0.0.1", "http://127.0.0.1:8765/"),
        (None, "::1", "http://[::1]:8765/"),
        (TOKEN, "0.0.0.0", f"http://127.0.0.1:8765/?token={TOKEN}"),
        ("sixteen letters &", "::", "http://[::1]:8765/?token=sixteen%20letters%20%26"),
        (TOKEN, "gpu.example", f"http://gpu.example:8765/?token={TOKEN}"),
    ],
)
def test_the_address_can_be_opened_as_it_is(token, host, address):
    assert Access(token, host).address(8765) == address


def test_loopback_is_told_from_what_looks_like_it():
    assert all(isLoopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"))
    assert not any(isLoopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.evil", ""))
