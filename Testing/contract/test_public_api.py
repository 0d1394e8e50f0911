"""The names that users and the Slicer module rely on."""

from __future__ import annotations

import inspect
from importlib.metadata import PackageNotFoundError, version

import pytest

import SlicerLIMNet

NAMES = [
    "CancelToken",
    "Click",
    "Engine",
    "LIMNetError",
    "ObliquePlane",
    "Plane",
    "RoundConfig",
    "Session",
    "Volume",
    "read_volume",
    "write_segmentation",
]

SESSION_METHODS = {
    "add_click": ["click", "plane"],
    "remove_click": ["click"],
    "run_round": ["cancel", "keep_partial"],
    "undo": [],
    "redo": [],
    "lock": ["index"],
    "unlock": ["index"],
    "set_mask": ["mask", "slices", "given"],
    "fused_mask": ["index"],
    "next_slice_to_check": [],
    "mask_volume": [],
    "probability_volume": [],
    "save": ["path"],
}


def test_the_public_names_are_written_out():
    assert SlicerLIMNet.__all__ == NAMES
    assert set(NAMES) <= set(dir(SlicerLIMNet))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_documented(name):
    assert inspect.getdoc(getattr(SlicerLIMNet, name))


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = SlicerLIMNet.Nothing


@pytest.mark.parametrize("method", SESSION_METHODS)
def test_a_session_has_the_methods_of_the_specification(method):
    parameters = inspect.signature(getattr(SlicerLIMNet.Session, method)).parameters
    assert [name for name in parameters if name != "self"] == SESSION_METHODS[method]


def test_a_session_begins_with_volume_and_engine_or_is_opened():
    begin = list(inspect.signature(SlicerLIMNet.Session).parameters)
    assert begin[:4] == ["volume", "engine", "plane", "config"]
    assert list(inspect.signature(SlicerLIMNet.Session.open).parameters) == [
        "path",
        "volume",
        "engine",
    ]
    assert isinstance(SlicerLIMNet.Session.results, property)


def test_an_engine_begins_with_preset_and_device():
    assert list(inspect.signature(SlicerLIMNet.Engine).parameters)[:2] == ["preset", "device"]


def test_all_errors_have_one_parent():
    from SlicerLIMNet import errors

    children = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert len(children) > 5
    assert all(issubclass(child, SlicerLIMNet.LIMNetError) for child in children)


def test_the_installed_version_is_that_of_the_package():
    try:
        installed = version("SlicerLIMNet")
    except PackageNotFoundError:
        installed = SlicerLIMNet.__version__  # run from a checkout that was never installed
    assert installed == SlicerLIMNet.__version__
