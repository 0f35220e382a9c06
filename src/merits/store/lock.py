"""One writer at a time: an advisory lock on a file, which the operating system frees when the process dies.

Knows nothing about what is locked.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from merits.core.errors import StoreBusy, StoreError

__all__ = ["WriterLock"]

_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
_BYTE = 1 << 30  # Windows locks ranges, also against reading: one far past the process number


class WriterLock:
    """The lock, from construction until `release`. Raises StoreBusy, naming the process that holds it.

    The file stays when the lock is released: removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path, store: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as problem:
            raise StoreError(
                f"{store} cannot be written: {problem.strerror} ({path}).", "Choose another folder with --store."
            ) from None
        try:
            _lock(self._file)
        except OSError as problem:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() if problem.errno in _HELD else ""
            os.close(self._file)
            if problem.errno in _HELD:
                raise _busy(store, holder) from None
            raise StoreError(
                f"{store} cannot be locked: {problem.strerror}.", "Keep the store on a local disk."
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Frees the lock. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _busy(store: Path, holder: str) -> StoreBusy:
    who = f"Another run (process {holder})" if holder.isdigit() else "Another run"
    step = f"Wait until it ends, or stop it: kill {holder}." if holder.isdigit() else "Wait until it ends."
    return StoreBusy(f"{who} is writing to {store}.", f"{step} Reports can be read meanwhile.")


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, _BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
