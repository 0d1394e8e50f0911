import json

import numpy as np
import pytest

from SlicerLIMNet.domain.clicks import Click, LpsClick, click_from_json
from SlicerLIMNet.errors import ClickError


@pytest.mark.parametrize("click", [Click(3, 4.5, 6, False), LpsClick((1.5, -2, 3), True)])
def test_a_click_comes_back_from_json_unchanged(click):
    assert click_from_json(json.loads(json.dumps(click.to_json()))) == click


def test_numbers_of_arrays_become_plain_ones():
    click = Click(np.int64(3), np.float32(4), np.int16(5), np.bool_(True))
    assert json.dumps(click.to_json())
    assert click == Click(3, 4, 5)


def test_a_click_without_sign_is_positive_and_a_whole_float_is_a_slice():
    assert click_from_json({"slice": 2.0, "row": 1, "column": 1}).positive
    assert click_from_json({"slice": 2.0, "row": 1, "column": 1}).slice_index == 2


def test_a_click_reads_as_words():
    assert str(Click(1, 2, 3.25, False)) == "negative click at slice 1, row 2, column 3.25"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"slice": 1, "row": 2}, "misses column"),
        ({"slice": 1, "row": 2, "column": 3, "colour": 4}, "unknown colour"),
        ({"lps": [1, 2, 3], "row": 2}, "unknown row"),
        ({"lps": [1, 2]}, "three finite numbers"),
        ({"lps": "here"}, "must be numbers"),
        ({"lps": [1, 2, float("nan")]}, "finite"),
        ({"slice": 1.5, "row": 2, "column": 3}, "whole number"),
        ({"slice": True, "row": 2, "column": 3}, "whole number"),
        ({"slice": float("inf"), "row": 2, "column": 3}, "whole number"),
        ({"slice": 1, "row": "2", "column": 3}, "must be numbers"),
        ({"slice": 1, "row": float("nan"), "column": 3}, "finite"),
        ({"slice": 1, "row": 10**400, "column": 3}, "whole slice number"),
        ({"slice": 1, "row": 2, "column": 3, "positive": "yes"}, "true or false"),
        ([1, 2, 3], "must be an object"),
        ("click", "must be an object"),
    ],
)
def test_what_is_no_click_is_refused(entry, text):
    with pytest.raises(ClickError, match=text):
        click_from_json(entry)


def test_a_click_between_slices_is_refused():
    with pytest.raises(ClickError, match="whole slice"):
        Click(1.5, 2, 3)
