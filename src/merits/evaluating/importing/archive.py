"""Members of a ZIP archive whatever they are compressed with: also Zstandard, which Python's zipfile knows from 3.14.

A member may hold several Zstandard frames, one after the other, as tools that append write them.
"""

from __future__ import annotations

import importlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from merits.core.errors import DataError, MissingExtra

__all__ = ["Archive", "opened"]

_ZSTANDARD = (93, 20)  # the method's number in ZIP files, and an earlier one (PKWARE APPNOTE 6.3.8, section 4.4.5)
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, ..., lengths of the name and of the extra field
_LARGEST = 2 << 30


class _Zstandard(Protocol):
    """What is used of `compression.zstd` (PEP 784)."""

    ZstdError: type[Exception]

    def ZstdDecompressor(self) -> _Decompressor: ...


class _Decompressor(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Archive:
    """The members of an archive by name; of two with one name, the later counts."""

    def __init__(self, file: zipfile.ZipFile, name: str) -> None:
        self._file = file
        self._name = name
        self._members = {info.filename: info for info in file.infolist()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all members, in the order they were written."""
        return tuple(self._members)

    def read(self, member: str) -> bytes:
        """The content of a member. Raises DataError for a broken one, MissingExtra where Zstandard cannot be read."""
        info = self._members[member]
        if info.file_size > _LARGEST:
            raise DataError(f"{self._name}, {member}: {info.file_size:,} bytes are too many to read.")
        if info.compress_type not in _ZSTANDARD:
            try:
                return self._file.read(info)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError) as problem:
                raise DataError(f"{self._name}, {member}: {problem}.", "Write the file again.") from None
        data = _frames(self._raw(info), info.file_size, f"{self._name}, {member}")
        if zlib.crc32(data) != info.CRC:
            raise DataError(f"{self._name}, {member} is broken: its checksum differs.", "Copy the file again.")
        return data

    def _raw(self, info: zipfile.ZipInfo) -> bytes:
        """The bytes of a member as they stand in the file."""
        file = self._file.fp
        assert file is not None
        file.seek(info.header_offset)
        _, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        file.seek(info.header_offset + _LOCAL_HEADER.size + name_length + extra_length)
        return file.read(info.compress_size)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive in a file. Raises DataError when it is not whole."""
    try:
        with zipfile.ZipFile(path) as file:
            yield Archive(file, path.name)
    except zipfile.BadZipFile:
        raise DataError(
            f"{path.name} is not a whole archive: its list of members is missing.",
            "If it is still being written, wait for the run to end; else copy it again.",
        ) from None


def _frames(data: bytes, size: int, place: str) -> bytes:
    """The content of all frames, which must be `size` bytes: a frame that unfolds into more is not followed."""
    zstd = _zstandard(place)
    parts, left = [], size
    while data:
        decompressor = zstd.ZstdDecompressor()
        try:
            part = decompressor.decompress(data, left + 1)
        except zstd.ZstdError as problem:
            raise DataError(f"{place} is broken: {problem}.", "Copy the file again.") from None
        parts.append(part)
        left -= len(part)
        if left < 0 or not decompressor.eof:
            raise DataError(f"{place} is broken: it holds not the {size:,} bytes it should.", "Copy the file again.")
        data = decompressor.unused_data
    return b"".join(parts)


def _zstandard(place: str) -> _Zstandard:
    """Python's own module from 3.14 on, before that its backport."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return cast("_Zstandard", importlib.import_module(name))
        except ImportError:
            continue
    raise MissingExtra(f"{place} is compressed with Zstandard.", "Install what reads it: pip install 'merits[inspect]'")
