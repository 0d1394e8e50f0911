"""A page of the app in a real browser, used as people use it: mouse, keys, what is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, ViewportSize
from playwright.sync_api import TimeoutError as WaitedTooLong

from Testing.app.pictures import coloured_pixels

AXIAL, CORONAL, SAGITTAL = "red", "green", "yellow"
SIZE: ViewportSize = {"width": 1280, "height": 720}

_PATIENCE_MS = 180_000
_LOOKS, _LOOK_MS = 100, 200
_CLICK_TAKEN_MS = 20_000
_SEEN_PIXELS = 200
_FACTS = "() => window.limnet ?? {}"

Voxel = tuple[int, int, int]
"""k, j, i."""


class AppPage:
    """One tab."""

    def __init__(
        self, browser: Browser, address: str, size: ViewportSize = SIZE, expected: str = ""
    ) -> None:
        """Open an address in a profile of its own, as another person would.

        Args:
            browser: Where.
            address: What.
            size: Of the page, in pixels.
            expected: Part of what the browser's console may complain of, whenever it does.
        """
        self._context = browser.new_context(viewport=size, accept_downloads=True)
        self._context.set_default_timeout(_PATIENCE_MS)
        self.page = self._context.new_page()
        self._expected = expected
        self.complaints: list[str] = []
        """What the browser's console holds against the page."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.goto(address)

    @property
    def tab(self) -> str:
        """The tab's name on the server."""
        found = re.search(r"/tab/([^/]+)/", self.page.url)
        assert found is not None, self.page.url
        return found[1]

    @property
    def facts(self) -> dict[str, Any]:
        """What the page shows, as it knows it itself."""
        return self.page.evaluate(_FACTS)

    def part(self, name: str) -> Locator:
        """A control, by the name that the page gives it for tests."""
        return self.page.get_by_test_id(name)

    def wait(self, condition: str) -> dict[str, Any]:
        """Wait until a condition on the facts `f` holds, in JavaScript; return them."""
        self.page.wait_for_function(
            f"() => {{ const f = window.limnet ?? {{}}; return {condition} }}"
        )
        return self.facts

    def click_voxel(self, view: str, voxel: Voxel, is_other: bool = False) -> None:
        """Show a voxel and click on it in a view; the answer comes when it comes.

        Args:
            view: Name of a slice view.
            voxel: Of the volume.
            is_other: Whether Ctrl is held: the click has the other sign.
        """
        place, clicks = self.place(view, voxel), self.facts.get("clicks")
        for _ in range(2):  # a press while a view is being drawn can get lost; a person repeats it
            self.part(f"view-{view}").click(
                position=place, modifiers=["Control"] if is_other else None
            )
            if self._took_click(clicks):
                return

    def _took_click(self, clicks_before: int) -> bool:
        """Whether the page begins to work on a click, or has done so, before long."""
        condition = "n => { const f = window.limnet ?? {}; return f.busy || f.clicks !== n }"
        try:
            self.page.wait_for_function(condition, arg=clicks_before, timeout=_CLICK_TAKEN_MS)
        except WaitedTooLong:
            return False
        return True

    def place(self, view: str, voxel: Voxel) -> dict[str, float]:
        """Show a voxel in all views; return where it is drawn in one of them, in CSS pixels."""
        k, j, i = (str(index) for index in voxel)
        asked = {"view": view.capitalize(), "i": i, "j": j, "k": k}
        self._ask("show", asked)
        found = self._ask("where", asked)
        assert abs(found["depth"]) < 1.0, f"{voxel} is not shown in {view}: {found}"
        return {"x": found["x"], "y": found["y"]}

    def press(self, name: str) -> None:
        """Press a button."""
        self.part(name).click()

    def download(self, name: str, folder: Path) -> Path:
        """Press what downloads something; return the file."""
        with self.page.expect_download() as waiting:
            self.press(name)
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def colour_in(self, view: str) -> int:
        """Return how many pixels of a view have the colour of the first segment."""
        return coloured_pixels(self.part(f"view-{view}").screenshot())

    def wait_for_colour(self, view: str) -> None:
        """Wait until the mask is seen in a view; it is drawn a moment after it is known."""
        for _ in range(_LOOKS):
            if self.colour_in(view) > _SEEN_PIXELS:
                return
            self.page.wait_for_timeout(_LOOK_MS)
        raise AssertionError(f"no mask is seen in {view}")

    def close(self) -> None:
        """Close the tab; it must have been content."""
        self._context.close()
        assert not self.complaints, f"the browser complains of {self.complaints}"

    def _hear(self, message: ConsoleMessage) -> None:
        is_expected = self._expected and self._expected in message.text
        if message.type == "error" and not is_expected:
            self.complaints.append(message.text)

    def _ask(self, what: str, asked: dict[str, str]) -> dict[str, Any]:
        address = self.page.url.rpartition("/")[0] + "/" + what
        answer = self.page.request.get(address, params=asked)
        assert answer.ok, f"{answer.status} {answer.url}: {answer.text()}"
        return answer.json()
