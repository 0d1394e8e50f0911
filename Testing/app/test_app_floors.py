"""The floors of the app: a file imports only from below, and few know trame or HTTP."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "LIMNetSegmentApp"
FILES = sorted(APP.glob("*.py"))

ONLY_IN = {  # what is known by these files alone
    "trame_slicer": {"Stage"},
    "trame_server": {"TabLink"},
    "trame_rca": {"TabLink"},
    "aiohttp": {"AppServer", "TabLink", "TestRoutes", "Access", "Uploads"},
}
FLOORS = (  # a file imports only from floors below its own
    {"AppError", "AppOptions", "SlicerModules", "SharedEngines", "ViewMouse"},
    {"Access", "DataFolder", "Drawing", "Editor", "KeptSessions", "Loading", "Segments"},
    {"Surfaces", "Uploads", "Stage", "TabLink"},
    {"Workspace", "PageFacts", "Opening"},
    {"TabState"},
    {"PageActions", "TestRoutes"},
    {"AppServer"},
)
LATE = {("TabState", "PageActions")}  # it makes what calls it, inside a function


def floor_of(name: str) -> int:
    """Return the floor of a file."""
    found = [number for number, names in enumerate(FLOORS) if name in names]
    assert len(found) == 1, f"{name} has {len(found)} floors; give it one here"
    return found[0]


def imports_of(file: Path) -> Iterator[tuple[str, int]]:
    """Names of what a file imports, and their level; types alone do not count."""
    tree = ast.parse(file.read_text("utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), node.level


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_the_app_imports_only_from_floors_below(file):
    if file.stem == "__init__":
        return
    for name, level in imports_of(file):
        if level == 1 and (file.stem, name) not in LATE:
            assert floor_of(name) < floor_of(file.stem), f"{file.stem} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_only_few_files_know_trame_or_http(file):
    for name, _ in imports_of(file):
        top = name.partition(".")[0]
        if top in ONLY_IN:
            assert file.stem in ONLY_IN[top], f"{file.name} imports {name}"


def test_the_files_of_the_app_are_found():
    names = {file.stem for file in FILES}
    assert names >= set().union(*FLOORS)
