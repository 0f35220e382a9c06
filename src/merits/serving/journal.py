"""What was answered, on this machine's disk before the client has it: outlives the process and an absent store.

Each worker writes segments of its own: files that were allocated in full beforehand, so that a full disk is found out
before a request is taken and not after it was answered. They are mapped into memory: a record costs a copy of its
bytes instead of a call to the system (1 instead of 5 to 35 microseconds), and outlives the process all the same. Each
has its length and a checksum; what a kill cut short is no record, and was given to nobody. A lock on the file tells the
living from the dead: segments of workers that are gone are taken over. Knows nothing about the store.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import msgspec

from merits.core.live import Feedback, Served

__all__ = ["RESERVE", "Entry", "Journal", "JournalFull", "Segment", "left_over"]

Entry: TypeAlias = Served | Feedback

RESERVE = 32 * 2**10  # bytes kept free for each request in flight; what is longer goes in only where there is more
_MAGIC = b"MERITSJ1"
_HEAD = struct.Struct("<8sQ")  # magic, up to where it was shipped
_RECORD = struct.Struct("<IIB")  # length and CRC-32 of what follows, its kind
_FIRST = 64
_SEGMENT = 8 * 2**20
_READ_AT_ONCE = 256 * 2**10
_KINDS: tuple[type[Served] | type[Feedback], ...] = (Served, Feedback)
_encode = msgspec.msgpack.Encoder().encode
_decoders = tuple(msgspec.msgpack.Decoder(kind).decode for kind in _KINDS)


class JournalFull(Exception):
    """There is no room for another record."""


class Segment:
    """One file of the journal. `end` is where the next record goes, `shipped` what the store has up to.

    `is_damaged` says that some of it could not be read: the file is kept, then, for somebody to look at.
    """

    def __init__(self, path: Path, fd: int, size: int, *, shipped: int = _FIRST, end: int = _FIRST) -> None:
        self.path, self.fd, self.size, self.shipped, self.end = path, fd, size, shipped, end
        self.is_damaged = False
        self._map: mmap.mmap | None = None

    @classmethod
    def new(cls, folder: Path, size: int) -> Segment:
        """A new one, allocated and locked. OSError when there is no room."""
        stem = folder / f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(3).hex()}"
        fresh = stem.with_suffix(".new")
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _allocate(fd, size)
            os.pwrite(fd, _HEAD.pack(_MAGIC, _FIRST), 0)
            os.rename(fresh, stem.with_suffix(".journal"))
        except BaseException:
            os.close(fd)
            with suppress(OSError):
                os.unlink(fresh)
            raise
        segment = cls(stem.with_suffix(".journal"), fd, size)
        segment._map = mmap.mmap(fd, size)
        return segment

    @classmethod
    def of_the_dead(cls, path: Path) -> Segment | None:
        """A segment whose worker is gone, locked for us; None where somebody holds it or has taken it away."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(path).st_ino != os.fstat(fd).st_ino:
                raise FileNotFoundError
            size = os.fstat(fd).st_size
            head = os.pread(fd, _HEAD.size, 0)
        except OSError:
            os.close(fd)
            return None
        magic, shipped = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", _FIRST)
        found = cls(path, fd, size, shipped=shipped if _FIRST <= shipped <= size else _FIRST)
        found.end = found.shipped
        if magic == _MAGIC:
            for _, end in found.read(found.shipped, size):
                found.end = end
        found.is_damaged |= any(head) and (magic != _MAGIC or found._goes_on())
        return found

    def write(self, record: bytes) -> None:
        """Puts a record at the end, into pages of the file that the system keeps whatever becomes of this process."""
        end = self.end + len(record)
        if self._map is None or end > self.size:
            raise JournalFull(f"{self.path} has no room for {len(record)} bytes")
        self._map[self.end : end] = record
        self.end = end

    def read(self, start: int, stop: int) -> Iterator[tuple[Entry, int]]:
        """The records between two places, each with where it ends.

        One that is not whole is passed over where a whole one follows (`is_damaged` says so), else it ends there.
        """
        at, block, begun = start, memoryview(b""), start
        while at + _RECORD.size <= stop:
            if at + _RECORD.size > begun + len(block):
                begun, block = at, self._block(at, min(stop - at, _READ_AT_ONCE))
            length, crc, kind = _RECORD.unpack_from(block, at - begun)
            end = at + _RECORD.size + length
            if not length or end > stop or kind >= len(_KINDS):
                return
            if end > begun + len(block):
                begun, block = at, self._block(at, max(end - at, min(stop - at, _READ_AT_ONCE)))
            entry = _entry(kind, crc, block[at + _RECORD.size - begun : end - begun])
            if entry is not None:
                yield entry, end
            elif self._is_whole(end, stop):
                self.is_damaged = True
            else:
                return
            at = end

    def _goes_on(self) -> bool:
        """Whether more comes behind the end than one record that was being written when the process died."""
        torn = os.pread(self.fd, _RECORD.size, self.end)
        if not any(torn) or len(torn) < _RECORD.size:
            return False
        behind = self.end + _RECORD.size + _RECORD.unpack(torn)[0]
        return behind > self.size or any(os.pread(self.fd, _RECORD.size, behind))

    def _is_whole(self, at: int, stop: int) -> bool:
        """Whether there is a record."""
        if at + _RECORD.size > stop:
            return False
        length, crc, kind = _RECORD.unpack(self._block(at, _RECORD.size))
        end = at + _RECORD.size + length
        if not length or end > stop or kind >= len(_KINDS):
            return False
        return _entry(kind, crc, self._block(at + _RECORD.size, length)) is not None

    def _block(self, at: int, n_bytes: int) -> memoryview:
        """So many bytes of the file. Each call to the system lets another thread in, and must wait for its turn then:
        many records at once."""
        return memoryview(os.pread(self.fd, n_bytes, at).ljust(n_bytes, b"\0"))

    def note_shipped(self, upto: int) -> None:
        """Notes in the file itself that the store has everything up to there."""
        self.shipped = upto
        os.pwrite(self.fd, _HEAD.pack(_MAGIC, upto), 0)

    def remove(self) -> None:
        """Takes the file away: the store has all of it."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        self.close()

    def set_aside(self) -> None:
        """Keeps the file for somebody to look at, where no start takes it for a journal."""
        os.rename(self.path, self.path.with_suffix(".damaged"))
        self.close()

    def close(self) -> None:
        """Lets go of the file and leaves it for the next."""
        if self._map is not None:
            self._map.close()
            self._map = None
        os.close(self.fd)


def left_over(folder: Path) -> list[Segment]:
    """The segments of workers that are gone, oldest first; unfinished ones are taken away."""
    found = []
    for path in sorted(folder.glob("*.journal")):
        segment = Segment.of_the_dead(path)
        if segment is not None:
            found.append(segment)
    for path in folder.glob("*.new"):
        unfinished = Segment.of_the_dead(path)
        if unfinished is not None:
            unfinished.remove()
    return found


class Journal:
    """The journal of one worker. `append` is called from its event loop; a shipper reads from another thread.

    `most_bytes` bounds what waits on the disk for a store that is away. On a full disk it begins without room, where
    others left something over that will be shipped; else it raises OSError.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = _SEGMENT, most_bytes: int = 2**30) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._size = folder, segment_bytes
        self._most = max(2, most_bytes // segment_bytes)
        self.sealed: list[Segment] = left_over(folder)
        try:
            self.current = Segment.new(folder, segment_bytes)
        except OSError:
            if not self.sealed:
                raise
            self.current = self.sealed.pop()  # no room until what is left over is shipped: it has none either
            self.current.size = self.current.end
        self.spare: Segment | None = None
        self._lock = threading.Lock()
        self.on_rotation: Callable[[], object] = lambda: None
        self.make_spare()

    def append(self, entry: Entry, least: Callable[[], Entry] | None = None) -> None:
        """Writes a record. What `least` gives takes the place of one that is longer than RESERVE where room is short,
        and of one that msgpack cannot hold (an integer of more than 64 bits).

        JournalFull where even that does not fit, which `has_room` rules out.
        """
        try:
            record = _record(entry)
        except (OverflowError, ValueError, TypeError):
            if least is None:
                raise
            record = _record(least())
        if len(record) > RESERVE and least is not None and not self._fits(len(record)):
            record = _record(least())
        segment = self.current
        if segment.end + len(record) > segment.size:
            segment = self._rotated()
        segment.write(record)

    def has_room(self, in_flight: int) -> bool:
        """Whether as many requests as are in flight, and one more, can be written whatever they answer."""
        needed = (in_flight + 1) * RESERVE
        current = self.current
        if current.size - current.end - RESERVE >= needed:
            return True
        spare = self.spare
        if spare is None:
            self.on_rotation()  # the disk may have room again
            return False
        return current.size - current.end + spare.size - _FIRST - 2 * RESERVE >= needed

    @property
    def unshipped_bytes(self) -> int:
        """The bytes of records that the store does not have yet."""
        return sum(segment.end - segment.shipped for segment in (*self.sealed, self.current))

    def make_spare(self) -> bool:
        """Whether there is a next segment, allocating it if need be. Called by the shipper's thread."""
        with self._lock:
            if self.spare is None and len(self.sealed) + 2 <= self._most:
                with suppress(OSError):
                    self.spare = Segment.new(self.folder, self._size)
            return self.spare is not None

    def close(self) -> None:
        """Lets go of the files; what was not shipped is for the next start."""
        for segment in self.sealed:
            segment.close()
        if self.spare is not None:
            self.spare.remove()
        if self.current.shipped == self.current.end:
            self.current.remove()
        else:
            self.current.close()

    def _fits(self, n_bytes: int) -> bool:
        current, spare = self.current, self.spare
        if n_bytes > self._size // 4:
            return False
        return spare is not None or current.end + n_bytes + self._size // 2 <= current.size

    def _rotated(self) -> Segment:
        with self._lock:
            following = self.spare
            if following is None:
                try:
                    following = Segment.new(self.folder, self._size)
                except OSError as problem:
                    raise JournalFull(str(problem)) from None
            self.spare = None
            self.sealed.append(self.current)
            self.current = following
        self.on_rotation()
        return following


def segments_of(journal: Journal) -> Sequence[Segment]:
    """All segments that may hold something for the store, oldest first."""
    return [*journal.sealed, journal.current]


def _entry(kind: int, crc: int, payload: memoryview) -> Entry | None:
    """The record that these bytes are; None where they are none."""
    if zlib.crc32(payload) != crc:
        return None
    try:
        return _decoders[kind](payload)
    except msgspec.MsgspecError:
        return None


def _record(entry: Entry) -> bytes:
    payload = _encode(entry)
    return _RECORD.pack(len(payload), zlib.crc32(payload), 0 if type(entry) is Served else 1) + payload


def _allocate(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    block = bytes(2**20)
    for at in range(0, size, len(block)):
        os.pwrite(fd, block[: size - at], at)
