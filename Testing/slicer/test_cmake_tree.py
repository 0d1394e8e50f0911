"""What CMake installs into Slicer is complete: engine, module, weights, icons.

Slicer's macros are stood in for by `cmake_stub/`. CMake is the system's, or pip's (extra `dev`).
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path("lib/Slicer-5.10/qt-scripted-modules")


def run_cmake(*arguments: str | Path) -> str:
    """Run CMake and return what it said."""
    cmake = shutil.which(
        "cmake", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    assert cmake, "CMake is needed: pip install cmake, or apt-get install cmake"
    done = subprocess.run([cmake, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The build tree and the installed tree: what stands in qt-scripted-modules."""
    build, prefix = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("prefix")
    stub = Path(__file__).with_name("cmake_stub")
    source = tmp_path_factory.mktemp("source")
    copy_sources(source)
    top = source / "CMakeLists.txt"
    text = top.read_text("utf-8")
    assert "project(LIMNet)" in text
    top.write_text(text.replace("project(LIMNet)", "project(LIMNet NONE)"), "utf-8")  # no compiler
    run_cmake("-S", source, "-B", build, f"-DSlicer_DIR={stub}")
    run_cmake("--build", build)
    run_cmake("--install", build, "--prefix", prefix)
    return build / MODULES, prefix / MODULES


def copy_sources(target: Path) -> None:
    """Copy what the build reads, so that caches and other work in the checkout play no part."""
    for name in ("CMakeLists.txt", "LICENSE"):
        shutil.copy(ROOT / name, target)
    no_caches = shutil.ignore_patterns("__pycache__")
    for name in ("SlicerLIMNet", "LIMNetSegment", "Resources/Models"):
        shutil.copytree(ROOT / name, target / name, ignore=no_caches)


def files_below(folder: Path, pattern: str = "*") -> set[str]:
    """Names of files, relative to a folder."""
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return {p.relative_to(folder).as_posix() for p in found if "__pycache__" not in p.parts}


def test_every_file_of_the_engine_is_installed(trees):
    _, installed = trees
    wanted = files_below(ROOT / "SlicerLIMNet", "*.py") | {"py.typed"}
    assert wanted <= files_below(installed / "SlicerLIMNet")
    assert len(wanted) > 100


def test_every_file_of_the_module_is_installed(trees):
    _, installed = trees
    library = "LIMNetSegmentLib"
    wanted = files_below(ROOT / "LIMNetSegment" / library)
    assert files_below(installed / library) == wanted
    assert {"SegmentEditorEffect.py", "SegmentEditorEffect.png"} <= wanted
    assert (installed / "LIMNetSegment.py").is_file()


def test_the_icon_of_the_module_is_where_slicer_looks(trees):
    _, installed = trees
    assert (installed / "Resources" / "Icons" / "LIMNetSegment.png").is_file()


def test_weights_are_installed_whole_with_their_checksums(trees):
    for tree in trees:
        models = tree / "SlicerLIMNet" / "Resources" / "Models"
        lines = (models / "SHA256SUMS").read_text("utf-8").splitlines()
        listed = {name: checksum for checksum, name in (line.split() for line in lines)}
        assert set(listed) == {path.name for path in models.glob("*.safetensors")}
        for name, checksum in listed.items():
            assert hashlib.sha256((models / name).read_bytes()).hexdigest() == checksum
        assert (models / "README.md").is_file()


def test_the_engine_finds_its_weights_in_the_installed_tree(trees):
    _, installed = trees
    program = (
        "import SlicerLIMNet.networks.weights as w; "
        "print(*(i.name for i in sorted(w.models_folder().glob('*.safetensors')))); "
        "print(w.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=installed,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    names, place = done.stdout.splitlines()
    assert str(installed) in place
    assert names.split() == sorted(
        p.name for p in (ROOT / "Resources/Models").glob("*.safetensors")
    )


def test_build_tree_and_installed_tree_are_the_same(trees):
    build, installed = trees
    assert files_below(build) == files_below(installed)


def test_only_the_module_itself_looks_like_one(trees):
    """Slicer takes every .py that lies directly there for a module."""
    _, installed = trees
    assert {path.name for path in installed.glob("*.py")} == {"LIMNetSegment.py"}


def test_every_import_of_the_module_is_in_the_installed_tree(trees):
    _, installed = trees
    library = installed / "LIMNetSegmentLib"
    for path in library.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                missing = [name for name in names if not (library / f"{name}.py").is_file()]
                assert not missing, f"{path.name} imports {missing}"


def test_tests_are_registered(trees):
    build, _ = trees
    listed = "".join(p.read_text("utf-8") for p in build.parents[2].rglob("CTestTestfile.cmake"))
    assert re.search(r"\bpy_LIMNetSegment\b", listed)
    assert re.search(r"\bnomainwindow_py_LIMNetSegmentGenericTest\b", listed)
