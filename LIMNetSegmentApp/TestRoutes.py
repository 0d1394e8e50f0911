"""Routes that only a test of the page asks for: where a voxel is drawn, and to show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import vtk
from aiohttp import web

from .Stage import SLICES
from .TabState import TabState


def addRoutes(application: web.Application, tabs: Mapping[str, TabState]) -> None:
    """Add them; `GET /tab/<id>/where?view=Red&i=..&j=..&k=..` and `/tab/<id>/show?i=..`."""

    async def where(request: web.Request) -> web.Response:
        tab, ras = _asked(request, tabs)
        name = request.query["view"]
        node, window = tab.stage.view(name).get_view_node(), tab.stage.window(name)
        toView = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(node.GetXYToRAS(), toView)
        x, y, depth, _ = toView.MultiplyPoint((*ras, 1.0))
        _, height = window.image_size
        scale = window.scale_factor
        place = {"x": (x + 0.5) / scale, "y": (height - y - 0.5) / scale, "depth": depth}
        return web.json_response(place)

    async def show(request: web.Request) -> web.Response:
        tab, ras = _asked(request, tabs)
        tab.stage.goTo(ras)
        return web.json_response({"ok": True})

    application.add_routes([web.get("/tab/{tab}/where", where), web.get("/tab/{tab}/show", show)])


def _asked(request: web.Request, tabs: Mapping[str, TabState]) -> tuple[TabState, Any]:
    """Return tab and point of a request."""
    tab = tabs[request.match_info["tab"]]
    assert tab.workspace is not None
    assert request.query.get("view", SLICES[0]) in SLICES
    ijk = [float(request.query[axis]) for axis in "ijk"]
    toRas = vtk.vtkMatrix4x4()
    tab.workspace.volume.GetIJKToRASMatrix(toRas)
    return tab, toRas.MultiplyPoint((*ijk, 1.0))[:3]
