"""What the README tells users to type must work."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

import SlicerLIMNet
from SlicerLIMNet.cli.main import build_parser
from SlicerLIMNet.domain.clicks import click_from_json

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINES = [line for language, block in BLOCKS if not language for line in block.splitlines()]
COMMANDS = sorted({line for line in LINES if line.startswith("limnet ")})
SHELL = "\n".join([*LINES, *re.findall(r"`[^`\n]+`", README)])
TARGETS = sorted(set(re.findall(r"\bmake ([a-z-]+)", SHELL)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_is_understood(command):
    arguments = build_parser().parse_args(shlex.split(command)[1:])
    assert callable(arguments.run)


def test_every_command_is_shown():
    shown = {command.split()[1] for command in COMMANDS}
    assert shown == {
        "segment", "evaluate", "manifest", "baselines", "weights", "train", "demo", "app", "bench",
    }  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_a_make_target_of_the_readme_exists(target):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_readme_shows_make_targets():
    assert {"demo", "test"} <= set(TARGETS)


def test_python_of_the_readme_uses_public_names():
    programs = [block for language, block in BLOCKS if language == "python"]
    assert programs
    for program in programs:
        imports = [n for n in ast.walk(ast.parse(program)) if isinstance(n, ast.ImportFrom)]
        names = {alias.name for node in imports for alias in node.names}
        assert {node.module for node in imports} == {"SlicerLIMNet"}
        assert names <= set(SlicerLIMNet.__all__)


def test_clicks_of_the_readme_are_clicks():
    files = [json.loads(block) for language, block in BLOCKS if language == "json"]
    assert files
    for file in files:
        assert [click_from_json(click) for clicks in file["rounds"] for click in clicks]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_a_link_of_the_readme_leads_somewhere(path):
    assert (ROOT / path).exists()
