import re

import cv2
import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click
from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.evaluation.plots import Curves, dice_plot
from SlicerLIMNet.evaluation.report import heading, page, paragraph, picture, table
from SlicerLIMNet.evaluation.robot_rounds import RoundOutcome
from SlicerLIMNet.evaluation.slice_pictures import ObjectRun, overview_picture, rounds_picture

SHAPE = (6, 40, 50)
GREEN, RED = (107, 224, 53), (54, 65, 255)  # as OpenCV orders them


def pixels(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def scene(flipped=False):
    """Return a volume and a run on it; flipped, the same patient stored the other way round."""
    image = np.full(SHAPE, -200, np.int16)
    image[:, 5:20, 30:45] = 200  # in front, on the patient's left
    truth = image > 0
    clicks = [Click(2, 12, 37, True), Click(2, 30, 10, False)]
    direction = ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0))
    if flipped:
        image, truth = image[:, ::-1, ::-1], truth[:, ::-1, ::-1]
        clicks = [Click(c.slice_index, 39 - c.row, 49 - c.column, c.positive) for c in clicks]
        direction = ((-1.0, 0, 0), (0, -1.0, 0), (0, 0, 1.0))
    volume = Volume(image, Geometry(SHAPE, (3.0, 1.0, 1.0), (0, 0, 0), direction), "CT")
    outcomes = [RoundOutcome(click, truth, 0.9, 1.0, 0.0) for click in clicks]
    return volume, [ObjectRun("kidney_left", truth, outcomes)]


def test_the_left_of_the_patient_is_on_the_right_however_the_volume_is_stored():
    straight, flipped = (pixels(rounds_picture(*scene(flag))) for flag in (False, True))
    assert straight.shape == flipped.shape
    assert np.abs(straight.astype(int) - flipped).mean() < 0.5


def test_the_bright_object_in_front_on_the_left_appears_up_on_the_right():
    shown = pixels(overview_picture(*scene()))
    panel = shown[60 : shown.shape[0] - 60, : shown.shape[1] // 2].mean(axis=2) > 180
    rows, columns = np.nonzero(panel)
    middle = np.array(panel.shape) / 2
    assert rows.mean() < middle[0]
    assert columns.mean() > middle[1] * 0.6


@pytest.mark.parametrize(("colour", "number"), [(GREEN, 2), (RED, 1)])
def test_clicks_stay_on_their_slice_and_show_their_sign(colour, number):
    volume, [run] = scene()
    shown = pixels(rounds_picture(volume, [run]))
    grid = shown[: shown.shape[0] - 70]  # without the legend
    dots = (np.abs(grid.astype(int) - colour).max(axis=2) < 12).astype(np.uint8)
    parts, _ = cv2.connectedComponents(cv2.dilate(dots, np.ones((3, 3))))
    assert parts - 1 == number  # the first click shows in both rounds, the second in one


def test_a_round_without_a_click_says_so_and_the_picture_still_stands():
    volume, [run] = scene()
    idle = RoundOutcome(None, run.truth, 0.9, 0.0, 0.0)
    shown = pixels(rounds_picture(volume, [run._replace(outcomes=[*run.outcomes, idle])]))
    assert shown.shape[1] > pixels(rounds_picture(volume, [run])).shape[1]


def test_an_empty_result_is_drawn_as_no_contour():
    volume, [run] = scene()
    empty = RoundOutcome(run.outcomes[0].click, np.zeros(SHAPE, bool), 0.0, 1.0, 0.0)
    assert pixels(overview_picture(volume, [run._replace(outcomes=[empty])])).any()


def test_the_plot_is_the_same_for_the_same_curves():
    curves = Curves("liver", [0.5, 0.7], [0.4, 0.6])
    assert dice_plot(curves, [curves] * 5) == dice_plot(curves, [curves] * 5)
    assert pixels(dice_plot(curves, [])).shape[2] == 3


def test_a_page_holds_all_it_shows_and_escapes_text():
    html = page(
        "a < b",
        [
            heading("x & y"),
            paragraph("<script>"),
            picture(b"\x89PNG", 'a "quoted" caption'),
            table(["organ", "Dice"], [["liver", "0.9"], ["mean", "0.8"]], strong=[1]),
        ],
    )
    assert "<script>" not in html
    assert "a &lt; b" in html
    assert re.findall(r'src="(\w+):', html) == ["data"]
    assert "http" not in html
    assert html.count("class=strong") == 1
