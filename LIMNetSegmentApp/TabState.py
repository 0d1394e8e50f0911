"""One browser tab: its scene, what it works on, and what its page shows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from LIMNetSegmentLib.Parameter import EffectOptions

from .AppError import AppError
from .AppOptions import AppOptions
from .DataFolder import DataFolder
from .KeptSessions import KeptSessions, KeptWork
from .Loading import Loaded, Read
from .Opening import Opening
from .PageFacts import keptFacts, panelFacts, segmentFacts, sliceViewFacts, stripFacts
from .SharedEngines import SharedEngines
from .Stage import SLICES, Stage
from .TabLink import TabLink
from .ViewMouse import ViewMouse
from .Workspace import Workspace

EMPTY, LOADING, READY = "empty", "loading", "ready"

PATIENCE_S = 60.0
"""For the thread of a volume that is closed; nothing else waits meanwhile."""

_PUBLISH_S = 0.04
_SURFACE_S = 0.5
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shared:
    """What all tabs of a server share."""

    options: AppOptions
    """As the user started it."""
    engines: SharedEngines
    """Loaded once."""
    kept: KeptSessions
    """Left behind by tabs."""
    folder: DataFolder
    """From where volumes are opened by path."""
    read: Read
    """Reads volumes."""


class TabState:
    """One tab; all of it lives on the main thread, but for the thread of its worker."""

    def __init__(self, identifier: str, shared: Shared) -> None:
        """Make scene and views; nothing is loaded."""
        self.id = identifier
        self.shared = shared
        self.link = TabLink(identifier)
        self.stage = Stage(self.link.server, lambda _name: self._viewMoved())
        self.mice = {
            name: ViewMouse(self.stage.view(name), self._clicked, self.stage.pointAt)
            for name in SLICES
        }
        self.workspace: Workspace | None = None
        self.opening = Opening(self)
        self._isClosed = False
        self._options = EffectOptions(preset=shared.options.preset, device=shared.options.device)
        self._error = self._note = ""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._publishing: asyncio.TimerHandle | None = None
        self._meshing: asyncio.TimerHandle | None = None
        self._cells: Any = None

    async def start(self) -> None:
        """Be ready for a page."""
        from .PageActions import PageActions

        PageActions(self).register()
        self.link.showPage(_PAGES_OWN)
        self._publishNow()
        await self.link.start()

    async def close(self, patienceSeconds: float = PATIENCE_S) -> None:
        """End; what was done stays behind for another tab.

        Args:
            patienceSeconds: To wait for what the engine is doing.
        """
        self._isClosed = True
        for task in tuple(self._tasks):
            task.cancel()
        for timer in (self._publishing, self._meshing):
            if timer is not None:
                timer.cancel()
        for mouse in self.mice.values():
            mouse.stop()
        await self._closeWorkspace(patienceSeconds)
        await self.stage.close()
        await self.link.stop()

    # What is worked on

    async def take(self, loaded: Loaded, work: KeptWork) -> Workspace:
        """Work on a volume, in place of what was worked on, which is left behind."""
        await self._closeWorkspace()
        makeEngine = self.shared.engines.engineFor(self.id)
        self.workspace = Workspace(self.stage, loaded, work, makeEngine, self._options)
        self._note = loaded.note
        self.workspace.logic.stateChanged.connect(self.publish)
        self.publish()
        return self.workspace

    async def _closeWorkspace(self, patienceSeconds: float = PATIENCE_S) -> None:
        workspace, self.workspace = self.workspace, None
        if workspace is not None:
            self._options = workspace.logic.options
            await workspace.close(patienceSeconds)

    # What happens

    def run(self, work: Awaitable[None]) -> None:
        """Do something that takes time; what goes wrong is told in the page."""
        task = asyncio.get_running_loop().create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self.tell(error)
        self.publish()

    def tell(self, error: Exception) -> None:
        """Show in the page what went wrong."""
        self._error = sentenceOf(error)
        self.publish()

    def dismiss(self) -> None:
        """Show no more what went wrong."""
        self._error = self._note = ""
        self.publish()

    def _clicked(self, view: Any, xy: tuple[int, int], isOther: bool) -> None:
        if self.workspace is not None:
            logic = self.workspace.logic
            logic.click(view, xy, not logic.options.positive if isOther else None)

    def _viewMoved(self) -> None:
        if self.workspace is not None:
            self.workspace.logic.viewChanged()
        self.publish()

    # What is shown

    def publish(self) -> None:
        """Show soon what has changed; many changes at once are shown once."""
        if self._isClosed:
            return
        loop = asyncio.get_running_loop()
        if self._publishing is None:
            self._publishing = loop.call_later(_PUBLISH_S, self._publishNow)
        if self._meshing is None and self.workspace is not None:
            self._meshing = loop.call_later(_SURFACE_S, self._meshNow)

    def _publishNow(self) -> None:
        self._publishing = None
        try:
            facts = self._facts()
            with self.link.server.state as state:
                state.update(facts)
        except Exception:
            _LOG.exception("The page could not be told what is new")

    def _meshNow(self) -> None:
        self._meshing = None
        if self.workspace is not None and self.workspace.surfaces.update():
            self.stage.frameSurfaces()

    def _facts(self) -> dict[str, Any]:
        workspace = self.workspace
        phase = LOADING if self.opening.isBusy else EMPTY if workspace is None else READY
        facts: dict[str, Any] = {
            "tab": {
                "phase": phase,
                "error": self._error,
                "note": self._note,
                "loading": self.opening.text,
                "volume": "" if workspace is None else workspace.name,
                "volumeText": "" if workspace is None else workspace.text,
                "folder": str(self.shared.folder.root),
                "crosshair": self.stage.hasCrosshair,
                "dragsWindow": not self.mice[SLICES[0]].isOn,
                "isTesting": self.shared.options.isTesting,
            },
            "views": {name: sliceViewFacts(self.stage.sliceFacts(name)) for name in SLICES},
        }
        if workspace is None:
            return {**facts, **_NOTHING, "kept": keptFacts(self.shared.kept.leftBehind())}
        workspace.selectSomething()
        workspace.note()
        state, editor = workspace.logic.state, workspace.editor
        segments = segmentFacts(workspace.segments.facts(), workspace.selectedId)
        facts["panel"] = panelFacts(state, editor.canUndo, editor.canRedo)
        facts["segments"] = segments
        facts["options"] = vars(workspace.logic.options)
        if self._cells != (state.cells, state.isShowingChange):
            self._cells = (state.cells, state.isShowingChange)
            facts["strip"] = stripFacts(state.cells, state.isShowingChange)
        return facts


_PAGES_OWN: dict[str, Any] = {  # the page alone changes these; the server only gives the first
    "openDialog": False,
    "helpDialog": False,
    "advanced": False,
    "hovered": "",
    "path": "",
    "entries": [],
    "entriesShown": False,
    "listedFolder": "",
    "uploadText": "",
    "uploadProblem": "",
}

_NOTHING: dict[str, Any] = {
    "panel": {},
    "segments": [],
    "options": vars(EffectOptions()),
    "strip": stripFacts((), False),
}


def sentenceOf(error: Exception) -> str:
    """Return what to tell the user of an error; one that is a bug of ours is logged, too."""
    from SlicerLIMNet.errors import LIMNetError

    if isinstance(error, AppError):
        return str(error)
    if isinstance(error, LIMNetError):
        text = str(error)
        return f"{text[:1].upper()}{text[1:]}."
    _LOG.error("Something went wrong", exc_info=error)
    return f"Something went wrong ({type(error).__name__}: {error})."
