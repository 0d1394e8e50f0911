import subprocess
import sys

import pytest

from SlicerLIMNet.cli.main import build_parser

COMMANDS = ["segment", "evaluate", "weights", "train", "demo", "bench"]


def test_help_names_every_command_and_an_example(limnet):
    assert limnet("--help").code == 0
    assert all(command in limnet.out for command in COMMANDS)
    assert "limnet segment ct.nii.gz --clicks" in limnet.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples(limnet, command):
    assert limnet(command, "--help").code == 0
    assert "examples:" in limnet.out
    assert f"limnet {command} " in limnet.out.split("examples:")[1]


def test_help_comes_without_torch_and_image_libraries_for_pictures():
    code = (
        "import sys; from SlicerLIMNet.cli.main import main; main(['segment', '--help']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib', 'skimage')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_is_printed(limnet):
    assert limnet("--version").code == 0
    assert limnet.out.startswith("limnet ")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("paint",),
        ("weights",),
        ("segment",),
        ("segment", "a.nii", "--clicks", "c.json"),
        ("segment", "a.nii", "--clicks", "c.json", "-o", "o.nii", "--range", "far"),
        ("segment", "a.nii", "--clicks", "c.json", "-o", "o.nii", "--range", "-1"),
        ("segment", "a.nii", "--clicks", "c.json", "-o", "o.nii", "--device", "abacus"),
        ("segment", "a.nii", "--clicks", "c.json", "-o", "o.nii", "--plane", "oblique"),
        ("segment", "a.nii", "--clicks", "c.json", "-o", "o.nii", "--window", "1"),
        ("evaluate", "m.json", "--protocol", "guess"),
        ("train", "everything", "--config", "c.json"),
        ("weights", "import", "--kind", "other", "a.pth"),
    ],
)
def test_wrong_usage_is_exit_code_2(limnet, words):
    assert limnet(*words).code == 2
    assert "usage: limnet" in limnet.err
    assert "Traceback" not in limnet.err


def test_what_is_not_chosen_is_left_to_the_preset():
    words = ["segment", "a.nii", "--clicks", "c.json", "-o", "o.nii"]
    chosen = build_parser().parse_args(words)
    assert (chosen.range_, chosen.memory, chosen.fusion, chosen.plane) == (None, None, None, None)
    assert (chosen.preset, chosen.device, chosen.precision) == ("light", "auto", "auto")


@pytest.mark.parametrize(
    ("text", "value"), [("until-end", "until_end"), ("whole", "whole"), ("7", 7), ("0", 0)]
)
def test_a_range_is_a_word_or_a_number(text, value):
    words = ["segment", "a.nii", "--clicks", "c.json", "-o", "o.nii", "--range", text]
    assert build_parser().parse_args(words).range_ == value
