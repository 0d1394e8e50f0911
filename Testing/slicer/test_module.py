"""The module around the effect, its self test, and the entry for the extensions index."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import slicer

import LIMNetSegment as module
from LIMNetSegmentLib.SegmentEditorEffect import SegmentEditorEffect
from Testing.slicer.panel_doubles import FakeLogic, FakePackages
from Testing.slicer.segment_editor import qMRMLSegmentEditorWidget
from Testing.slicer.slicer_modules import module_parent

ROOT = Path(__file__).resolve().parents[2]
CMAKE = (ROOT / "CMakeLists.txt").read_text("utf-8")
ENTRY_FILE = ROOT / "Resources" / "LIMNet.json"
ENTRY = json.loads(ENTRY_FILE.read_text("utf-8"))

# Keys of schema 1.0.1 of the index; those that are required come first.
REQUIRED = {"$schema", "category", "scm_url"}
ALLOWED = REQUIRED | {"build_dependencies", "build_subdirectory", "enabled", "scm_revision"}
ALLOWED |= {"scm_type", "tier", "dicom_support_rule"}


def cmake_value(name: str) -> str:
    """The text that CMakeLists.txt gives a variable, as the index reads it."""
    found = re.search(rf'set\s*\({name}\s*"([^"]+)"\s*\)', CMAKE)
    assert found, f"{name} is not set to one quoted text"
    return found.group(1)


def png_size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG file."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


# The module


@pytest.fixture
def fakes(monkeypatch):
    """The effect with doubles for the logic and the packages."""
    monkeypatch.setattr(SegmentEditorEffect, "makeLogic", lambda _self, _folder: FakeLogic())
    monkeypatch.setattr(SegmentEditorEffect, "makePackages", lambda _self: FakePackages())


def test_the_module_is_hidden_and_says_what_it_does(application):
    parent = module_parent()
    module.LIMNetSegment(parent)
    assert parent.hidden
    assert parent.title == "LIMNet"
    assert parent.categories == ["Segmentation"]
    assert parent.dependencies == ["Segmentations"]
    assert "Segment Editor" in parent.helpText
    assert "LIM-Net" in parent.acknowledgementText


def test_the_effect_is_registered_when_slicer_has_started(application):
    registered = slicer.qSlicerSegmentEditorEffectFactory.registered
    module.LIMNetSegment(module_parent())
    assert "LIMNet" not in registered
    slicer.app.start_up()
    assert type(registered["LIMNet"].self()).__name__ == "SegmentEditorEffect"
    first = registered["LIMNet"]
    module.registerEffect()
    assert registered["LIMNet"] is first


def test_importing_module_and_effect_loads_neither_torch_nor_engine():
    program = (
        "from Testing.slicer import slicer_modules; "
        "from Testing.slicer.python_qt import application; "
        "application(); slicer_modules.install(); "
        "import sys, LIMNetSegment, LIMNetSegmentLib.SegmentEditorEffect; "
        "wrong = [n for n in ('torch', 'SlicerLIMNet', 'cv2', 'safetensors') if n in sys.modules]; "
        "assert not wrong, wrong"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "LIMNetSegment")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_self_test_passes(application, fakes, make_editor, monkeypatch):
    """What runs inside Slicer runs here, too, with a logic that does nothing."""
    module.registerEffect()
    editors = []

    class Editor(qMRMLSegmentEditorWidget):
        def __init__(self):
            super().__init__(application, ())
            editors.append(self)

        def setMRMLScene(self, scene):
            assert scene is application.scene

    monkeypatch.setattr(slicer, "qMRMLSegmentEditorWidget", Editor, raising=False)
    monkeypatch.setattr(
        slicer.util, "addVolumeFromArray", lambda a, name: application.add_volume(a, name=name)
    )
    test = module.LIMNetSegmentTest()
    test.runTest()
    assert len(editors) == 2
    for editor in editors:
        editor.close_editor()


# The entry for the index


def test_the_entry_is_written_as_the_index_wants_it():
    text = ENTRY_FILE.read_text("utf-8")
    assert text == json.dumps(ENTRY, indent=2, sort_keys=True) + "\n"
    assert set(ENTRY) >= REQUIRED
    assert set(ENTRY) <= ALLOWED
    assert ENTRY["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")


def test_the_names_are_what_the_index_accepts():
    name = ENTRY_FILE.stem
    assert not name.lower().startswith("slicer")
    assert re.search(r"project\s*\(\s*([^\s)]+)", CMAKE).group(1) == name
    repository = Path(urlsplit(ENTRY["scm_url"]).path).stem
    assert repository.startswith("Slicer")
    assert urlsplit(ENTRY["scm_url"]).scheme in ("git", "https")
    assert ENTRY["category"] == "Segmentation"
    assert ENTRY["tier"] in (1, 3, 5)


def test_dependencies_agree_with_cmake():
    assert ENTRY["build_dependencies"] == cmake_value("EXTENSION_DEPENDS").split()


def test_the_description_is_a_sentence_or_two():
    description = cmake_value("EXTENSION_DESCRIPTION")
    assert 1 <= len(re.findall(r"[.](?:\s|$)", description)) <= 3
    assert "Segment Editor" in description


def test_icon_and_screenshots_of_the_extension_are_in_the_repository():
    icon = cmake_value("EXTENSION_ICONURL")
    screenshots = cmake_value("EXTENSION_SCREENSHOTURLS").split()
    for url in (icon, *screenshots):
        assert url.startswith("https://raw.githubusercontent.com/")
        path = ROOT / urlsplit(url).path.split("/main/", 1)[1]
        assert png_size(path) > (100, 100)
    assert png_size(ROOT / urlsplit(icon).path.split("/main/", 1)[1]) == (128, 128)


def test_icons_are_what_their_script_draws(tmp_path):
    script = ROOT / "Resources" / "Icons" / "draw_icon.py"
    subprocess.run([sys.executable, str(script), "--root", str(tmp_path)], check=True)
    drawn = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")}
    assert len(drawn) == 3
    for path in drawn:
        assert png_size(ROOT / path) == png_size(tmp_path / path)
    width, height = png_size(ROOT / "LIMNetSegment/LIMNetSegmentLib/SegmentEditorEffect.png")
    assert (width, height) == (32, 32)


def test_the_license_file_is_there():
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")


def test_no_weights_file_is_too_large_for_the_index():
    weights = (ROOT / "Resources" / "Models").glob("*.safetensors")
    assert sum(path.stat().st_size for path in weights) < 30e6
