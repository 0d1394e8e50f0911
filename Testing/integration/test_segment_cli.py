"""`limnet segment` from files to a file, with the real engine and random weights on a phantom."""

import json
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.bench.engines import random_networks
from SlicerLIMNet.cli.main import main
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.imaging.phantom import torso_phantom
from SlicerLIMNet.io.itk_images import to_image
from SlicerLIMNet.io.labelmaps import read_labelmap
from SlicerLIMNet.io.volumes import read_volume
from SlicerLIMNet.session.engine import Engine

SHAPE, SPACING_MM = (10, 48, 64), (20.0, 6.0, 5.5)
TILTED = ((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, -1.0))


@pytest.fixture(scope="module")
def networks():
    return random_networks("light")


@pytest.fixture
def engines(networks):
    """Engines with the options of the command and weights that mean nothing."""

    def make(choice):
        return Engine(choice.preset, "cpu", precision="float32", networks=networks)

    return make


@pytest.fixture
def torso(tmp_path):
    """A torso on a tilted, flipped grid, and clicks on its liver in two rounds."""
    image, labels, names = torso_phantom(SHAPE, SPACING_MM)
    grid = Geometry(SHAPE, SPACING_MM, (-101.5, 33.25, 812.0), TILTED)
    sitk.WriteImage(to_image(image, grid), str(tmp_path / "torso.nii.gz"))
    on_liver = np.argwhere(labels == names["liver"])
    rounds = [[_click(on_liver[len(on_liver) // 2])], [_click(on_liver[len(on_liver) // 4])]]
    (tmp_path / "clicks.json").write_text(json.dumps({"rounds": rounds}))
    (tmp_path / "first.json").write_text(json.dumps({"rounds": rounds[:1]}))
    return tmp_path


def _click(voxel):
    z, y, x = voxel.tolist()
    return {"slice": z, "row": y, "column": x, "positive": True}


def segment(folder, engines, *words, clicks="clicks.json", out="liver.seg.nrrd"):
    files = [folder / "torso.nii.gz", "--clicks", folder / clicks, "-o", folder / out]
    return main([str(word) for word in ("segment", *files, "--modality", "CT", *words)], engines)


@pytest.mark.parametrize("out", ["liver.seg.nrrd", "liver.nii.gz", "liver.nrrd", "liver.mha"])
def test_a_result_lies_on_the_grid_of_the_volume(torso, engines, out, capsys):
    assert segment(torso, engines, "--range", "1", clicks="first.json", out=out) == 0
    labels, grid = read_labelmap(torso / out)
    volume = read_volume(torso / "torso.nii.gz")
    assert labels.shape == SHAPE
    tolerance_voxels = 1e-9 if out.endswith("nrrd") else 1e-4  # NIfTI holds float32
    assert grid.is_close(volume.geometry, tolerance_voxels)


def test_a_session_in_two_calls_gives_what_one_call_gives(torso, engines, capsys):
    assert segment(torso, engines, out="once.nrrd") == 0
    kept = ("--session", torso / "liver.limnet")
    assert segment(torso, engines, *kept, clicks="first.json") == 0
    capsys.readouterr()
    assert segment(torso, engines, *kept, "--json", out="twice.nrrd") == 0
    done = json.loads(capsys.readouterr().out)
    assert [entry["round"] for entry in done["rounds"]] == [2]
    assert done["voxels"] > 0
    once, twice = (read_labelmap(torso / name)[0] for name in ("once.nrrd", "twice.nrrd"))
    np.testing.assert_array_equal(once, twice)


def test_the_program_starts_and_says_what_is_wrong(torso):
    words = ["segment", str(torso / "none.nii.gz"), "--clicks", str(torso / "clicks.json")]
    done = subprocess.run(
        [sys.executable, "-m", "SlicerLIMNet", *words, "-o", str(torso / "out.nrrd")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("limnet: ")
    assert done.stderr.count("\n") == 1
