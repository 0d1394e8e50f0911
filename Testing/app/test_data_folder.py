"""Opening by path: nothing outside the chosen folder can be read."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its users know

from LIMNetSegmentApp.AppError import AppError
from LIMNetSegmentApp.DataFolder import DataFolder


@pytest.fixture
def places(tmp_path):
    """A folder to serve, with an image, and one beside it."""
    for folder in ("served/patient one", "beside", "served-too"):
        (tmp_path / folder).mkdir(parents=True)
        write_image(tmp_path / folder / "ct.nii.gz")
    return tmp_path


def write_image(path):
    image = sitk.GetImageFromArray(np.arange(64, dtype=np.int16).reshape(4, 4, 4))
    sitk.WriteImage(image, str(path))


def test_files_are_found_by_both_kinds_of_path(places):
    folder = DataFolder(places / "served")
    image = places / "served" / "patient one" / "ct.nii.gz"
    assert folder.find("patient one/ct.nii.gz") == image
    assert folder.find(str(image)) == image
    assert folder.find("patient one/../patient one/ct.nii.gz ") == image
    assert folder.find("patient one") == image.parent
    assert folder.find("") == places / "served"


@pytest.mark.parametrize(
    "text",
    [
        "../beside/ct.nii.gz",
        "patient one/../../beside/ct.nii.gz",
        "../served-too/ct.nii.gz",
        "/etc/passwd",
        "..",
        "/",
        "gone.nii.gz",
        "~",
        "a\0b",
        "x" * 5000,
        "link.nii.gz",
        "linked/ct.nii.gz",
        "circle",
    ],
)
def test_what_lies_outside_is_not_there(places, text):
    served = places / "served"
    (served / "link.nii.gz").symlink_to(places / "beside" / "ct.nii.gz")
    (served / "linked").symlink_to(places / "beside")
    (served / "circle").symlink_to(served / "circle")
    with pytest.raises(AppError, match="There is no"):
        DataFolder(served).find(text)


def test_outside_and_missing_are_told_alike(places):
    folder = DataFolder(places / "served")
    told = []
    for text in ("../beside/ct.nii.gz", "../beside/no.nii.gz"):
        with pytest.raises(AppError) as raised:
            folder.find(text)
        told.append(str(raised.value).replace(text, ""))
    assert told[0] == told[1]


def test_links_inside_lead_where_they_lead(places):
    served = places / "served"
    (served / "short.nii.gz").symlink_to(served / "patient one" / "ct.nii.gz")
    found = DataFolder(served).find("short.nii.gz")
    assert found == served / "patient one" / "ct.nii.gz"


def test_the_folder_itself_may_be_a_link(places):
    (places / "way").symlink_to(places / "served")
    folder = DataFolder(places / "way")
    assert folder.find("patient one/ct.nii.gz").is_file()
    assert folder.find(str(places / "way" / "patient one")).is_dir()


def test_a_header_may_not_name_voxels_outside(places):
    served = places / "served"
    write_image(places / "beside" / "mr.mhd")
    (served / "mr.mhd").write_text((places / "beside" / "mr.mhd").read_text())
    (served / "mr.raw").symlink_to(places / "beside" / "mr.raw")
    with pytest.raises(AppError, match="outside"):
        DataFolder(served).find("mr.mhd")
    (served / "mr.raw").unlink()
    (served / "mr.raw").write_bytes((places / "beside" / "mr.raw").read_bytes())
    assert DataFolder(served).find("mr.mhd") == served / "mr.mhd"


def test_a_series_may_not_hold_links_that_lead_outside(places):
    series = places / "served" / "series"
    series.mkdir()
    (series / "1.dcm").write_bytes(b"\0" * 128 + b"DICM")
    (series / "inner").symlink_to(places / "beside")  # is not looked into
    assert DataFolder(places / "served").find("series") == series
    (series / "2.dcm").symlink_to(places / "beside" / "ct.nii.gz")
    with pytest.raises(AppError, match="outside"):
        DataFolder(places / "served").find("series")


def test_the_listing_shows_folders_and_images_inside(places):
    served = places / "served"
    (served / "notes.txt").write_text("no image")
    (served / ".hidden.nii").write_bytes(b"")
    (served / "b.nrrd").write_bytes(b"")
    (served / "A.mha").write_bytes(b"")
    (served / "out").symlink_to(places / "beside")
    (served / "out.nii").symlink_to(places / "beside" / "ct.nii.gz")
    folder = DataFolder(served)
    shown = [(entry.name, entry.path, entry.isFolder) for entry in folder.listing()]
    assert shown == [
        ("patient one", "patient one", True),
        ("A.mha", "A.mha", False),
        ("b.nrrd", "b.nrrd", False),
    ]
    (inner,) = folder.listing("patient one")
    assert folder.find(inner.path) == served / "patient one" / "ct.nii.gz"


@pytest.mark.parametrize("text", ["..", "/", "../beside", "linked"])
def test_the_listing_shows_nothing_outside(places, text):
    (places / "served" / "linked").symlink_to(places / "beside")
    with pytest.raises(AppError, match="There is no"):
        DataFolder(places / "served").listing(text)


def test_a_folder_that_is_none_is_refused(places):
    with pytest.raises(AppError, match="choose another"):
        DataFolder(places / "gone")
    with pytest.raises(AppError, match="no folder"):
        DataFolder(places / "served" / "patient one" / "ct.nii.gz")
