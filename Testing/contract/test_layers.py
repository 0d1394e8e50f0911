"""The floors of the house: a part imports only from floors below its own."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "SlicerLIMNet"

FLOORS = {
    "errors": 0,
    **dict.fromkeys(["networks", "imaging", "metrics", "domain"], 1),
    **dict.fromkeys(["memory", "prompting", "fusion", "io"], 2),
    "propagation": 3,
    "session": 4,
    "evaluation": 5,
    **dict.fromkeys(["training", "bench"], 6),
    "cli": 7,
}
ROOTS = {"__init__", "__main__"}  # the public names, and the way into cli

NO_TORCH = {"errors", "domain", "imaging", "metrics", "io", "evaluation"}
ITK_PART = "io"  # the only one that reads and writes images
LIBRARIES = {  # what a part may use besides the standard library and ourselves
    "errors": set(),
    "domain": {"numpy"},
    "imaging": {"numpy", "scipy", "cv2"},
    "metrics": {"numpy", "scipy", "surface_distance"},
    "networks": {"torch", "numpy"},
    "memory": {"torch", "numpy"},
    "prompting": {"torch", "numpy"},
    "fusion": {"torch", "numpy"},
    "propagation": {"torch", "numpy", "cv2"},  # cv2: connected parts of a mask
}
FILE_READERS = {"networks/weights.py": {"safetensors", "platformdirs"}}
COMPARED_TOOLS = {  # each in its own file, imported when it is asked for
    "evaluation/baselines/grow_from_seeds.py": {"slicer", "vtk"},
    "evaluation/baselines/region_growing.py": {"SimpleITK"},
}
APPLICATION = {"slicer", "qt", "ctk", "vtk", "PySide6", "trame"}

FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(file: Path) -> str:
    """The part that a file belongs to."""
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(file: Path) -> Iterator[str]:
    """The dotted names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_used(file: Path) -> set[str]:
    """The parts of ours that a file imports from."""
    names = (name.split(".") for name in imports_of(file))
    return {name[1] for name in names if name[0] == "SlicerLIMNet" and name[1:2]} & set(FLOORS)


def libraries_used(file: Path) -> set[str]:
    """The top names of everything else that a file imports."""
    return {name.partition(".")[0] for name in imports_of(file)} - {"SlicerLIMNet"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_part_imports_only_from_floors_below(file):
    part = part_of(file)
    if part in ROOTS:
        return
    assert part in FLOORS, f"{part} has no floor; draw it in ARCHITECTURE.md and here"
    wrong = {used for used in parts_used(file) if used != part and FLOORS[used] >= FLOORS[part]}
    assert not wrong


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_part_uses_only_its_own_libraries(file):
    part, used = part_of(file), libraries_used(file)
    used -= COMPARED_TOOLS.get(str(file.relative_to(PACKAGE)), set())
    assert not used & APPLICATION
    if part in NO_TORCH:
        assert "torch" not in used
    if part != ITK_PART:
        assert "SimpleITK" not in used
    if part in LIBRARIES:
        allowed = LIBRARIES[part] | FILE_READERS.get(str(file.relative_to(PACKAGE)), set())
        assert used <= allowed | set(sys.stdlib_module_names)


def test_the_package_has_files():
    assert len(FILES) > 50
