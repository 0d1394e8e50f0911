import json

import pytest

from SlicerLIMNet.domain.clicks import Click, LpsClick
from SlicerLIMNet.errors import ClickError, ConfigError
from SlicerLIMNet.io.click_files import read_clicks


@pytest.fixture
def save(tmp_path):
    def write(content):
        path = tmp_path / "clicks.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def markups(*lists):
    return {"@schema": "https://raw.githubusercontent.com/slicer/markups", "markups": list(lists)}


def point(x, y, z, label="F-1", **more):
    return {"label": label, "position": [x, y, z], "positionStatus": "defined", **more}


def test_rounds_of_voxels_and_of_positions(save):
    path = save(
        {
            "rounds": [
                [{"slice": 10, "row": 32, "column": 40, "positive": True}],
                [
                    {"lps": [1.5, -2, 3], "positive": False},
                    {"slice": 11, "row": 1.25, "column": 2},
                ],
            ]
        }
    )
    assert read_clicks(path) == [
        [Click(10, 32, 40)],
        [LpsClick((1.5, -2, 3), False), Click(11, 1.25, 2)],
    ]


def test_a_byte_order_mark_is_no_fault(save):
    path = save({"rounds": [[{"lps": [1, 2, 3]}]]})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_clicks(path) == [[LpsClick((1, 2, 3))]]


@pytest.mark.parametrize(("frame", "x_y"), [("LPS", (1, 2)), ("RAS", (-1, -2)), ("0", (-1, -2))])
def test_markups_come_in_both_frames(save, frame, x_y):
    path = save(markups({"coordinateSystem": frame, "controlPoints": [point(1, 2, 3)]}))
    assert read_clicks(path) == [[LpsClick((*x_y, 3))]]


def test_two_lists_give_positive_clicks_first_one_a_round(save):
    path = save(
        markups(
            {"name": "Negative points", "controlPoints": [point(0, 0, 9)]},
            {"name": "positive", "controlPoints": [point(1, 0, 0), point(2, 0, 0, "negative?")]},
        )
    )
    assert read_clicks(path) == [
        [LpsClick((1, 0, 0))],
        [LpsClick((2, 0, 0))],
        [LpsClick((0, 0, 9), False)],
    ]


def test_labels_and_descriptions_tell_the_sign_in_one_list(save):
    points = [
        point(0, 0, 0, "F-1"),
        point(1, 0, 0, "negative-1"),
        point(2, 0, 0, "F-2", description="background"),
        point(3, 0, 0, "-"),
    ]
    clicks = [
        click for part in read_clicks(save(markups({"controlPoints": points}))) for click in part
    ]
    assert [(click.point_lps[0], click.positive) for click in clicks] == [
        (0, True),
        (1, False),
        (2, False),
        (3, False),
    ]


def test_numbered_points_share_a_round(save):
    points = [
        point(0, 0, 0, description="round 2"),
        point(1, 0, 0, "round 1"),
        point(2, 0, 0, "negative", description="Round 2"),
        point(3, 0, 0),
    ]
    assert read_clicks(save(markups({"controlPoints": points}))) == [
        [LpsClick((3, 0, 0))],
        [LpsClick((1, 0, 0))],
        [LpsClick((0, 0, 0)), LpsClick((2, 0, 0), False)],
    ]


def test_points_that_were_not_placed_are_left_out(save):
    points = [point(0, 0, 0), point(1, 1, 1, positionStatus="undefined")]
    assert read_clicks(save(markups({"controlPoints": points}))) == [[LpsClick((0, 0, 0))]]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ([], "is no click file"),
        ({"clicks": []}, "is no click file"),
        ({"rounds": []}, "holds no clicks"),
        ({"rounds": [[], [{"lps": [1, 2, 3]}]]}, "round 1 of .* has no clicks"),
        ({"rounds": {"slice": 1}}, "list of lists"),
        ({"rounds": [{"slice": 1, "row": 1, "column": 1}]}, "list of lists"),
        (markups(), "holds no clicks"),
        (markups({"controlPoints": []}), "holds no clicks"),
        (markups({"coordinateSystem": "IJK", "controlPoints": []}), "expected LPS or RAS"),
        (markups({"coordinateUnits": "cm", "controlPoints": []}), "not in mm"),
        (markups("list"), "without a list of control points"),
        ({"markups": 3}, "must be a list"),
    ],
)
def test_files_that_hold_no_clicks_are_refused(save, content, text):
    with pytest.raises(ConfigError, match=text) as raised:
        read_clicks(save(content))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"rounds": [[{"lps": [1, 2, 3]}], [{"row": 1}]]}, "round 2 of .*misses column"),
        ('{"rounds": [[{"lps": [1, 2, NaN]}]]}', "finite"),
        (markups({"controlPoints": [{"label": "a"}]}), "point without position"),
        (markups({"controlPoints": ["a"]}), "point without position"),
        (markups({"controlPoints": [point(1, 2, None)]}), "must be numbers"),
    ],
)
def test_clicks_that_cannot_be_used_are_refused(save, content, text):
    with pytest.raises(ClickError, match=text):
        read_clicks(save(content))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_clicks(path)
