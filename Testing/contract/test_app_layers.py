"""The browser app is another face: no torch, no Qt, and nothing of the effect written again."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "LIMNetSegmentApp"
LIBRARY = ROOT / "LIMNetSegment" / "LIMNetSegmentLib"
FILES = sorted(APP.rglob("*.py"))

LIBRARIES = {"slicer", "vtk", "numpy", "aiohttp", "trame_server", "trame_slicer", "trame_rca"}
ENGINE_PARTS = {"session", "domain", "errors"}
READS_FILES = {"Uploads", "DataFolder", "KeptSessions"}  # with the engine's own checks of `io`
SHARED = {  # what the effect in Slicer is made of, and the app is made of, too
    "EffectLogic",
    "MrmlBridge",
    "InferenceWorker",
    "SessionDesk",
    "Parameter",
    "PanelState",
    "StripLayout",
    "JournalFolders",
}
CHANGES = {  # what only the jobs of the effect do to a session
    *("add_click", "remove_click", "run_round", "use_engine", "configure"),
    *("lock", "unlock", "set_mask", "take_masks", "take_outside", "adopt_masks"),
}


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def imports_of(file: Path) -> list[tuple[str, bool]]:
    """Dotted names of what a file imports, and whether importing the file imports them."""
    tree = tree_of(file)
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_for_types(node)
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in late) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append((str(node.module), id(node) not in late))
    return found


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def definitions(files: list[Path]) -> set[str]:
    """Names of the classes and functions that stand for themselves."""
    return {
        node.name
        for file in files
        for node in tree_of(file).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_uses_only_what_the_app_may(file):
    for name, _ in imports_of(file):
        top = name.partition(".")[0]
        if top in ("SlicerLIMNet", "LIMNetSegmentLib"):
            continue
        assert top in LIBRARIES | set(sys.stdlib_module_names), f"{file.name} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_of_the_engine_it_sees_what_the_effect_sees(file):
    parts = ENGINE_PARTS | ({"io"} if file.stem in READS_FILES else set())
    for name, is_at_once in imports_of(file):
        if name.startswith("SlicerLIMNet"):
            assert not is_at_once, f"{file.name} needs {name} to be imported itself"
            assert name.split(".")[1] in parts, f"{file.name} imports {name}"


def test_it_works_by_the_parts_of_the_effect():
    used = {name.partition(".")[2] for file in FILES for name, _ in imports_of(file)}
    assert used >= SHARED


def test_it_defines_nothing_that_the_effect_has():
    assert not definitions(FILES) & definitions(sorted(LIBRARY.glob("*.py")))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_session_is_changed_by_the_jobs_of_the_effect_only(file):
    called = {
        node.func.attr
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & CHANGES, f"{file.name} changes a session itself"


def test_the_files_are_found():
    assert len(FILES) > 15
    assert {file.stem for file in FILES} >= READS_FILES
