"""The headers of NIfTI, NRRD and MetaImage files: what they promise, and nothing else of them."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from SlicerLIMNet.errors import VolumeError
from SlicerLIMNet.io.promise import Promise, check_sizes, check_spacing

IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")

_LONGEST_TEXT_HEADER = 1 << 20
_NIFTI_HEADER = 348
_NIFTI_REAL = {16: "f4", 64: "f8"}
_NIFTI_BYTES = {
    2: 1, 4: 2, 8: 4, 16: 4, 32: 8, 64: 8, 128: 3, 256: 1, 512: 2, 768: 4,
    1024: 8, 1280: 8, 1536: 16, 1792: 16, 2048: 32, 2304: 4,
}  # fmt: skip
_NRRD_BYTES = (
    (1, r"((un)?signed )?char|uchar|u?int8(_t)?"),
    (2, r"((un)?signed )?short( int)?|ushort|u?int16(_t)?"),
    (4, r"((un)?signed )?int|uint|u?int32(_t)?|float"),
    (8, r"((un)?signed )?long long( int)?|u?longlong|u?int64(_t)?|double"),
)
_META_BYTES = {
    "CHAR": 1, "SHORT": 2, "INT": 4, "LONG": 4, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip


def read_promise(path: Path) -> Promise:
    """Return what the header of a NIfTI, NRRD or MetaImage file promises.

    Raises:
        VolumeError: The header cannot be read, or names no usable grid or storage.
    """
    name = path.name.lower()
    try:
        if name.endswith((".nii", ".nii.gz")):
            return _nifti_promise(path)
        return _nrrd_promise(path) if name.endswith((".nrrd", ".nhdr")) else _meta_promise(path)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise VolumeError(f"{path.name} is no gzip file, or a damaged one") from error
    except (ValueError, KeyError, IndexError, OverflowError, struct.error) as error:
        raise VolumeError(f"the header of {path.name} is damaged or of another format") from error
    except OSError as error:
        raise VolumeError(f"{path} cannot be read: {error.strerror or error}") from error


def _nifti_promise(path: Path) -> Promise:
    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as file:
        header = file.read(_NIFTI_HEADER)
    order = "<" if struct.unpack_from("<i", header)[0] == _NIFTI_HEADER else ">"
    if header[344:347] != b"n+1" or struct.unpack_from(order + "i", header)[0] != _NIFTI_HEADER:
        raise VolumeError(
            f"{path.name} is no NIfTI-1 image in one file, or its header is damaged; save it as one"
        )
    dim = struct.unpack_from(order + "8h", header, 40)
    sizes = dim[1 : dim[0] + 1] if 1 <= dim[0] <= 7 else ()
    check_sizes(path.name, sizes)
    check_spacing(path.name, struct.unpack_from(order + "8f", header, 76)[1 : min(dim[0], 3) + 1])
    kind = struct.unpack_from(order + "h", header, 70)[0]
    skip = int(struct.unpack_from(order + "f", header, 108)[0])
    size = math.prod(sizes) * _NIFTI_BYTES[kind]
    real_type = order + _NIFTI_REAL[kind] if kind in _NIFTI_REAL else ""
    return Promise(path, "gzip" if packed else "raw", 0, max(skip, 0), size, real_type)


def _nrrd_promise(path: Path) -> Promise:
    lines, end = _text_header(path, is_last=lambda line: line == "")
    if not lines or not lines[0].startswith("NRRD000"):
        raise VolumeError(f"{path.name} is no NRRD file, or its header is damaged")
    pairs = (line.split(": ", 1) for line in lines[1:] if re.match(r"[^#=]+: ", line))
    fields = {key.strip().lower().replace(" ", ""): value.strip() for key, value in pairs}
    sizes = [int(size) for size in fields["sizes"].split()]
    check_sizes(path.name, sizes)
    for field in ("spacedirections", "spacings"):
        check_spacing(path.name, _nrrd_spacing(fields.get(field, ""), len(sizes)))
    size = math.prod(sizes) * _nrrd_voxel(fields["type"])
    skip = int(fields.get("byteskip", "0"))
    if int(fields.get("lineskip", "0")) or skip < -1:
        raise VolumeError(f"{path.name} skips lines before its voxels; save it in one .nrrd file")
    encoding = fields["encoding"].lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise VolumeError(f"{path.name} is encoded as {encoding:.20}; save it as raw or gzip")
    data_file, start = path, end
    if "datafile" in fields:
        data_file, start = _beside(path, fields["datafile"]), 0
    if encoding == "raw":
        return Promise(data_file, "raw", -1 if skip < 0 else start + skip, 0, size)
    return Promise(data_file, "gzip", start, max(skip, 0), size)


def _nrrd_voxel(kind: str) -> int:
    return next(size for size, names in _NRRD_BYTES if re.fullmatch(names, kind.lower()))


def _nrrd_spacing(text: str, axes: int) -> list[float]:
    """Return axis lengths from `none (0,0,1) (0,1,0) (1,0,0)`, or spacings from `nan 1 1 2`."""
    vectors = re.findall(r"\(([^)]*)\)", text)
    if vectors:
        return [math.hypot(*(float(part) for part in vector.split(","))) for vector in vectors]
    words = text.split()  # only the axis of colours has none
    return [float(word) for word in words if axes <= 3 or word.lower() not in ("none", "nan")]


def _meta_promise(path: Path) -> Promise:
    lines, end = _text_header(path, is_last=lambda line: line.startswith("ElementDataFile"))
    pairs = (re.split(r"\s*[=:]\s*", line, maxsplit=1) for line in lines if re.search("[=:]", line))
    fields = {key.strip(): value.strip() for key, value in pairs}
    if "ElementDataFile" not in fields:
        raise VolumeError(f"{path.name} is no MetaImage file, or its header is damaged")
    sizes = [int(size) for size in fields["DimSize"].split()]
    check_sizes(path.name, sizes)
    check_spacing(path.name, _meta_spacing(fields))
    kind = fields["ElementType"].removeprefix("MET_").removesuffix("_ARRAY")
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    size = math.prod(sizes) * max(channels, 1) * _meta_voxel(kind)
    data_file, start = path, end
    if fields["ElementDataFile"].upper() != "LOCAL":
        data_file, start = _beside(path, fields["ElementDataFile"]), 0
    if not _is_true(fields.get("BinaryData", "True")):
        raise VolumeError(f"{path.name} keeps its voxels as text; save it as binary")
    if _is_true(fields.get("CompressedData", "False")):
        return Promise(data_file, "zlib", start, 0, size)
    skip = int(fields.get("HeaderSize", "0"))
    return Promise(data_file, "raw", -1 if skip < 0 else start + skip, 0, size)


def _meta_voxel(kind: str) -> int:
    return _META_BYTES.get(kind) or _META_BYTES[kind.removeprefix("U")]


def _meta_spacing(fields: Mapping[str, str]) -> list[float]:
    text = fields.get("ElementSpacing") or fields.get("ElementSize") or ""
    return [float(word) for word in text.split()]


def _is_true(text: str) -> bool:
    return text[:1] in ("T", "t", "1")


def _text_header(path: Path, is_last: Callable[[str], bool]) -> tuple[list[str], int]:
    """Return the lines of a text header and where the bytes after it begin."""
    lines: list[str] = []
    end = 0
    with path.open("rb") as file:
        while end < _LONGEST_TEXT_HEADER:
            line = file.readline(_LONGEST_TEXT_HEADER)
            end += len(line)
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            if not line or is_last(lines[-1]):
                break
    return lines, end


def _beside(path: Path, name: str) -> Path:
    """Return the one data file that a header names; it must lie in or below the header's folder."""
    parts = PurePosixPath(name).parts + PureWindowsPath(name).parts
    is_absolute = PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).drive)
    if is_absolute or ".." in parts or "%" in name or name.upper().startswith("LIST"):
        raise VolumeError(
            f"{path.name} keeps its voxels in {name!r:.80}; expected one file beside it"
        )
    if not (path.parent / name).is_file():
        raise VolumeError(f"{path.name} needs the file {name!r:.80} beside it, which is missing")
    return path.parent / name
