"""The app in a real browser, used as people use it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from SlicerLIMNet.cli.main import main
from SlicerLIMNet.imaging.made_volumes import ball_volume
from SlicerLIMNet.io.labelmaps import read_labelmap
from Testing.app.app_page import AXIAL, CORONAL, SAGITTAL
from Testing.app.organs import dice, liver, middle_of
from Testing.app.server import FAKE_VARIABLE, Server
from Testing.app.visit import Visit
from Testing.doubles import FakeNetworks

FAKE = {FAKE_VARIABLE: "1"}
MOST_CORRECTIONS = 6
GOOD = 0.85
SHAPE, CENTRE = (32, 40, 48), (16, 20, 24)


def write_ball(folder, name="ball"):
    """Write a bright ball into a folder that can be served; return its file."""
    (folder / "served").mkdir()
    path = folder / "served" / f"{name}.nii.gz"
    image, _ = ball_volume(SHAPE, radius_mm=9.0, centre_zyx=CENTRE)
    sitk.WriteImage(sitk.GetImageFromArray(image), str(path))
    return path


@pytest.fixture
def ball(tmp_path):
    """The file of a ball."""
    return write_ball(tmp_path)


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory):
    """A server that several tests visit; its engine is a fake one."""
    folder = tmp_path_factory.mktemp("side-by-side")
    server = Server(folder / "server", str(write_ball(folder)), environment=FAKE)
    yield server
    server.stop()


def segmentation_of(page, folder):
    labels, _ = read_labelmap(page.download("save-segmentation", folder))
    return labels != 0


def test_a_visitor_segments_the_liver(serve, open_page, tmp_path):
    target = liver()
    server = serve(environment=target.environment)
    page = open_page(server.address)
    visit = Visit(page, target, tmp_path)
    visit.load()
    assert page.colour_in(AXIAL) == 0
    visit.click()

    with server.holding(page.tab):
        visit.begin_round()
        page.press("cancel")
        page.wait("f.isAskingPartial")
        page.press("go-back")
    assert page.wait("!f.isAskingPartial && !f.busy")["rounds"] == 0
    visit.propagate()

    for _ in range(MOST_CORRECTIONS):
        visit.correct()
        visit.propagate()
        if visit.dice >= GOOD:
            break
    before = visit.segmentation()
    page.click_voxel(SAGITTAL, middle_of(before, axis=2), is_other=True)
    page.wait("f.planeName === 'sagittal' && f.clicks === 1 && !f.busy")
    assert not np.array_equal(visit.segmentation(), before)
    page.press("undo")
    page.wait("f.planeName === 'coronal' && !f.busy")
    assert np.array_equal(visit.segmentation(), before)
    assert dice(before, target.truth) >= GOOD


def test_two_tabs_work_side_by_side(side_by_side, open_page, tmp_path):
    """One's round, which does not end, neither stalls nor touches what the other does."""
    one, other = open_page(side_by_side.address), open_page(side_by_side.address)
    assert one.tab != other.tab
    for page in (one, other):
        page.wait("f.ready")
    one.click_voxel(AXIAL, CENTRE)
    one.wait("f.clicks === 1 && !f.busy")
    assert other.facts["clicks"] == 0

    with side_by_side.holding(one.tab):
        one.press("propagate")
        running = one.wait("f.isRoundRunning && f.done > 0")
        other.click_voxel(CORONAL, CENTRE)
        other.wait("f.clicks === 1 && !f.busy")
        other.press("propagate")
        other.wait("f.rounds === 1 && !f.busy")
        still = one.facts
        assert still["isRoundRunning"]
        assert (still["rounds"], still["done"]) == (0, running["done"])
    one.wait("f.rounds === 1 && !f.busy")

    other.press("segment-add")
    other.wait("f.segments.length === 2")
    assert [len(page.facts["segments"]) for page in (one, other)] == [1, 2]
    assert [page.facts["planeName"] for page in (one, other)] == ["axial", ""]
    for page, name in ((one, "one"), (other, "other")):
        (tmp_path / name).mkdir()
        found = segmentation_of(page, tmp_path / name)
        assert dice(found, ball_volume(SHAPE, 9.0, CENTRE)[1]) > GOOD


def test_a_killed_server_and_a_closed_tab_lose_nothing(serve, open_page, ball, tmp_path):
    server = serve(str(ball), environment=FAKE)
    page = open_page(server.address)
    page.wait("f.ready")
    page.part("segment-name").fill("tumour <1>")
    page.part("segment-name").press("Enter")
    page.click_voxel(AXIAL, CENTRE)
    page.wait("f.clicks === 1 && !f.busy")
    page.press("propagate")
    page.wait("f.rounds === 1 && !f.busy")
    before = segmentation_of(page, tmp_path)
    server.kill()
    page.close()

    server = serve("--folder", str(ball.parent), environment=FAKE)
    page = open_page(server.address)
    page.press("resume-restore")
    page.wait("f.ready && f.clicks === 1 && f.rounds === 1 && !f.busy")
    assert [segment["name"] for segment in page.facts["segments"]] == ["tumour <1>"]
    assert np.array_equal(segmentation_of(page, tmp_path), before)
    page.wait_for_colour(AXIAL)

    saved = page.download("save-session", tmp_path)
    clicks = '{"rounds": [[{"slice": 16, "row": 20, "column": 24, "positive": true}]]}'
    (tmp_path / "clicks.json").write_text(clicks)
    files = [str(path) for path in (ball, tmp_path / "clicks.json", saved, tmp_path / "out.nii")]
    arguments = ["segment", files[0], "--clicks", files[1], "--session", files[2], "-o", files[3]]
    assert main(arguments, lambda _: FakeNetworks()) == 0
    labels, _ = read_labelmap(tmp_path / "out.nii")
    assert np.array_equal(labels != 0, before)


def test_a_volume_is_uploaded_and_nothing_outside_the_folder_is_opened(
    side_by_side, open_page, tmp_path
):
    mine = write_ball(tmp_path, "mine")
    page = open_page(side_by_side.address, expected="status of 400")
    page.wait("f.ready")
    for text in (str(mine), "../server/log.txt", "/etc/passwd"):
        page.press("open-button")
        page.part("open-path").fill(text)
        page.press("open-load")
        page.part("error-bar").get_by_text(f"There is no {text[:80]!r}").wait_for()
    page.press("open-button")
    (tmp_path / "no.nii.gz").write_bytes(b"no image")
    page.part("open-upload").set_input_files(tmp_path / "no.nii.gz")
    page.part("open-error").get_by_text("no gzip file").wait_for()
    page.part("open-upload").set_input_files(mine)
    page.wait("f.ready && f.volume === 'mine'")
    page.click_voxel(SAGITTAL, CENTRE)
    page.wait("f.clicks === 1 && !f.busy")
    page.wait_for_colour(SAGITTAL)


def test_the_keys_of_the_effect_work(side_by_side, open_page):
    page = open_page(side_by_side.address)
    page.wait("f.ready")
    page.click_voxel(AXIAL, CENTRE)
    page.wait("f.clicks === 1 && !f.busy")
    for key, result in (
        ("Enter", "f.rounds === 1 && f.nextSlice !== null"),
        ("c", "f.currentSlice === f.nextSlice"),
        ("Control+z", "f.rounds === 0 && f.clicks === 1"),
        ("Control+y", "f.rounds === 1"),
    ):
        page.page.keyboard.press(key)
        page.wait(f"{result} && !f.busy")
    page.page.keyboard.press("l")
    page.part("lock-slice").get_by_text("Unlock").wait_for()
    page.page.keyboard.press("n")
    page.part("polarity-negative").and_(page.page.locator("[aria-pressed=true]")).wait_for()
    page.click_voxel(AXIAL, CENTRE)
    page.wait("f.clicks === 2 && !f.busy")
    page.page.keyboard.press("Backspace")
    page.wait("f.clicks === 1 && !f.busy")
    page.part("segment-name").fill("c l n")  # what is typed into a field is no key
    page.part("segment-name").press("Enter")
    page.wait("f.segments[0].name === 'c l n' && f.rounds === 1 && !f.isRoundRunning")


def test_who_does_not_know_the_token_sees_nothing(serve, open_page, ball):
    token = "a-token-that-nobody-guesses"
    server = serve(str(ball), "--host", "0.0.0.0", "--token", token, environment=FAKE)
    elsewhere = server.address.replace(token, "another-token-than-that")
    stranger = open_page(elsewhere, expected="status of 403")
    stranger.page.get_by_text("asks for a token").wait_for()
    page = open_page(server.address)
    page.wait("f.ready")
    assert token not in page.page.url
    page.click_voxel(AXIAL, CENTRE)
    page.wait("f.clicks === 1 && !f.busy")


def test_the_server_ends_although_a_page_is_open(serve, open_page, ball):
    server = serve(str(ball), environment=FAKE)
    page = open_page(server.address, expected="WebSocket")  # it may try to connect again
    page.wait("f.ready")
    server.stop()
    page.page.get_by_text("The connection is gone").wait_for()
