import tempfile

import numpy as np
import pytest

from SlicerLIMNet.cli.main import main
from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.errors import DeviceError, OutputError, WeightsError
from Testing.unit.cli.limnet_calls import CENTRE
from Testing.unit.io.full_disk import full_disk


def check_refused(limnet, *words):
    """One sentence on stderr, exit code 1, no traceback, nothing written."""
    assert limnet.code == 1, limnet.err
    assert "Traceback" not in limnet.err
    assert all(word in limnet.sentence for word in words), limnet.sentence
    assert limnet.out == ""
    assert not (limnet.folder / "out.seg.nrrd").exists()


def check_found_before_work(limnet, *words):
    check_refused(limnet, *words)
    assert limnet.networks.prompts_asked == 0


def test_a_click_outside_in_the_last_round_is_found_before_the_first(limnet):
    limnet.write_clicks([CENTRE], [{**CENTRE, "row": 99}])
    limnet.segment("--session", limnet.folder / "kept.limnet")
    check_found_before_work(limnet, "round 2", "outside the volume", "16 x 16")
    assert not (limnet.folder / "kept.limnet").exists()


def test_a_position_outside_the_patient_is_refused(limnet):
    limnet.write_clicks([{"lps": [1000, 0, 0]}]).segment()
    check_found_before_work(limnet, "outside the volume")


@pytest.mark.parametrize(
    ("voxels", "word"),
    [
        (np.full((4, 5, 6), 7, np.int16), "constant"),
        (np.full((4, 5, 6), np.nan, np.float32), "NaN"),
        (np.zeros((3, 4, 5, 6), np.float32) + np.arange(6), "dimension"),
    ],
    ids=["constant", "NaN", "4D"],
)
def test_a_volume_that_shows_nothing_is_refused(limnet, voxels, word):
    limnet.write_image("bad.nrrd", voxels)
    limnet.segment(volume="bad.nrrd")
    check_found_before_work(limnet, word)


def test_a_volume_that_is_not_there_is_refused(limnet):
    limnet.segment(volume="nowhere.nii.gz")
    check_found_before_work(limnet, "nowhere.nii.gz")


def test_an_empty_file_is_refused(limnet):
    (limnet.folder / "empty.nii.gz").write_bytes(b"")
    limnet.segment(volume="empty.nii.gz")
    check_found_before_work(limnet, "empty.nii.gz")


def test_a_header_that_promises_more_than_the_file_holds_is_refused(limnet):
    path = limnet.folder / "short.mha"
    limnet.write_image("short.mha", np.arange(1000, dtype=np.int16).reshape(10, 10, 10))
    head, _, voxels = path.read_bytes().partition(b"LOCAL\n")
    path.write_bytes(head.replace(b"10 10 10", b"9000 9000 9000") + b"LOCAL\n" + voxels)
    limnet.segment(volume="short.mha")
    check_found_before_work(limnet, "short.mha")


@pytest.mark.parametrize("content", ["", "{}", '{"rounds": []}', '{"rounds": [[]]}', "[1, 2]"])
def test_a_file_without_clicks_is_refused(limnet, content):
    (limnet.folder / "clicks.json").write_text(content)
    limnet.segment()
    check_found_before_work(limnet, "clicks.json")


def test_a_missing_click_file_is_refused(limnet):
    (limnet.folder / "clicks.json").unlink()
    limnet.segment()
    check_found_before_work(limnet, "clicks.json", "cannot be read")


def test_an_unknown_preset_names_those_that_there_are(limnet):
    limnet.segment("--preset", "heavy")
    check_found_before_work(limnet, "heavy", "light, paper")


@pytest.mark.parametrize(
    ("out", "word"),
    [
        ("nowhere/out.seg.nrrd", "does not exist"),
        ("out.stl", "no format"),
        ("out.dcm", "DICOM series"),
        (".", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_work(limnet, out, word):
    limnet.segment(out=out)
    check_found_before_work(limnet, word)


def test_a_folder_that_takes_no_files_is_refused(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write everywhere
    with pytest.raises(OutputError, match=r"cannot be written to \(Permission denied\)"):
        check_can_write(tmp_path / "out.nrrd")


def test_a_full_disk_leaves_the_old_file(limnet):
    (limnet.folder / "out.seg.nrrd").write_text("old")
    with full_disk(after_bytes=100):
        limnet.segment()
    assert limnet.code == 1
    assert "could not be written" in limnet.sentence
    assert (limnet.folder / "out.seg.nrrd").read_text() == "old"


def test_a_window_upside_down_is_refused(limnet):
    limnet.segment("--window", 100, 0)
    check_found_before_work(limnet, "a low below a high")


def test_a_start_mask_of_another_grid_is_refused(limnet):
    mask = limnet.write_image("start.nrrd", np.ones((3, 4, 5), np.uint8))
    limnet.segment("--mask", mask)
    check_found_before_work(limnet, "start.nrrd", "another grid")


def test_a_series_of_a_file_is_refused(limnet):
    limnet.segment("--series", 2)
    check_found_before_work(limnet, "only the folder of DICOM files has series")


@pytest.mark.parametrize("name", ["kept.limnet", "kept.zip"])
def test_what_is_no_session_is_refused(limnet, name):
    path = limnet.folder / name
    if path.suffix == ".zip":
        path.write_bytes(b"no zip")
    else:
        path.mkdir()
        (path / "journal.jsonl").write_text('{"something": "else"}\n')
    limnet.segment("--session", path)
    check_found_before_work(limnet)


def test_a_file_in_place_of_a_session_folder_is_refused(limnet):
    limnet.segment("--session", limnet.folder / "clicks.json")
    check_found_before_work(limnet, "a session is a folder")


def test_the_session_of_another_volume_is_refused(limnet):
    kept = ("--session", limnet.folder / "kept.limnet")
    limnet.segment(*kept, out="first.nrrd")
    limnet.write_image("small.nrrd", np.arange(8 * 9 * 10, dtype=np.int16).reshape(8, 9, 10))
    limnet.write_clicks([{"slice": 1, "row": 1, "column": 1}])
    limnet.segment(*kept, volume="small.nrrd")
    check_refused(limnet, "(16, 16, 16)", "(8, 9, 10)")


def broken(error):
    def make(_):
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (WeightsError("w.safetensors is damaged"), "limnet: w.safetensors is damaged\n"),
        (DeviceError("this machine has no cuda"), "limnet: this machine has no cuda\n"),
        (OSError(5, "Input/output error", "x.bin"), "limnet: x.bin: Input/output error\n"),
        (MemoryError(), "limnet: there is not enough memory"),
        (ModuleNotFoundError("no", name="torch"), "pip install torch"),
        (ModuleNotFoundError("no", name="highdicom.seg"), "pip install 'SlicerLIMNet[dicom]'"),
    ],
)
def test_an_engine_that_cannot_be_made_is_a_sentence(limnet, capsys, error, sentence):
    folder = limnet.folder
    words = ["segment", folder / "ball.nrrd", "--clicks", folder / "clicks.json"]
    words += ["-o", folder / "out.nrrd"]
    assert main([str(word) for word in words], broken(error)) == 1
    shown = capsys.readouterr().err
    assert sentence in shown
    assert "Traceback" not in shown


def test_a_bug_of_ours_keeps_its_traceback(limnet):
    folder = limnet.folder
    words = ["segment", folder / "ball.nrrd", "--clicks", folder / "clicks.json"]
    words += ["-o", folder / "out.nrrd"]
    with pytest.raises(ZeroDivisionError):
        main([str(word) for word in words], broken(ZeroDivisionError()))


def test_verbose_shows_what_the_engine_logs(limnet):
    limnet.networks.memory_errors = ["spread"]
    limnet.segment()
    assert "WARNING" not in limnet.err
    limnet.networks.memory_errors = ["prompt"]
    limnet.segment("--verbose")
    assert "WARNING SlicerLIMNet.session.session: the device had no memory left" in limnet.err


def test_a_single_slice_is_a_volume(limnet):
    image = np.zeros((1, 20, 20), np.int16)
    image[0, 5:12, 5:12] = 100
    limnet.write_image("slice.nrrd", image)
    limnet.write_clicks([{"slice": 0, "row": 8, "column": 8}])
    assert limnet.segment("--plane", "coronal", volume="slice.nrrd").code == 0, limnet.err
    assert "49 voxels" in limnet.out
