"""What the files of the Slicer face may import: Qt in widgets only, torch nowhere."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "LIMNetSegment"
LIBRARY = MODULE / "LIMNetSegmentLib"
FILES = sorted([MODULE / "LIMNetSegment.py", *LIBRARY.glob("*.py")])

WIDGETS = {  # what a user sees, and the effect that holds it together
    *("SegmentEditorEffect", "__init__", "EffectPanel", "AdvancedOptions", "ClickSection"),
    *(
        "RoundSection",
        "SliceSection",
        "FusionStrip",
        "InstallPanel",
        "WeightsPanel",
        "PanelShortcuts",
        "SessionFiles",
    ),
}
SLICERS_OWN = {"qSlicerSegmentationsEditorEffectsPythonQt", "SegmentEditorEffects", "PyTorchUtils"}
LIBRARIES = {"slicer", "vtk", "numpy", "scipy", "qt"} | SLICERS_OWN  # all come with Slicer
ENGINE_PARTS = {"session", "domain", "errors"}


def imports_of(file: Path) -> Iterator[tuple[str, bool]]:
    """Dotted names of what a file imports, and whether importing the file imports them."""
    tree = ast.parse(file.read_text("utf-8"))
    deferred = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) or _is_for_types(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in deferred
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module), id(node) not in deferred


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_uses_only_what_its_floor_allows(file):
    for name, _ in imports_of(file):
        top = name.partition(".")[0]
        if top in ("SlicerLIMNet", "LIMNetSegmentLib"):
            continue
        assert top in LIBRARIES | set(sys.stdlib_module_names), f"{file.name} imports {name}"
        assert top != "qt" or file.stem in WIDGETS, f"{file.name} is no widget"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_engine_is_imported_late_and_only_its_upper_parts(file):
    for name, isAtOnce in imports_of(file):
        if name.startswith("SlicerLIMNet"):
            assert not isAtOnce, f"{file.name} needs {name} to be imported itself"
            assert name.split(".")[1] in ENGINE_PARTS, f"{file.name} imports {name}"


def test_the_files_are_found():
    assert len(FILES) > 20
    assert {file.stem for file in FILES} > WIDGETS
