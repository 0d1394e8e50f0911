import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.cli.segment import JOURNAL_TAG
from SlicerLIMNet.io.labelmaps import read_labelmap
from SlicerLIMNet.io.volumes import read_volume
from Testing.unit.cli.limnet_calls import CENTRE

FAR = {"slice": 5, "row": 8, "column": 8, "positive": True}
AWAY = {"slice": 9, "row": 8, "column": 8, "positive": False}


def masks(limnet, name="out.seg.nrrd"):
    return read_labelmap(limnet.folder / name)[0] > 0


def test_clicks_become_a_mask_on_the_very_grid_of_the_volume(limnet, ball_truth):
    assert limnet.segment("--name", "tumour").code == 0, limnet.err
    np.testing.assert_array_equal(masks(limnet), ball_truth)
    written = sitk.ReadImage(str(limnet.folder / "out.seg.nrrd"))
    given = sitk.ReadImage(str(limnet.folder / "ball.nrrd"))
    for grid in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(written, grid)() == getattr(given, grid)()
    assert written.GetMetaData("Segment0_Name") == "tumour"


def test_the_journal_travels_in_a_tag_of_the_segment(limnet):
    limnet.segment()
    tags = sitk.ReadImage(str(limnet.folder / "out.seg.nrrd")).GetMetaData("Segment0_Tags")
    assert f"{JOURNAL_TAG}:" in tags
    assert '"op":"propagate_end"' in tags


def test_bars_go_to_stderr_and_one_line_to_stdout(limnet, ball_truth):
    limnet.write_clicks([CENTRE], [FAR]).segment()
    assert "round 1/2" in limnet.err
    assert "round 2/2" in limnet.err
    assert limnet.out.count("\n") == 1
    assert f"{np.count_nonzero(ball_truth)} voxels" in limnet.out


def test_json_says_what_was_done(limnet, ball_truth):
    limnet.write_clicks([CENTRE], [FAR, AWAY]).segment("--json", "--window", 0, 100)
    done = limnet.json
    assert done["voxels"] == np.count_nonzero(masks(limnet))
    assert done["volume_ml"] == pytest.approx(done["voxels"] * 0.75 * 0.5 * 3 / 1000, abs=1e-4)
    assert [entry["clicks"] for entry in done["rounds"]] == [[CENTRE], [FAR, AWAY]]
    assert done["window"] == [0, 100]
    assert done["plane"] == "coronal"  # the grid's first axis runs from front to back
    assert done["engine"]["preset"] == "fake"
    assert done["session"] is None


def test_a_plane_by_name_is_that_of_the_patient(limnet, ball_truth):
    limnet.write_clicks([{"slice": 8, "row": 8, "column": 8}]).segment("--plane", "axial", "--json")
    assert limnet.json["plane"] == "axial"
    np.testing.assert_array_equal(masks(limnet), ball_truth)


def test_positions_in_the_patient_are_clicks_too(limnet, ball_truth):
    geometry = read_volume(limnet.folder / "ball.nrrd").geometry
    point = geometry.index_zyx_to_lps([8, 8, 8]).tolist()
    limnet.write_clicks([{"lps": point}]).segment()
    np.testing.assert_array_equal(masks(limnet), ball_truth)


def test_options_reach_engine_and_rounds(limnet):
    words = ("--preset", "paper", "--device", "cpu", "--range", "1", "--memory", "paper")
    limnet.segment(*words, "--no-fusion", "--threads", 3, "--json")
    choice = limnet.choices[0]
    assert (choice.preset, choice.device, choice.threads) == ("paper", "cpu", 3)
    assert not choice.with_fusion
    options = limnet.json["options"]
    assert (options["range"], options["memory"], options["fusion"]) == (1, "paper", False)
    assert [z for z in range(16) if masks(limnet)[z].any()] == [7, 8, 9]


def test_a_start_mask_is_what_the_first_round_begins_with(limnet, ball, ball_truth):
    given = np.zeros(ball.shape_zyx, np.uint8)
    given[12, 2:5, 2:5] = 1
    mask = limnet.write_image("start.nrrd", given)
    limnet.segment("--mask", mask, "--range", "1")
    found = masks(limnet)
    np.testing.assert_array_equal(found[12], given[12] > 0)
    np.testing.assert_array_equal(found[8], ball_truth[8])


def test_an_old_file_is_replaced(limnet, ball_truth):
    (limnet.folder / "out.seg.nrrd").write_text("old")
    assert limnet.segment().code == 0
    np.testing.assert_array_equal(masks(limnet), ball_truth)


def test_an_object_that_is_not_there_gives_an_empty_mask_and_a_word(limnet):
    limnet.write_clicks([{**CENTRE, "positive": False}])
    assert limnet.segment().code == 0
    assert not masks(limnet).any()
    assert "the mask is empty" in limnet.out
    assert "note: the prompt mask of slice 8 is empty" in limnet.err


def test_a_fallback_for_want_of_memory_is_told(limnet, ball_truth):
    limnet.networks.memory_errors = ["spread"]
    assert limnet.segment().code == 0
    assert "note: the device had no memory left" in limnet.err
    np.testing.assert_array_equal(masks(limnet), ball_truth)


def test_markups_of_slicer_are_clicks(limnet, ball_truth):
    geometry = read_volume(limnet.folder / "ball.nrrd").geometry
    x, y, z = geometry.index_zyx_to_ras([8, 8, 8]).tolist()
    points = [{"label": "F-1", "position": [x, y, z], "positionStatus": "defined"}]
    content = {"markups": [{"coordinateSystem": "RAS", "controlPoints": points}]}
    (limnet.folder / "clicks.json").write_text(json.dumps(content))
    assert limnet.segment().code == 0, limnet.err
    np.testing.assert_array_equal(masks(limnet), ball_truth)
