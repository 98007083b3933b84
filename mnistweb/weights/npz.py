"""Reads npz files: a zip archive of npy files, each an array with a header that says its dtype and shape.

Source: NumPy's documentation, "NPY format". NumPy's own reader allocates what a header claims and
inflates whatever an archive holds; this one looks at the sums first.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from mnistweb.weights.arrays import build_array
from mnistweb.weights.errors import WeightsError

MAX_UNPACKED_BYTES = 64 * 2**20
MAX_ARRAYS = 2000
_MAX_HEADER_BYTES = 10_000
_ENTRY = b"PK\x01\x02"  # opens an entry of the archive's directory
# The header is a Python dict, written always in this form; a pattern needs no evaluation.
_HEADER = re.compile(
    r"\{\s*'descr'\s*:\s*'(?P<dtype>[^']{1,20})'\s*,\s*'fortran_order'\s*:\s*(?P<fortran>True|False)\s*,"
    r"\s*'shape'\s*:\s*\((?P<shape>(\d{1,18}L?\s*,?\s*){0,9})\)\s*,?\s*\}\s*"
)
_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}


def read_npz(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name, numeric ones only. Raises WeightsError for anything else."""
    entries = data.count(_ENTRY)  # zipfile makes an object of each, however many there are
    if entries > MAX_ARRAYS:
        raise WeightsError(f"an npz archive of {entries:,} files; at most {MAX_ARRAYS:,} are read")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _look_over(members)
            return {member.filename[:-4]: _member(archive, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        # A wrong CRC is a BadZipFile, an encrypted member a RuntimeError, a seek to nowhere an OSError.
        raise WeightsError(f"a damaged npz archive: {error}") from error
    except (ValueError, OverflowError, UnicodeError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"a damaged npz archive: {error}") from error


def write_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an npz file, deflated; equal arrays give equal bytes."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def _look_over(members: list[zipfile.ZipInfo]) -> None:
    if not members:
        raise WeightsError("an npz archive without arrays")
    names = [member.filename for member in members]
    if any(name.endswith("data.pkl") for name in names):
        raise WeightsError(
            "a PyTorch file (torch.save), whose pickle is a program; "
            "save it with safetensors.torch.save_file(model.state_dict(), 'model.safetensors') instead"
        )
    for member in members:
        if not member.filename.endswith(".npy"):
            raise WeightsError(f"{member.filename!r:.80} in the archive is no npy array")
        if member.compress_type not in _METHODS:
            raise WeightsError(f"{member.filename!r:.80} is packed by method {member.compress_type}")
    if len(set(names)) != len(names):
        raise WeightsError("two arrays of one name in the archive")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise WeightsError(
            f"an archive that unpacks to {unpacked:,} bytes; at most {MAX_UNPACKED_BYTES:,} are read"
        )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        # With a number zipfile inflates as much and no more; without one it inflates all there is, and cuts
        # that to the stated size afterwards.
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise WeightsError(
            f"{member.filename!r:.80} has {len(content):,} bytes, its entry says {member.file_size:,}"
        )
    try:
        return read_npy(content)
    except WeightsError as error:
        raise WeightsError(f"{member.filename!r:.80}: {error.reason}") from error


def read_npy(content: bytes) -> np.ndarray:
    """The array in the bytes of a npy file; WeightsError unless it is a numeric one, whole and alone."""
    if content[:6] != b"\x93NUMPY" or content[6:8] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise WeightsError("no npy array of version 1, 2 or 3")
    size_bytes = 2 if content[6] == 1 else 4
    start = 8 + size_bytes
    length = int.from_bytes(content[8:start], "little")
    if length > _MAX_HEADER_BYTES or len(content) < start + length:
        raise WeightsError(f"a npy header of {length:,} bytes; at most {_MAX_HEADER_BYTES:,}, and all of it")
    header = _HEADER.fullmatch(content[start : start + length].decode("latin-1"))
    if header is None:
        raise WeightsError(
            "a npy header without a plain dtype, fortran_order and shape; only plain numbers are read"
        )
    shape = [int(size) for size in re.findall(r"\d+", header["shape"])]
    dtype, fortran = header["dtype"], header["fortran"] == "True"
    data = memoryview(content)[start + length :]
    return build_array(data, dtype[1:], shape, byte_order=dtype[:1], fortran=fortran)
