import gzip
import logging
import os
import struct

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from series_writer import write_series

from SlicerLIMNet.domain.geometry import Geometry
from SlicerLIMNet.errors import ConfigError, VolumeError
from SlicerLIMNet.io.itk_images import to_image
from SlicerLIMNet.io.volumes import list_series, read_volume, volume_name

C, S = np.cos(0.3), np.sin(0.3)
DIRECTIONS = {
    "identity": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "flipped": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "left-handed": ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "sagittal": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "oblique": ((C, -S, 0), (S, C, 0), (0, 0, 1)),
}
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
VOXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5) - 7
GRID = Geometry((3, 4, 5), (3.0, 0.7, 0.5))


def write(path, voxels=VOXELS, geometry=GRID, packed=True):
    sitk.WriteImage(to_image(voxels, geometry), str(path), useCompression=packed)
    return path


def patch(path, place, form, *values):
    """Change numbers of a NIfTI header, packed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        content = bytearray(file.read())
    struct.pack_into(form, content, place, *values)
    with opener(path, "wb") as file:
        file.write(content)
    return path


def replace(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_voxels_and_grid_come_back_from_every_format(tmp_path, ending, direction):
    grid = Geometry((3, 4, 5), (3.0, 0.7, 0.5), (-10.5, 20.25, 7.0), direction)
    volume = read_volume(write(tmp_path / f"ct{ending}", VOXELS, grid), modality="CT")
    np.testing.assert_array_equal(volume.array, VOXELS)
    assert volume.geometry.is_close(grid, tolerance_voxels=1e-5)
    assert (volume.modality, volume.name, volume.dicom_files) == ("CT", "ct", ())


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_colour_comes_back(tmp_path, ending):
    voxels = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3)).astype(np.uint8)
    image = sitk.GetImageFromArray(voxels, isVector=True)
    sitk.WriteImage(image, str(tmp_path / f"rgb{ending}"))
    volume = read_volume(tmp_path / f"rgb{ending}")
    assert volume.is_colour
    np.testing.assert_array_equal(volume.array, voxels)


@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha"])
def test_a_single_slice_is_a_volume(tmp_path, ending):
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS[0]), str(tmp_path / f"flat{ending}"))
    assert read_volume(tmp_path / f"flat{ending}").shape_zyx == (1, 4, 5)
    write(tmp_path / f"one{ending}", VOXELS[:1], Geometry((1, 4, 5), (1, 1, 1)))
    assert read_volume(tmp_path / f"one{ending}").shape_zyx == (1, 4, 5)


def test_a_fourth_axis_of_one_entry_is_left_out(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS[None], isVector=False), str(tmp_path / "a.nrrd"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nrrd").array, VOXELS)


def test_a_detached_header_finds_its_voxels_beside_it(tmp_path):
    write(tmp_path / "a.nhdr", packed=False)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nhdr").array, VOXELS)


@pytest.mark.parametrize("form", ["<", ">"])
def test_both_byte_orders_of_nifti_are_understood(tmp_path, form):
    header = bytearray(352)
    struct.pack_into(form + "i", header, 0, 348)
    struct.pack_into(form + "8h", header, 40, 3, 5, 4, 3, 1, 1, 1, 1)
    struct.pack_into(form + "2h", header, 70, 16, 32)
    struct.pack_into(form + "9f", header, 76, 1, 0.5, 0.7, 3, 1, 1, 1, 1, 352)
    header[344:348] = b"n+1\0"
    path = tmp_path / "a.nii"
    path.write_bytes(header + VOXELS.astype(form + "f4").tobytes())
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, VOXELS)
    np.testing.assert_allclose(volume.geometry.spacing_zyx_mm, (3, 0.7, 0.5))
    path.write_bytes(header)
    with pytest.raises(VolumeError, match="cut short"):
        read_volume(path)


def test_two_gzip_streams_in_one_file_are_one(tmp_path):
    content = write(tmp_path / "a.nii").read_bytes()
    joined = gzip.compress(content[:400]) + gzip.compress(content[400:])
    (tmp_path / "b.nii.gz").write_bytes(joined)
    np.testing.assert_array_equal(read_volume(tmp_path / "b.nii.gz").array, VOXELS)


def test_the_name_of_a_volume_has_no_ending(tmp_path):
    assert volume_name(tmp_path / "a.b.nii.gz") == "a.b"
    assert volume_name(tmp_path / "A.NRRD") == "A"
    assert volume_name(tmp_path / "a.seg.nrrd") == "a"


class TestBadFiles:
    def test_missing_and_unknown_files(self, tmp_path):
        with pytest.raises(VolumeError, match=r"there is no file .*gone\.nii"):
            read_volume(tmp_path / "gone.nii")
        (tmp_path / "a.txt").write_text("hello")
        with pytest.raises(VolumeError, match="no format that can be read"):
            read_volume(tmp_path / "a.txt")
        with pytest.raises(ConfigError, match="only the folder of DICOM files has series"):
            read_volume(write(tmp_path / "a.nii"), series=1)

    @pytest.mark.parametrize("ending", ENDINGS)
    @pytest.mark.parametrize("content", [b"", b"xx" * 1000, b"\0" * 1000, b"\n" * 1000])
    def test_files_of_another_content(self, tmp_path, ending, content):
        path = tmp_path / f"junk{ending}"
        path.write_bytes(content)
        with pytest.raises(VolumeError, match="junk") as raised:
            read_volume(path)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
    @pytest.mark.parametrize("voxels", [np.zeros((3, 4, 5)), np.full((3, 4, 5), 9, np.int16)])
    def test_constant_volumes(self, tmp_path, ending, voxels):
        with pytest.raises(VolumeError, match="constant"):
            read_volume(write(tmp_path / f"a{ending}", voxels))

    @pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
    @pytest.mark.parametrize("kind", [np.float32, np.float64])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_voxels_that_are_no_numbers(self, tmp_path, ending, kind, value):
        voxels = np.arange(70 * 80 * 20, dtype=kind).reshape(20, 70, 80)
        voxels[-1, -1, -1] = value
        path = write(tmp_path / f"a{ending}", voxels, Geometry((20, 70, 80), (1, 1, 1)))
        with pytest.raises(VolumeError, match="NaN or infinite"):
            read_volume(path)

    @pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
    def test_time_series_and_vectors(self, tmp_path, ending):
        four = np.zeros((2, 3, 4, 5), np.int16)
        sitk.WriteImage(sitk.GetImageFromArray(four, isVector=False), str(tmp_path / f"t{ending}"))
        with pytest.raises(VolumeError, match="one image in three dimensions"):
            read_volume(tmp_path / f"t{ending}")
        for kind in (np.float32, np.int16):
            field = sitk.GetImageFromArray(np.zeros((3, 4, 5, 3), kind), isVector=True)
            sitk.WriteImage(field, str(tmp_path / f"v{ending}"))
            with pytest.raises(VolumeError, match="3 values a voxel"):
                read_volume(tmp_path / f"v{ending}")

    def test_complex_voxels(self, tmp_path):
        image = sitk.GetImageFromArray(VOXELS.astype(np.complex64))
        sitk.WriteImage(image, str(tmp_path / "c.nii"))
        with pytest.raises(VolumeError, match="2 values a voxel"):
            read_volume(tmp_path / "c.nii")

    @pytest.mark.parametrize("spacing", [0.0, float("nan"), float("inf")])
    def test_spacing_that_is_no_distance(self, tmp_path, spacing):
        with pytest.raises(VolumeError, match="voxel spacing"):
            read_volume(patch(write(tmp_path / "a.nii.gz"), 84, "<f", spacing))
        text = str(spacing).encode()
        path = write(tmp_path / "a.mha")
        with pytest.raises(VolumeError, match="voxel spacing"):
            read_volume(replace(path, b"ElementSpacing = 0.5", b"ElementSpacing = " + text))
        path = write(tmp_path / "a.nrrd")
        with pytest.raises(VolumeError, match="voxel spacing"):
            read_volume(replace(path, b"(0.5,0,0)", b"(" + text + b",0,0)"))

    @pytest.mark.parametrize("size", [0, -3])
    def test_sizes_below_one(self, tmp_path, size):
        with pytest.raises(VolumeError, match="empty or damaged"):
            read_volume(patch(write(tmp_path / "a.nii"), 42, "<h", size))
        text = b"%d" % size
        with pytest.raises(VolumeError, match="empty or damaged"):
            read_volume(replace(write(tmp_path / "a.mha"), b"DimSize = 5", b"DimSize = " + text))
        with pytest.raises(VolumeError, match="empty or damaged"):
            read_volume(replace(write(tmp_path / "a.nrrd"), b"sizes: 5", b"sizes: " + text))


class TestBrokenPromises:
    """A header that names more voxels than the file holds is refused, and nothing is allocated."""

    @pytest.fixture(autouse=True)
    def no_reading(self, monkeypatch):
        def refuse(reader):
            raise AssertionError("ITK was asked for the voxels")

        monkeypatch.setattr(sitk.ImageFileReader, "Execute", refuse)

    @pytest.mark.parametrize("columns", [6, 30000])
    @pytest.mark.parametrize("packed", [False, True])
    def test_of_nifti(self, tmp_path, columns, packed):
        path = write(tmp_path / ("a.nii.gz" if packed else "a.nii"))
        with pytest.raises(VolumeError, match="cut short"):
            read_volume(patch(path, 42, "<h", columns))

    @pytest.mark.parametrize("columns", [b"6", b"999999999"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_of_nrrd(self, tmp_path, columns, packed):
        path = write(tmp_path / "a.nrrd", packed=packed)
        with pytest.raises(VolumeError, match="cut short"):
            read_volume(replace(path, b"sizes: 5", b"sizes: " + columns))

    @pytest.mark.parametrize("columns", [b"6", b"999999999"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_of_metaimage(self, tmp_path, columns, packed):
        path = write(tmp_path / "a.mha", packed=packed)
        with pytest.raises(VolumeError, match="cut short"):
            read_volume(replace(path, b"DimSize = 5", b"DimSize = " + columns))

    @pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_of_a_file_that_was_cut(self, tmp_path, ending, packed):
        noise = np.random.default_rng(0).integers(0, 999, (3, 40, 50)).astype(np.int16)
        path = write(tmp_path / f"a{ending}", noise, Geometry((3, 40, 50), (1, 1, 1)), packed)
        os.truncate(path, path.stat().st_size - 40)
        with pytest.raises(VolumeError, match="cut short"):
            read_volume(path)

    @pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
    def test_of_a_damaged_packed_stream(self, tmp_path, ending):
        noise = np.random.default_rng(0).integers(0, 999, (3, 40, 50)).astype(np.int16)
        path = write(tmp_path / f"a{ending}", noise, Geometry((3, 40, 50), (1, 1, 1)))
        content = bytearray(path.read_bytes())
        content[-400:-300] = b"\xff" * 100
        path.write_bytes(content)
        with pytest.raises(VolumeError, match=r"damaged|cut short"):
            read_volume(path)

    def test_of_a_bomb_that_packs_far_better_than_deflate_can(self, tmp_path):
        path = patch(write(tmp_path / "a.nii.gz"), 42, "<3h", 32000, 32000, 32000)
        with pytest.raises(VolumeError, match="holds no more than"):
            read_volume(path)

    def test_of_a_detached_header(self, tmp_path):
        write(tmp_path / "a.mhd", packed=False)
        (tmp_path / "a.raw").write_bytes(b"1234")
        with pytest.raises(VolumeError, match="cut short"):
            read_volume(tmp_path / "a.mhd")


@pytest.mark.parametrize(
    "name", ["../a.raw", "/etc/hostname", "C:\\a.raw", "LIST", "a%03d.raw 1 3 1"]
)
def test_a_header_names_one_file_beside_it_only(tmp_path, name):
    write(tmp_path / "a.mhd", packed=False)
    path = replace(tmp_path / "a.mhd", b"= a.raw", b"= " + name.encode())
    with pytest.raises(VolumeError, match="expected one file beside it"):
        read_volume(path)
    write(tmp_path / "b.nhdr", packed=False)
    path = replace(tmp_path / "b.nhdr", b"data file: b.raw", b"data file: " + name.encode())
    with pytest.raises(VolumeError, match="expected one file beside it"):
        read_volume(path)


def test_a_missing_data_file_is_named(tmp_path):
    write(tmp_path / "a.mhd", packed=False)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(VolumeError, match=r"needs the file 'a\.raw'"):
        read_volume(tmp_path / "a.mhd")


@pytest.mark.parametrize("encoding", [b"bzip2", b"ascii", b"hex"])
def test_encodings_that_cannot_be_checked_are_refused(tmp_path, encoding):
    path = write(tmp_path / "a.nrrd")
    with pytest.raises(VolumeError, match="save it as raw or gzip"):
        read_volume(replace(path, b"encoding: gzip", b"encoding: " + encoding))


class TestSeries:
    @pytest.fixture
    def positions(self):
        return [(-10, 20, 5), (-10, 20, 7.5), (-10, 20, 10)]

    def test_a_folder_becomes_a_volume(self, tmp_path, positions):
        write_series(tmp_path, VOXELS, positions, RescaleSlope=2, RescaleIntercept=-100)
        volume = read_volume(tmp_path)
        np.testing.assert_array_equal(volume.array, VOXELS * 2 - 100)
        assert volume.geometry.is_close(Geometry((3, 4, 5), (2.5, 0.7, 0.5), (-10, 20, 5)), 1e-6)
        assert (volume.modality, volume.name) == ("CT", "abdomen")
        assert len(volume.dicom_files) == 3
        assert read_volume(tmp_path, modality="MR").modality == "MR"

    def test_slices_are_sorted_along_their_normal(self, tmp_path):
        sagittal = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)  # normal: patient -x
        positions = [(3, 0, 0), (1, 0, 0), (2, 0, 0)]
        write_series(tmp_path, VOXELS, positions, ImageOrientationPatient=list(sagittal))
        volume = read_volume(tmp_path)
        np.testing.assert_array_equal(volume.array, VOXELS[[0, 2, 1]])
        np.testing.assert_allclose(volume.geometry.index_zyx_to_lps((1, 0, 0)), (2, 0, 0))
        np.testing.assert_allclose(volume.geometry.index_zyx_to_lps((0, 1, 0)), (3, 0, -0.7))

    def test_colour_and_a_single_slice(self, tmp_path):
        colour = np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3)).astype(np.uint8)
        write_series(tmp_path, colour, [(0, 0, 0)])
        volume = read_volume(tmp_path)
        assert volume.is_colour
        np.testing.assert_array_equal(volume.array, colour)

    def test_several_series_are_listed_to_choose_from(self, tmp_path, positions):
        lung = write_series(tmp_path, VOXELS, positions, SeriesDescription="lung", SeriesNumber=12)
        write_series(tmp_path, VOXELS[:2] + 1, positions[:2])
        write_series(tmp_path, VOXELS, positions, Modality="SEG")
        assert [(s.description, s.modality, s.slices) for s in list_series(tmp_path)] == [
            ("abdomen", "CT", 2),
            ("lung", "CT", 3),
        ]
        with pytest.raises(VolumeError, match="several series") as raised:
            read_volume(tmp_path)
        assert "1: series 3, abdomen, CT, 2 slices" in str(raised.value)
        assert f"2: series 12, lung, CT, 3 slices, {lung}" in str(raised.value)
        for choice in (2, "2", lung):
            assert read_volume(tmp_path, series=choice).name == "lung"
        with pytest.raises(VolumeError, match="no series 3"):
            read_volume(tmp_path, series=3)

    def test_a_folder_without_images(self, tmp_path):
        (tmp_path / "notes.txt").write_text("hello")
        with pytest.raises(VolumeError, match="no DICOM images"):
            read_volume(tmp_path)
        with pytest.raises(VolumeError, match="there is no folder"):
            list_series(tmp_path / "gone")

    def test_a_slice_that_is_missing(self, tmp_path):
        voxels = np.concatenate([VOXELS, VOXELS])
        positions = [(0, 0, z) for z in (0, 1, 2, 4, 5, 6)]
        write_series(tmp_path, voxels, positions)
        with pytest.raises(VolumeError, match=r"2\.000 mm after slice 3, elsewhere 1\.000 mm"):
            read_volume(tmp_path)

    def test_slightly_uneven_slices_are_read_with_a_warning(self, tmp_path, caplog):
        write_series(tmp_path, VOXELS, [(0, 0, 0), (0, 0, 1), (0, 0, 2.05)])
        with caplog.at_level(logging.WARNING):
            volume = read_volume(tmp_path)
        assert "unevenly spaced" in caplog.text
        assert volume.geometry.spacing_zyx_mm[0] == pytest.approx(1.025)

    def test_several_images_at_one_place(self, tmp_path, positions):
        uid = write_series(tmp_path / "a", VOXELS, positions)
        write_series(tmp_path / "a" / "b", VOXELS, positions, SeriesInstanceUID=uid)
        for file in (tmp_path / "a" / "b").iterdir():
            file.rename(tmp_path / "a" / f"second-{file.name}")
        (tmp_path / "a" / "b").rmdir()
        with pytest.raises(VolumeError, match="several images at the same place"):
            read_volume(tmp_path / "a")

    def test_slices_of_different_sizes_or_directions(self, tmp_path, positions):
        uid = write_series(tmp_path, VOXELS[:2], positions[:2])
        (tmp_path / "x").mkdir()
        write_series(tmp_path / "x", VOXELS[2:, :3], positions[2:], SeriesInstanceUID=uid)
        for file in (tmp_path / "x").iterdir():
            file.rename(tmp_path / f"third-{file.name}")
        with pytest.raises(VolumeError, match="differ in size, spacing or orientation"):
            read_volume(tmp_path)

    def test_a_tilted_gantry(self, tmp_path):
        write_series(tmp_path, VOXELS, [(0, 0, 0), (0, 0.5, 1), (0, 1, 2)])
        with pytest.raises(VolumeError, match="tilted gantry"):
            read_volume(tmp_path)

    def test_slices_without_position(self, tmp_path, positions):
        write_series(tmp_path, VOXELS, positions, ImageOrientationPatient=None)
        with pytest.raises(VolumeError, match="no position"):
            read_volume(tmp_path)

    def test_a_file_that_was_cut(self, tmp_path, positions):
        write_series(tmp_path, VOXELS, positions)
        last = sorted(tmp_path.iterdir())[-1]
        os.truncate(last, last.stat().st_size - 10)
        with pytest.raises(VolumeError, match=f"{last.name} .*cannot be read"):
            read_volume(tmp_path)

    def test_a_header_that_promises_more_pixels(self, tmp_path, positions):
        write_series(tmp_path, VOXELS, positions, Rows=60000, Columns=60000)
        with pytest.raises(VolumeError, match="cut short"):
            read_volume(tmp_path)

    def test_a_constant_series(self, tmp_path, positions):
        write_series(tmp_path, VOXELS * 0, positions)
        with pytest.raises(VolumeError, match="constant"):
            read_volume(tmp_path)
