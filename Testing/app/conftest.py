"""A browser and servers for the tests of the app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from Testing.slicer import start

start.start()  # first: what the effect's library holds depends on whether there is Qt

from Testing.app import chromium
from Testing.app.server import Server

ServerMaker = Callable[..., Server]
PageOpener = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; a test that needs it fails with the command that installs it.

    Playwright keeps an event loop going meanwhile, so other modules must not find it there.
    """
    problem = chromium.missing()
    if problem is not None:
        pytest.fail(problem, pytrace=False)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium.find(),
            args=["--no-sandbox"],  # the pages are our own
        )
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[PageOpener]:
    """Open pages, which are closed at the end; the browser must not have complained."""
    from Testing.app.app_page import AppPage

    pages: list[AppPage] = []

    def make(address: str, **more: Any) -> AppPage:
        pages.append(AppPage(browser, address, **more))
        return pages[-1]

    yield make
    for page in pages:
        page.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[ServerMaker]:
    """Start `limnet app` with options; it is ended at the end and must not have complained."""
    servers: list[Server] = []

    def make(*options: str, **more: Any) -> Server:
        servers.append(Server(tmp_path / "server", *options, **more))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
